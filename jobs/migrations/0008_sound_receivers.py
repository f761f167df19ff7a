"""Receivers that have taken what was sent last, and turns of teams."""

import django.utils.timezone
from django.db import migrations, models


def tell_sound(apps, schema_editor):
    """Those that have been tried, and were not failing."""
    receivers = apps.get_model("jobs", "Receiver").objects
    receivers.filter(failures=0, served_at__isnull=False).update(sound=True)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0007_attempts")]

    operations = [
        migrations.AddField(model_name="receiver", name="sound", field=models.BooleanField(default=False)),
        migrations.RunPython(tell_sound, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="receiver",
            name="served_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddIndex(
            model_name="receiver",
            index=models.Index(fields=["team", "served_at"], name="receiver_served"),
        ),
    ]
