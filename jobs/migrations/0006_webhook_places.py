"""Places for webhooks that nobody pays for, and indexes that find a receiver's next one."""

from django.db import migrations, models
from django.db.models import F, Q


def take_places(apps, schema_editor):
    """Tests, and the webhooks of test keys' jobs."""
    WebhookDelivery = apps.get_model("jobs", "WebhookDelivery")
    unpaid = WebhookDelivery.objects.filter(Q(job=None) | Q(job__is_test=True))
    unpaid.update(unpaid_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_line")]

    operations = [
        migrations.RemoveIndex(model_name="webhookdelivery", name="delivery_due"),
        migrations.AddField(
            model_name="webhookdelivery", name="unpaid_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                fields=["receiver", "due_at"], name="delivery_due_of", condition=Q(state="due")
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                fields=["held_until"], name="delivery_held", condition=Q(held_until__isnull=False)
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                fields=["team", "unpaid_at"], name="delivery_unpaid", condition=Q(unpaid_at__isnull=False)
            ),
        ),
        migrations.RunPython(take_places, migrations.RunPython.noop),
    ]
