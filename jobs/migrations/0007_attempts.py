"""Counts of attempts that no number of replays takes out of range."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_webhook_places")]

    operations = [
        migrations.AlterField(
            model_name="webhookdelivery", name="attempts", field=models.PositiveIntegerField(default=0)
        ),
        migrations.AlterField(
            model_name="webhookdelivery", name="attempts_before", field=models.PositiveIntegerField(default=0)
        ),
        migrations.AlterField(
            model_name="deliveryattempt", name="number", field=models.PositiveIntegerField()
        ),
    ]
