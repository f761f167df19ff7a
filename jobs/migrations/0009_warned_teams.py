"""A team is written to about all its failing receivers at once."""

from django.db import migrations, models
from django.db.models import Max


def keep_warned(apps, schema_editor):
    """When each team was last written to."""
    receivers = apps.get_model("jobs", "Receiver").objects.filter(warned_at__isnull=False)
    kept = apps.get_model("jobs", "WebhookSettings").objects
    for team, at in receivers.order_by().values_list("team").annotate(Max("warned_at")):
        kept.update_or_create(team_id=team, defaults={"warned_at": at})


class Migration(migrations.Migration):
    dependencies = [("jobs", "0008_sound_receivers")]

    operations = [
        migrations.AddField(
            model_name="webhooksettings", name="warned_at", field=models.DateTimeField(null=True)
        ),
        migrations.RunPython(keep_warned, migrations.RunPython.noop),
        migrations.RemoveField(model_name="receiver", name="warned_at"),
    ]
