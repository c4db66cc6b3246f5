"""The catalogue of rewards, redemptions, causes and services as a benefit."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import loyalty_crm.kernel.ids
import loyalty_crm.kernel.models.functions
from django.db import migrations, models

# How a redemption moves, what entitlements follow from, and that what was told once stays told.
GUARDS = """
CREATE FUNCTION rewards_guard_redemption() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('requested', 'reserved') THEN
            RAISE EXCEPTION 'a redemption begins open' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'redemption_moves_forward';
        END IF;
    ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('requested', 'reserved'), ('requested', 'cancelled'), ('requested', 'expired'),
        ('reserved', 'fulfilled'), ('reserved', 'cancelled'), ('reserved', 'expired'),
        ('fulfilled', 'cancelled')) THEN
        RAISE EXCEPTION 'a redemption does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'redemption_moves_forward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER moves_forward BEFORE INSERT OR UPDATE ON rewards_redemption
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_redemption();

CREATE FUNCTION rewards_keep_redemption_step() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.state <> OLD.state THEN
        INSERT INTO rewards_redemptionstep (redemption_id, state, reason, actor)
        VALUES (NEW.id, NEW.state, NEW.reason, NEW.actor);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER steps_are_kept AFTER INSERT OR UPDATE ON rewards_redemption
    FOR EACH ROW EXECUTE FUNCTION rewards_keep_redemption_step();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_redemption
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_redemptionstep
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();

CREATE FUNCTION rewards_guard_reward_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.redemption_id IS NOT NULL THEN
        RAISE EXCEPTION 'a code that was given out stays given'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER given_once BEFORE UPDATE ON rewards_rewardcode
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_reward_code();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_rewardcode
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_rewardstock
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();

CREATE FUNCTION rewards_guard_counter_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE known record;
BEGIN
    IF NEW.reverses_id IS NOT NULL THEN
        EXECUTE format('SELECT cause_id, amount_minor, reverses_id FROM %I WHERE id = $1',
                       TG_TABLE_NAME) INTO known USING NEW.reverses_id;
        IF known.reverses_id IS NOT NULL OR known.cause_id <> NEW.cause_id
           OR known.amount_minor + NEW.amount_minor <> 0 THEN
            RAISE EXCEPTION 'a counter row takes back the whole of one row of the same cause'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counters_exactly BEFORE INSERT ON rewards_pledge
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_counter_row();
CREATE TRIGGER counters_exactly BEFORE INSERT ON rewards_causepayment
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_counter_row();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_pledge
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_causepayment
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();

CREATE FUNCTION rewards_count_service_use() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE rewards_entitlement SET used = used + NEW.amount WHERE id = NEW.entitlement_id;
    RETURN NULL;
