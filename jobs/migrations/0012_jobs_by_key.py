import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_people_keys_and_credits"),
        ("jobs", "0011_reconciliation"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="key",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.apikey",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["key", "-created_at", "-id"], name="job_by_key"),
        ),
    ]
