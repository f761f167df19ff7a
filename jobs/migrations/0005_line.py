"""The lines are fair between teams, and jobs of test keys stand in one of their own."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import F


def stand_in_line(apps, schema_editor):
    """A job for another server waits in that server's line."""
    Job = apps.get_model("jobs", "Job")
    Job.objects.exclude(connection=None).update(line=F("connection_id"))


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_test_keys_and_line'),
        ('jobs', '0004_job_reference'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='job',
            name='job_queued',
        ),
        migrations.AddField(
            model_name='job',
            name='is_test',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='job',
            name='line',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='job',
            name='turn',
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.RunPython(stand_in_line, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['line', 'turn', 'created_at', 'ready', 'team'], name='job_line'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('connection__isnull', False), ('ready', True), ('state', 'queued')), fields=['line', 'attempt', 'turn', 'created_at'], name='job_send_line'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('ready', False), ('state', 'queued')), fields=['turn', 'created_at', 'team'], name='job_fetch_line'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['line', 'team', 'turn'], name='job_turns'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state', 'running')), fields=['line', 'team', 'turn'], name='job_in_hand'),
        ),
    ]
