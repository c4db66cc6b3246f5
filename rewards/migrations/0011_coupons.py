"""Coupons: batches, codes, every use of them, exports with a second person."""

import django.contrib.postgres.fields
import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models

import loyalty_crm.kernel.models.functions

GUARDS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_couponuse
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_coupon
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_couponexport
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
"""
GUARDS_BACK = """
DROP TRIGGER append_only ON rewards_couponuse;
DROP TRIGGER never_deleted ON rewards_coupon;
DROP TRIGGER never_deleted ON rewards_couponexport;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0003_throttles'),
        ('members', '0004_inputs_of_rules'),
        ('rewards', '0010_tryouts'),
    ]

    operations = [
        migrations.AddField(
            model_name='purchase',
            name='coupons',
            field=models.JSONField(db_default=[], default=list, verbose_name='coupons'),
        ),
        migrations.CreateModel(
            name='CouponBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True)),
                ('kind', models.CharField(choices=[('generic', 'one code for everybody'), ('unique', 'a code each'), ('personal', 'issued to members one by one')], max_length=8, verbose_name='kind')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('generating', 'being generated'), ('ready', 'ready'), ('closed', 'closed')], default='draft', max_length=10, verbose_name='state')),
                ('prefix', models.CharField(blank=True, max_length=20, verbose_name='prefix')),
                ('random_length', models.PositiveSmallIntegerField(default=13, verbose_name='random places')),
                ('wanted', models.PositiveBigIntegerField(verbose_name='codes wanted')),
                ('made', models.PositiveBigIntegerField(db_default=0, default=0, verbose_name='codes made')),
                ('uses_per_code', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='uses of a code')),
                ('uses_per_member', models.PositiveIntegerField(blank=True, null=True, verbose_name='uses of a member')),
                ('valid_from', models.DateTimeField(blank=True, null=True, verbose_name='valid from')),
                ('valid_until', models.DateTimeField(blank=True, null=True, verbose_name='valid until')),
                ('valid_days', models.PositiveIntegerField(blank=True, null=True, verbose_name='days valid after issue')),
                ('stores', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None, verbose_name='stores')),
                ('reopen_on_return', models.BooleanField(default=True, verbose_name='free again after a full return')),
                ('created_by', models.CharField(max_length=120, verbose_name='created by')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created at')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='kernel.job')),
                ('promotion', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='coupons', to='rewards.promotion', verbose_name='promotion')),
            ],
            options={
                'verbose_name': 'coupon batch',
                'verbose_name_plural': 'coupon batches',
            },
        ),
        migrations.CreateModel(
            name='Coupon',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(db_collation='C', max_length=40, unique=True, verbose_name='code')),
                ('max_uses', models.PositiveBigIntegerField(null=True, verbose_name='uses allowed')),
                ('uses', models.PositiveBigIntegerField(db_default=0, verbose_name='uses')),
                ('held', models.PositiveBigIntegerField(db_default=0, verbose_name='reserved')),
                ('valid_until', models.DateTimeField(null=True, verbose_name='valid until')),
                ('source', models.CharField(db_default='', default='', max_length=80)),
                ('source_ref', models.CharField(db_default='', default='', max_length=120)),
                ('issued_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='issued at')),
                ('revoked_at', models.DateTimeField(null=True, verbose_name='revoked at')),
                ('member', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='coupons', to='members.member')),
                ('batch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='coupons', to='rewards.couponbatch')),
            ],
            options={
                'verbose_name': 'coupon',
                'verbose_name_plural': 'coupons',
            },
        ),
        migrations.CreateModel(
            name='CouponExport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('requested_by', models.CharField(max_length=120, verbose_name='requested by')),
                ('requested_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='requested at')),
                ('approved_by', models.CharField(blank=True, db_default='', max_length=120, verbose_name='approved by')),
                ('approved_at', models.DateTimeField(null=True, verbose_name='approved at')),
                ('refused_at', models.DateTimeField(null=True, verbose_name='refused at')),
                ('passphrase_hash', models.CharField(blank=True, db_default='', editable=False, max_length=200)),
                ('downloaded_at', models.DateTimeField(null=True, verbose_name='downloaded at')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exports', to='rewards.couponbatch', verbose_name='batch')),
            ],
            options={
                'verbose_name': 'export of coupons',
                'verbose_name_plural': 'exports of coupons',
            },
        ),
        migrations.CreateModel(
            name='CouponTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uses', models.PositiveIntegerField(db_default=0)),
                ('held', models.PositiveIntegerField(db_default=0)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.couponbatch')),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
            ],
        ),
        migrations.CreateModel(
            name='CouponUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, unique=True)),
                ('act', models.CharField(choices=[('reserved', 'reserved'), ('redeemed', 'redeemed'), ('released', 'released'), ('rolled_back', 'rolled back')], max_length=11, verbose_name='what happened')),
                ('is_tallied', models.BooleanField(db_default=False, default=False)),
                ('source', models.CharField(max_length=80, verbose_name='source')),
                ('source_ref', models.CharField(max_length=120, verbose_name='reference')),
                ('expires_at', models.DateTimeField(null=True, verbose_name='reserved until')),
                ('actor', models.CharField(max_length=120, verbose_name='actor')),
                ('occurred_at', models.DateTimeField(verbose_name='occurred at')),
                ('recorded_at', models.DateTimeField(db_default=loyalty_crm.kernel.models.functions.ClockTimestamp(), verbose_name='recorded at')),
                ('coupon', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='history', to='rewards.coupon')),
                ('member', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('of', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ended_by', to='rewards.couponuse')),
                ('receipt', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.receipt')),
            ],
            options={
                'verbose_name': 'use of a coupon',
                'verbose_name_plural': 'uses of coupons',
            },
        ),
        migrations.AddIndex(
            model_name='couponbatch',
            index=models.Index(fields=['-created_at', '-id'], name='coupon_batches_newest'),
        ),
        migrations.AddConstraint(
            model_name='couponbatch',
            constraint=models.CheckConstraint(condition=models.Q(('made__lte', models.F('wanted'))), name='coupons_made_as_wanted'),
        ),
        migrations.AddConstraint(
            model_name='couponbatch',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'generic'), ('random_length__gte', 9), _connector='OR'), name='coupons_hard_to_guess'),
        ),
        migrations.AddConstraint(
            model_name='couponbatch',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'personal'), ('state', 'ready')), fields=('promotion',), name='one_open_personal_batch'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(fields=['batch', 'id'], name='coupons_of_batch'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(condition=models.Q(('member__isnull', False)), fields=['member', '-id'], name='coupons_of_member'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(('max_uses__isnull', True), ('max_uses__gte', django.db.models.expressions.CombinedExpression(models.F('uses'), '+', models.F('held'))), _connector='OR'), name='coupon_never_used_too_often'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.UniqueConstraint(condition=models.Q(('source', ''), _negated=True), fields=('source', 'source_ref'), name='coupon_issued_once'),
        ),
        migrations.AddIndex(
            model_name='couponexport',
            index=models.Index(fields=['-requested_at', '-id'], name='coupon_exports_newest'),
        ),
        migrations.AddConstraint(
            model_name='couponexport',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('requested_by', models.F('approved_by')), _negated=True), models.Q(('requested_by', ''), _negated=True)), name='export_needs_a_second_person'),
        ),
        migrations.AddConstraint(
            model_name='couponexport',
            constraint=models.CheckConstraint(condition=models.Q(('downloaded_at', None), models.Q(('approved_at__isnull', False), ('refused_at', None), models.Q(('approved_by', ''), _negated=True)), _connector='OR'), name='export_downloaded_when_approved'),
        ),
        migrations.AddConstraint(
            model_name='coupontally',
            constraint=models.UniqueConstraint(fields=('batch', 'member'), name='one_tally_per_member'),
        ),
        migrations.AddIndex(
            model_name='couponuse',
            index=models.Index(condition=models.Q(('act', 'reserved')), fields=['expires_at'], name='coupon_reservations'),
        ),
        migrations.AddIndex(
            model_name='couponuse',
            index=models.Index(condition=models.Q(('receipt__isnull', False)), fields=['receipt'], name='coupons_of_receipt'),
        ),
        migrations.AddConstraint(
            model_name='couponuse',
            constraint=models.UniqueConstraint(fields=('source', 'source_ref', 'act', 'coupon'), name='coupon_act_once'),
        ),
        migrations.AddConstraint(
            model_name='couponuse',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('act', 'reserved'), ('expires_at__isnull', False), ('of', None)), models.Q(('act', 'redeemed'), ('expires_at', None)), models.Q(('act__in', ['released', 'rolled_back']), ('expires_at', None), ('of__isnull', False)), _connector='OR'), name='coupon_act_ends_another'),
        ),
        migrations.RunSQL(GUARDS, GUARDS_BACK),
    ]
