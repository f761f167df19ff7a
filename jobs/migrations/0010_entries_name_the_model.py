"""Write into older lines of the ledger what their job made."""

from django.db import migrations
from django.db.models import OuterRef, Subquery


def name_models(apps, schema_editor):
    jobs = apps.get_model("jobs", "Job").objects.filter(pk=OuterRef("job_id"))
    entries = apps.get_model("accounts", "Entry").objects.filter(job_id__in=jobs.model.objects.values("pk"))
    entries.update(model=Subquery(jobs.values("model")[:1]))


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0009_warned_teams"),
        ("accounts", "0003_people_keys_and_credits"),
    ]

    operations = [migrations.RunPython(name_models, migrations.RunPython.noop)]
