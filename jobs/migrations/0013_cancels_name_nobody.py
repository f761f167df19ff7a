"""Whoever canceled a job on the site was named by their address, which outlived a change of address and the account."""

from django.db import migrations


def blank(apps, schema_editor):
    events = apps.get_model("jobs", "JobEvent")
    events.objects.filter(verb="cancel", reason__contains="@").update(reason="")


class Migration(migrations.Migration):
    dependencies = [("jobs", "0012_jobs_by_key")]

    operations = [migrations.RunPython(blank, migrations.RunPython.noop, elidable=True)]
