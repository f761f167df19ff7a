"""Webhooks get a receiver each, a log of whole attempts, a default address and secrets that overlap."""

from urllib.parse import urlsplit

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


def give_receivers(apps, schema_editor):
    """Every delivery that is there belongs to its job's team and to a receiver."""
    Delivery = apps.get_model("jobs", "WebhookDelivery")
    Receiver = apps.get_model("jobs", "Receiver")
    pairs = Delivery.objects.order_by().values_list("job__team_id", "host").distinct()
    for team_id, host in list(pairs):
        receiver = Receiver.objects.create(team_id=team_id, host=host)
        Delivery.objects.filter(job__team_id=team_id, host=host).update(team_id=team_id, receiver=receiver)
    _settle(schema_editor)


def give_hosts(apps, schema_editor):
    """Backwards: tests have no job, and go; the others get their host again."""
    Delivery = apps.get_model("jobs", "WebhookDelivery")
    Delivery.objects.filter(job=None).delete()
    for delivery in Delivery.objects.iterator():
        Delivery.objects.filter(pk=delivery.pk).update(host=urlsplit(delivery.url).netloc[:260])
    _settle(schema_editor)


def _settle(schema_editor):
    """PostgreSQL alters no table whose foreign keys are still to be checked."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0001_initial"),
        ("jobs", "0002_job_prompt_words"),
    ]

    operations = [
        migrations.CreateModel(
            name="Receiver",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("team", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="receivers", to="accounts.team")),
                ("host", models.CharField(max_length=260)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("last_problem", models.TextField(blank=True)),
                ("served_at", models.DateTimeField(null=True)),
                ("warned_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("team", "host"), name="receiver_once")],
                "indexes": [models.Index(condition=models.Q(("failing_since__isnull", False)), fields=["failing_since"], name="receiver_failing")],
            },
        ),
        migrations.CreateModel(
            name="RetiredSecret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("team", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="retired_secrets", to="accounts.team")),
                ("sealed", models.TextField()),
                ("retired_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("signs_until", models.DateTimeField()),
            ],
            options={"ordering": ["-pk"]},
        ),
        migrations.CreateModel(
            name="WebhookSettings",
            fields=[
                ("team", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="webhook_settings", serialize=False, to="accounts.team")),
                ("url", models.TextField(blank=True)),
                ("browser_jobs", models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField("webhookdelivery", "team", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="accounts.team")),
        migrations.AddField("webhookdelivery", "receiver", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="jobs.receiver")),
        migrations.AddField("webhookdelivery", "attempts_before", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("webhookdelivery", "document", models.TextField(null=True)),
        migrations.AddField("webhookdelivery", "tried_at", models.DateTimeField(null=True)),
        migrations.AlterField("webhookdelivery", "job", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="jobs.job")),
        migrations.AlterField("webhookdelivery", "host", models.CharField(default="", max_length=260)),
        migrations.RunPython(give_receivers, give_hosts),
        migrations.AlterField("webhookdelivery", "team", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="accounts.team")),
        migrations.AlterField("webhookdelivery", "receiver", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="jobs.receiver")),
        migrations.RemoveField("webhookdelivery", "host"),
        migrations.AddIndex("webhookdelivery", models.Index(fields=["team", "-created_at", "-id"], name="delivery_by_team")),
        migrations.AddField("deliveryattempt", "code", models.CharField(blank=True, max_length=40)),
        migrations.AddField("deliveryattempt", "next_at", models.DateTimeField(null=True)),
        migrations.AlterField("deliveryattempt", "duration_ms", models.PositiveIntegerField(null=True)),
        migrations.AddConstraint("deliveryattempt", models.UniqueConstraint(fields=("delivery", "number"), name="attempt_once")),
        migrations.AddIndex("deliveryattempt", models.Index(fields=["at"], name="attempt_by_age")),
    ]
