"""Keys that cost nothing, and how many of a team's jobs are made at once."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='apikey',
            name='is_test',
            field=models.BooleanField(db_default=False, default=False, editable=False, verbose_name='test key'),
        ),
        migrations.AddField(
            model_name='team',
            name='concurrency',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='jobs at once'),
        ),
    ]
