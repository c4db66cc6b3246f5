"""Counted limits: counters, holds, alerts, and the moves that explain them."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import loyalty_crm.kernel.ids
import loyalty_crm.kernel.models.functions
from django.db import migrations, models


GUARDS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_limituse
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_limitalert
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_limitcounter
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
"""
GUARDS_BACK = """
DROP TRIGGER append_only ON rewards_limituse;
DROP TRIGGER append_only ON rewards_limitalert;
DROP TRIGGER never_deleted ON rewards_limitcounter;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('members', '0004_inputs_of_rules'),
        ('rewards', '0011_coupons'),
    ]

    operations = [
        migrations.CreateModel(
            name='LimitCounter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('per', models.CharField(max_length=12)),
                ('what', models.CharField(max_length=6)),
                ('holder', models.BigIntegerField(db_default=0)),
                ('key', models.CharField(db_default='', max_length=10)),
                ('used', models.BigIntegerField(db_default=0, verbose_name='used')),
                ('held', models.BigIntegerField(db_default=0, verbose_name='held')),
                ('most', models.BigIntegerField(verbose_name='limit')),
                ('over', models.BigIntegerField(db_default=0, verbose_name='accepted beyond the limit')),
                ('moved_to', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.limitcounter')),
                ('promotion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='counters', to='rewards.promotion')),
            ],
            options={
                'verbose_name': 'limit counter',
                'verbose_name_plural': 'limit counters',
            },
        ),
        migrations.CreateModel(
            name='LimitAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('percent', models.PositiveSmallIntegerField(verbose_name='percent')),
                ('used', models.BigIntegerField(verbose_name='used')),
                ('most', models.BigIntegerField(verbose_name='limit')),
                ('reached_at', models.DateTimeField(db_default=loyalty_crm.kernel.models.functions.ClockTimestamp(), verbose_name='reached at')),
                ('counter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='rewards.limitcounter')),
            ],
            options={
                'verbose_name': 'budget alert',
                'verbose_name_plural': 'budget alerts',
            },
        ),
        migrations.CreateModel(
            name='LimitHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('owner', models.CharField(max_length=80)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created at')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended at')),
                ('outcome', models.CharField(choices=[('captured', 'captured'), ('released', 'released'), ('expired', 'expired')], db_default='', max_length=10, verbose_name='outcome')),
            ],
            options={
                'verbose_name': 'hold of limits',
                'verbose_name_plural': 'holds of limits',
                'indexes': [models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['expires_at'], name='open_limit_holds')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('outcome', '')), models.Q(('ended_at__isnull', False), models.Q(('outcome', ''), _negated=True)), _connector='OR'), name='limit_hold_ends_with_an_outcome')],
            },
        ),
        migrations.CreateModel(
            name='LimitUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('use', 'used by a sale'), ('over', 'used beyond the limit'), ('release', 'given back by a return'), ('hold', 'held by a quote'), ('free', 'no longer held'), ('merge', 'moved by a merge')], max_length=10)),
                ('used', models.BigIntegerField(db_default=0)),
                ('held', models.BigIntegerField(db_default=0)),
                ('returns', models.BooleanField(db_default=True)),
                ('recorded_at', models.DateTimeField(db_default=loyalty_crm.kernel.models.functions.ClockTimestamp())),
                ('counter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='moves', to='rewards.limitcounter')),
                ('hold', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='moves', to='rewards.limithold')),
                ('receipt', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='members.receipt')),
                ('version', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.promotionversion')),
            ],
            options={
                'verbose_name': 'use of a limit',
                'verbose_name_plural': 'uses of limits',
            },
        ),
        migrations.AddConstraint(
            model_name='limitcounter',
            constraint=models.UniqueConstraint(fields=('holder', 'per', 'key', 'promotion', 'what'), name='one_counter_per_holder_and_period'),
        ),
        migrations.AddConstraint(
            model_name='limitcounter',
            constraint=models.CheckConstraint(condition=models.Q(('held__gte', 0), ('over__gte', 0), ('used__gte', 0), ('used__lte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('most'), '+', models.F('over')), '-', models.F('held')))), name='limit_never_exceeded'),
        ),
        migrations.AddConstraint(
            model_name='limitalert',
            constraint=models.UniqueConstraint(fields=('counter', 'percent'), name='a_threshold_is_told_once'),
        ),
        migrations.AddIndex(
            model_name='limituse',
            index=models.Index(condition=models.Q(('hold__isnull', False)), fields=['hold'], name='moves_of_limit_holds'),
        ),
        migrations.AddConstraint(
            model_name='limituse',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('used', 0), _negated=True), models.Q(('held', 0), _negated=True), _connector='OR'), name='a_use_moves_something'),
        ),
        migrations.RunSQL(GUARDS, GUARDS_BACK),
    ]
