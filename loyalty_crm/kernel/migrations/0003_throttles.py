"""Counters of what may happen only so often."""

import django.contrib.postgres.fields
import loyalty_crm.kernel.models.functions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0002_guards'),
    ]

    operations = [
        migrations.CreateModel(
            name='Throttle',
            fields=[
                ('bucket', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('failed', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), db_default=[], default=list, size=None)),
                ('pending', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), db_default=[], default=list, size=None)),
                ('hits', models.PositiveIntegerField(db_default=0)),
                ('began_at', models.DateTimeField(db_default=loyalty_crm.kernel.models.functions.ClockTimestamp())),
                ('touched_at', models.DateTimeField(db_default=loyalty_crm.kernel.models.functions.ClockTimestamp(), db_index=True)),
                ('alerted_at', models.DateTimeField(null=True)),
            ],
        ),
    ]