END $$;
CREATE TRIGGER uses_are_counted AFTER INSERT ON rewards_serviceuse
    FOR EACH ROW EXECUTE FUNCTION rewards_count_service_use();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_serviceuse
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_entitlement
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
"""
GUARDS_BACK = """
DROP TRIGGER never_deleted ON rewards_entitlement;
DROP TRIGGER append_only ON rewards_serviceuse;
DROP TRIGGER uses_are_counted ON rewards_serviceuse;
DROP FUNCTION rewards_count_service_use();
DROP TRIGGER append_only ON rewards_causepayment;
DROP TRIGGER append_only ON rewards_pledge;
DROP TRIGGER counters_exactly ON rewards_causepayment;
DROP TRIGGER counters_exactly ON rewards_pledge;
DROP FUNCTION rewards_guard_counter_row();
DROP TRIGGER never_deleted ON rewards_rewardstock;
DROP TRIGGER never_deleted ON rewards_rewardcode;
DROP TRIGGER given_once ON rewards_rewardcode;
DROP FUNCTION rewards_guard_reward_code();
DROP TRIGGER append_only ON rewards_redemptionstep;
DROP TRIGGER never_deleted ON rewards_redemption;
DROP TRIGGER steps_are_kept ON rewards_redemption;
DROP FUNCTION rewards_keep_redemption_step();
DROP TRIGGER moves_forward ON rewards_redemption;
DROP FUNCTION rewards_guard_redemption();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('members', '0004_inputs_of_rules'),
        ('rewards', '0016_stamps_and_challenges'),
    ]

    operations = [
        migrations.CreateModel(
            name='Cause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('description', models.TextField(blank=True, default='', max_length=2000, verbose_name='description')),
                ('translations', models.JSONField(blank=True, db_default={}, default=dict, editable=False)),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('code', models.SlugField(max_length=40, verbose_name='code')),
                ('url', models.URLField(blank=True, default='', max_length=300, verbose_name='web page')),
                ('is_active', models.BooleanField(db_default=True, default=True, verbose_name='may be chosen')),
                ('is_default', models.BooleanField(db_default=False, default=False, verbose_name='for members who chose none')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created at')),
                ('programme', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='causes', to='rewards.programme')),
            ],
            options={
                'verbose_name': 'cause',
                'verbose_name_plural': 'causes',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='CausePayment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('amount_minor', models.BigIntegerField(verbose_name='amount')),
                ('paid_on', models.DateField(verbose_name='paid on')),
                ('document', models.CharField(max_length=120, verbose_name='document')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('actor', models.CharField(max_length=120, verbose_name='actor')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='recorded at')),
                ('cause', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='rewards.cause')),
                ('reverses', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='rewards.causepayment')),
            ],
            options={
                'verbose_name': 'payment to a cause',
                'verbose_name_plural': 'payments to causes',
            },
        ),
        migrations.CreateModel(
            name='MemberCause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chosen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='chosen at')),
                ('cause', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.cause')),
                ('member', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='chosen_cause', to='members.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'cause of a member',
                'verbose_name_plural': 'causes of members',
            },
        ),
        migrations.CreateModel(
            name='Pledge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('amount_minor', models.BigIntegerField(verbose_name='amount')),
                ('source_ref', models.CharField(max_length=120, unique=True)),
                ('occurred_at', models.DateTimeField(verbose_name='occurred at')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='recorded at')),
                ('cause', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pledges', to='rewards.cause')),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='pledges', to='members.member', verbose_name='member')),
                ('reverses', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversed_by', to='rewards.pledge')),
            ],
            options={
                'verbose_name': 'pledge',
                'verbose_name_plural': 'pledges',
            },
        ),
        migrations.CreateModel(
            name='Redemption',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('state', models.CharField(choices=[('requested', 'waits for staff'), ('reserved', 'set aside'), ('fulfilled', 'handed over'), ('cancelled', 'cancelled'), ('expired', 'not fetched')], max_length=9, verbose_name='state')),
                ('points', models.PositiveBigIntegerField(verbose_name='points')),
                ('money_minor', models.PositiveBigIntegerField(default=0, verbose_name='money')),
                ('payment_ref', models.CharField(blank=True, max_length=120, verbose_name='receipt of the money')),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('issued', models.JSONField(db_default={}, default=dict)),
                ('source', models.CharField(max_length=80, verbose_name='source')),
                ('source_ref', models.CharField(max_length=120, verbose_name='reference')),
                ('requested_at', models.DateTimeField(verbose_name='taken at')),
                ('reserved_until', models.DateTimeField(null=True, verbose_name='kept until')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended at')),
                ('actor', models.CharField(max_length=120)),
                ('reason', models.CharField(blank=True, default='', max_length=300, verbose_name='reason')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='redemptions', to='members.member', verbose_name='member')),
                ('restored_tx', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.ledgertx')),
                ('stock_level', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='members.stocklevel')),
                ('store', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='members.store', verbose_name='store')),
                ('tx', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.ledgertx')),
                ('wallet', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='redemptions', to='rewards.wallet')),
            ],
            options={
                'verbose_name': 'redemption',
                'verbose_name_plural': 'redemptions',
            },
        ),
        migrations.CreateModel(
            name='RedemptionStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('requested', 'waits for staff'), ('reserved', 'set aside'), ('fulfilled', 'handed over'), ('cancelled', 'cancelled'), ('expired', 'not fetched')], max_length=9, verbose_name='state')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('actor', models.CharField(max_length=120, verbose_name='actor')),
                ('at', models.DateTimeField(db_default=loyalty_crm.kernel.models.functions.ClockTimestamp(), verbose_name='at')),
                ('redemption', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='rewards.redemption')),
            ],
            options={
                'verbose_name': 'step of a redemption',
                'verbose_name_plural': 'steps of redemptions',
            },
        ),
        migrations.CreateModel(
            name='Reward',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('description', models.TextField(blank=True, default='', max_length=2000, verbose_name='description')),
                ('translations', models.JSONField(blank=True, db_default={}, default=dict, editable=False)),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('code', models.SlugField(max_length=40, verbose_name='code')),
                ('kind', models.CharField(choices=[('discount', 'discount'), ('product', 'gift product'), ('service', 'service'), ('free_delivery', 'free delivery'), ('experience', 'experience'), ('partner_code', "partner's code"), ('donation', 'donation'), ('gift_card', 'gift card'), ('game_play', 'turn in a game'), ('draw_ticket', 'ticket of a prize draw')], max_length=16, verbose_name='kind')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('live', 'on offer'), ('paused', 'paused'), ('retired', 'retired')], default='draft', max_length=8, verbose_name='state')),
                ('price_points', models.PositiveBigIntegerField(verbose_name='price in points')),
                ('price_money_minor', models.PositiveBigIntegerField(db_default=0, default=0, verbose_name='and money on top')),
                ('image_url', models.URLField(blank=True, default='', max_length=500, verbose_name='address of a picture')),
                ('award_code', models.CharField(blank=True, max_length=80, verbose_name='code of the game or draw')),
                ('quantity', models.PositiveIntegerField(db_default=1, default=1, verbose_name='how many')),
                ('value_minor', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='worth in money')),
                ('valid_days', models.PositiveIntegerField(blank=True, null=True, verbose_name='valid, days')),
                ('stock_mode', models.CharField(choices=[('unlimited', 'not counted'), ('counted', 'counted here, by store or for all stores'), ('warehouse', "the product's stock of the store")], default='unlimited', max_length=10, verbose_name='stock')),
                ('starts_at', models.DateTimeField(blank=True, null=True, verbose_name='on offer from')),
                ('ends_at', models.DateTimeField(blank=True, null=True, verbose_name='on offer until')),
                ('needs_confirmation', models.BooleanField(db_default=False, default=False, verbose_name='staff confirm each one')),
                ('reserve_days', models.PositiveSmallIntegerField(db_default=7, default=7, verbose_name='kept for the member, days')),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), blank=True, default=list, size=None)),
                ('segments', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), blank=True, default=list, size=None)),
                ('stores', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None)),
                ('min_membership_days', models.PositiveIntegerField(db_default=0, default=0, verbose_name='member for at least, days')),
                ('per_member', models.PositiveIntegerField(blank=True, null=True, verbose_name='most for one member')),
                ('per_member_days', models.PositiveIntegerField(blank=True, null=True, verbose_name='counted over so many days')),
                ('sort', models.SmallIntegerField(db_default=0, default=0, verbose_name='place in the list')),
                ('version', models.PositiveIntegerField(db_default=1, default=1, editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created at')),
                ('cause', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.cause', verbose_name='cause')),
                ('min_tier', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.tier', verbose_name='from tier')),
                ('product', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='members.product', verbose_name='product')),
                ('programme', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rewards', to='rewards.programme')),
                ('promotion', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.promotion', verbose_name='promotion of the coupon')),
            ],
            options={
                'verbose_name': 'reward',
                'verbose_name_plural': 'rewards',
            },
        ),
        migrations.AddField(
            model_name='redemption',
            name='reward',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='rewards.reward', verbose_name='reward'),
        ),
        migrations.CreateModel(
            name='AffordableReward',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('told_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='members.member')),
                ('reward', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.reward')),
            ],
        ),
        migrations.CreateModel(
            name='RewardCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=80, verbose_name='code')),
                ('added_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='added at')),
                ('redemption', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='partner_code', to='rewards.redemption')),
                ('reward', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='codes', to='rewards.reward')),
            ],
            options={
                'verbose_name': "partner's code",
                'verbose_name_plural': "partner's codes",
            },
        ),
        migrations.CreateModel(
            name='RewardStock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on_hand', models.PositiveIntegerField(default=0, verbose_name='in stock')),
                ('held', models.PositiveIntegerField(db_default=0, default=0, verbose_name='set aside')),
                ('reward', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stock', to='rewards.reward')),
                ('store', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='members.store', verbose_name='store')),
            ],
            options={
                'verbose_name': 'stock of a reward',
                'verbose_name_plural': 'stock of rewards',
            },
        ),
        migrations.AddField(
            model_name='redemption',
            name='stock',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.rewardstock'),
        ),
        migrations.CreateModel(
            name='Service',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('description', models.TextField(blank=True, default='', max_length=2000, verbose_name='description')),
                ('translations', models.JSONField(blank=True, db_default={}, default=dict, editable=False)),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('code', models.SlugField(max_length=40, verbose_name='code')),
                ('is_active', models.BooleanField(db_default=True, default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created at')),
                ('programme', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='services', to='rewards.programme')),
            ],
            options={
                'verbose_name': 'service',
                'verbose_name_plural': 'services',
                'ordering': ['name'],
            },
        ),
        migrations.AddField(
            model_name='reward',
            name='service',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.service', verbose_name='service'),
        ),
        migrations.CreateModel(
            name='Entitlement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=120, verbose_name='source')),
                ('begins', models.DateField(verbose_name='from')),
                ('ends', models.DateField(null=True, verbose_name='until')),
                ('granted', models.PositiveIntegerField(verbose_name='granted')),
                ('used', models.PositiveIntegerField(db_default=0, verbose_name='used')),
                ('reason', models.CharField(blank=True, default='', max_length=300, verbose_name='reason')),
                ('actor', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created at')),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='entitlements', to='members.member', verbose_name='member')),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entitlements', to='rewards.service')),
            ],
            options={
                'verbose_name': 'entitlement to a service',
                'verbose_name_plural': 'entitlements to services',
            },
        ),
        migrations.CreateModel(
            name='ServiceRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('count', models.PositiveSmallIntegerField(verbose_name='how many')),
                ('period', models.CharField(choices=[('month', 'a month'), ('quarter', 'a quarter'), ('year', 'a year')], default='year', max_length=7, verbose_name='in')),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rules', to='rewards.service')),
                ('tier', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='rewards.tier', verbose_name='from tier')),
            ],
            options={
                'verbose_name': 'rule of a service',
                'verbose_name_plural': 'rules of services',
            },
        ),
        migrations.CreateModel(
            name='ServiceUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True)),
                ('amount', models.SmallIntegerField(verbose_name='amount')),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
                ('source', models.CharField(max_length=80, verbose_name='source')),
                ('source_ref', models.CharField(max_length=120, verbose_name='reference')),
                ('actor', models.CharField(max_length=120, verbose_name='actor')),
                ('occurred_at', models.DateTimeField(verbose_name='occurred at')),
                ('recorded_at', models.DateTimeField(db_default=loyalty_crm.kernel.models.functions.ClockTimestamp(), verbose_name='recorded at')),
                ('entitlement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='uses', to='rewards.entitlement')),
                ('of', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='rewards.serviceuse')),
                ('store', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='members.store')),
            ],
            options={
                'verbose_name': 'use of a service',
                'verbose_name_plural': 'uses of services',
            },
        ),
        migrations.AddConstraint(
            model_name='cause',
            constraint=models.UniqueConstraint(fields=('programme', 'code'), name='cause_code_once'),
        ),
        migrations.AddConstraint(
            model_name='cause',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('programme',), name='one_default_cause'),
        ),
        migrations.AddConstraint(
            model_name='cause',
            constraint=models.CheckConstraint(condition=models.Q(('code', 'chosen'), _negated=True), name='cause_is_not_a_choice'),
        ),
        migrations.AddConstraint(
            model_name='causepayment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount_minor__gt', 0), ('reverses', None)), models.Q(('amount_minor__lt', 0), ('reverses__isnull', False)), _connector='OR'), name='payment_pays_or_counters'),
        ),
        migrations.AddConstraint(
            model_name='causepayment',
            constraint=models.UniqueConstraint(condition=models.Q(('reverses', None)), fields=('cause', 'document'), name='document_pays_a_cause_once'),
        ),
        migrations.AddIndex(
            model_name='pledge',
            index=models.Index(fields=['cause', 'occurred_at'], name='pledges_of_cause'),
        ),
        migrations.AddConstraint(
            model_name='pledge',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount_minor__gt', 0), ('reverses', None)), models.Q(('amount_minor__lt', 0), ('reverses__isnull', False)), _connector='OR'), name='pledge_gives_or_takes_back'),
        ),
        migrations.AddConstraint(
            model_name='affordablereward',
            constraint=models.UniqueConstraint(fields=('member', 'reward'), name='told_once_of_a_reward'),
        ),
        migrations.AddIndex(
            model_name='rewardcode',
            index=models.Index(condition=models.Q(('redemption', None)), fields=['reward', 'id'], name='codes_to_give'),
        ),
        migrations.AddConstraint(
            model_name='rewardcode',
            constraint=models.UniqueConstraint(fields=('reward', 'code'), name='reward_code_in_pool_once'),
        ),
        migrations.AddConstraint(
            model_name='rewardstock',
            constraint=models.UniqueConstraint(fields=('reward', 'store'), name='one_reward_stock', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='rewardstock',
            constraint=models.CheckConstraint(condition=models.Q(('on_hand__gte', models.F('held'))), name='reward_stock_never_below_zero'),
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=models.Index(fields=['member', 'reward', 'requested_at'], name='redeemed_by_member'),
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=models.Index(fields=['reward', 'state'], name='redemptions_of_reward'),
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=models.Index(condition=models.Q(('state__in', ['requested', 'reserved'])), fields=['reserved_until'], name='redemptions_waiting'),
        ),
        migrations.AddConstraint(
            model_name='redemption',
            constraint=models.UniqueConstraint(fields=('source', 'source_ref'), name='redemption_once'),
        ),
        migrations.AddConstraint(
            model_name='redemption',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('state__in', ['requested', 'reserved'])), models.Q(('ended_at__isnull', False), ('state__in', ['fulfilled', 'cancelled', 'expired'])), _connector='OR'), name='redemption_ends_when_it_ends'),
        ),
        migrations.AddConstraint(
            model_name='service',
            constraint=models.UniqueConstraint(fields=('programme', 'code'), name='service_code_once'),
        ),
        migrations.AddIndex(
            model_name='reward',
            index=models.Index(fields=['programme', 'state', 'price_points'], name='reward_shelf'),
        ),
        migrations.AddConstraint(
            model_name='reward',
            constraint=models.UniqueConstraint(fields=('programme', 'code'), name='reward_code_once'),
        ),
        migrations.AddConstraint(
            model_name='reward',
            constraint=models.CheckConstraint(condition=models.Q(('price_money_minor__lte', 1000000000000), ('price_points__range', (1, 1000000000000))), name='reward_costs_points'),
        ),
        migrations.AddConstraint(
            model_name='reward',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', 1), models.Q(models.Q(('kind', 'discount'), ('promotion__isnull', False)), models.Q(('kind', 'product'), ('product__isnull', False)), models.Q(('kind', 'service'), ('service__isnull', False)), ('kind__in', ['free_delivery', 'experience', 'partner_code']), models.Q(('kind__in', ['gift_card', 'donation']), ('value_minor__gt', 0)), models.Q(('kind__in', ['game_play', 'draw_ticket']), models.Q(('award_code', ''), _negated=True)), _connector='OR')), name='reward_says_what_it_gives'),
        ),
        migrations.AddConstraint(
            model_name='reward',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('stock_mode', 'warehouse'), _negated=True), ('kind', 'product'), _connector='OR'), name='warehouse_stock_is_of_a_product'),
        ),
        migrations.AddConstraint(
            model_name='reward',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at', None), ('ends_at', None), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='reward_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='reward',
            constraint=models.CheckConstraint(condition=models.Q(('reserve_days__range', (1, 366)), models.Q(('valid_days', None), ('valid_days__range', (1, 3660)), _connector='OR'), models.Q(('per_member', None), ('per_member__gte', 1), _connector='OR'), models.Q(('per_member_days', None), ('per_member_days__range', (1, 3660)), _connector='OR')), name='reward_days_are_bounded'),
        ),
        migrations.AddConstraint(
            model_name='entitlement',
            constraint=models.UniqueConstraint(fields=('member', 'service', 'source', 'begins'), name='one_entitlement'),
        ),
        migrations.AddConstraint(
            model_name='entitlement',
            constraint=models.CheckConstraint(condition=models.Q(('used__lte', models.F('granted'))), name='service_never_used_too_often'),
        ),
        migrations.AddConstraint(
            model_name='entitlement',
            constraint=models.CheckConstraint(condition=models.Q(('ends', None), ('ends__gt', models.F('begins')), _connector='OR'), name='entitlement_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='servicerule',
            constraint=models.UniqueConstraint(fields=('service', 'tier', 'period'), name='one_service_rule', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='servicerule',
            constraint=models.CheckConstraint(condition=models.Q(('count__range', (1, 1000))), name='service_rule_counts'),
        ),
        migrations.AddConstraint(
            model_name='serviceuse',
            constraint=models.UniqueConstraint(fields=('source', 'source_ref'), name='service_used_once'),
        ),
        migrations.AddConstraint(
            model_name='serviceuse',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', 1), ('of', None)), models.Q(('amount', -1), ('of__isnull', False)), _connector='OR'), name='service_use_counts_one'),
        ),
        migrations.RunSQL(GUARDS, GUARDS_BACK),
    ]
