"""A job keeps its client's own name for it, and what the client wants kept with it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0003_webhooks"),
    ]

    operations = [
        migrations.AddField("job", "reference", models.CharField(blank=True, default="", max_length=200)),
        migrations.AddField("job", "metadata", models.JSONField(default=dict)),
        migrations.AddIndex(
            "job",
            models.Index(fields=["team", "reference", "-created_at", "-id"], name="job_by_reference"),
        ),
    ]
