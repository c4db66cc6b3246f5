"""What members get and give besides buying: bonuses, actions, transfers, pools, friends."""

import django.db.models.deletion
import django.db.models.functions.datetime
import loyalty_crm.kernel.ids
from django.db import migrations, models


# A decision is made once: the database knows which state may follow which, whoever writes.
STATES = """
CREATE FUNCTION beyond_state_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND NOT (TG_ARGV[0]::jsonb -> OLD.state) ? NEW.state THEN
        RAISE EXCEPTION '%: % does not follow %', TG_TABLE_NAME, NEW.state, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER states BEFORE UPDATE OF state ON rewards_actionevent FOR EACH ROW
    EXECUTE FUNCTION beyond_state_moves(
        '{"pending": ["granted", "rejected"], "granted": ["reversed"], "rejected": [], "over_limit": [], "reversed": []}');
CREATE TRIGGER states BEFORE UPDATE OF state ON rewards_pointstransfer FOR EACH ROW
    EXECUTE FUNCTION beyond_state_moves(
        '{"waiting": ["done", "cancelled"], "done": ["reversed"], "cancelled": [], "reversed": []}');
CREATE TRIGGER states BEFORE UPDATE OF state ON rewards_referral FOR EACH ROW
    EXECUTE FUNCTION beyond_state_moves(
        '{"enrolled": ["qualified", "held", "refused"], "held": ["enrolled", "qualified", "refused"], "qualified": ["rewarded", "enrolled", "held", "refused"], "rewarded": ["clawed_back"], "refused": [], "clawed_back": []}');
CREATE FUNCTION beyond_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is forbidden: it is history', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_poolmove
    FOR EACH ROW EXECUTE FUNCTION beyond_history();
CREATE TRIGGER never_deleted BEFORE DELETE ON rewards_bonus
    FOR EACH ROW EXECUTE FUNCTION beyond_history();
CREATE FUNCTION beyond_bonus_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.taken_back_at IS NOT NULL
       OR (OLD.tx_id IS NOT NULL AND NEW.tx_id IS DISTINCT FROM OLD.tx_id)
       OR (NEW.member_id, NEW.source, NEW.source_ref, NEW.kind, NEW.code, NEW.amount, NEW.day)
          <> (OLD.member_id, OLD.source, OLD.source_ref, OLD.kind, OLD.code, OLD.amount, OLD.day) THEN
        RAISE EXCEPTION 'a bonus is given once and taken back once'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON rewards_bonus
    FOR EACH ROW EXECUTE FUNCTION beyond_bonus_guard();
"""
STATES_BACK = """
DROP TRIGGER states ON rewards_actionevent;
DROP TRIGGER states ON rewards_pointstransfer;
DROP TRIGGER states ON rewards_referral;
DROP FUNCTION beyond_state_moves();
DROP TRIGGER append_only ON rewards_poolmove;
DROP TRIGGER never_deleted ON rewards_bonus;
DROP FUNCTION beyond_history();
DROP TRIGGER guard ON rewards_bonus;
DROP FUNCTION beyond_bonus_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0005_households"),
        ("rewards", "0017_catalogue"),
    ]

    operations = [
        migrations.CreateModel(
            name="ActionEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(
                        default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True
                    ),
                ),
                ("source", models.CharField(max_length=80, verbose_name="source")),
                ("event_id", models.CharField(max_length=120, verbose_name="event id")),
                (
                    "object_ref",
                    models.CharField(blank=True, default="", max_length=120, verbose_name="object"),
                ),
                ("slot", models.CharField(editable=False, max_length=140)),
                (
                    "proof_url",
                    models.URLField(blank=True, default="", max_length=500, verbose_name="link"),
                ),
                ("proof_text", models.TextField(blank=True, default="", verbose_name="text")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "waits for a decision"),
                            ("granted", "rewarded"),
                            ("rejected", "rejected"),
                            ("over_limit", "over the limit"),
                            ("reversed", "taken back"),
                        ],
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=300, verbose_name="reason"),
                ),
                (
                    "decided_by",
                    models.CharField(
                        blank=True, default="", max_length=80, verbose_name="decided by"
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided at")),
                ("digest", models.BinaryField(max_length=32)),
                ("occurred_at", models.DateTimeField(verbose_name="happened at")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="recorded at",
                    ),
                ),
            ],
            options={
                "verbose_name": "action",
                "verbose_name_plural": "actions",
            },
        ),
        migrations.CreateModel(
            name="Bonus",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(
                        default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True
                    ),
                ),
                ("source", models.CharField(max_length=40, verbose_name="cause")),
                ("source_ref", models.CharField(max_length=80)),
                ("kind", models.CharField(max_length=20, verbose_name="kind")),
                (
                    "code",
                    models.CharField(blank=True, default="", max_length=80, verbose_name="code"),
                ),
                ("amount", models.BigIntegerField(verbose_name="amount")),
                ("day", models.DateField(verbose_name="day")),
                ("detail", models.JSONField(db_default={}, default=dict)),
                (
                    "given_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="given at",
                    ),
                ),
                ("taken_back_at", models.DateTimeField(null=True, verbose_name="taken back at")),
                (
                    "reason",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=300, verbose_name="reason"
                    ),
                ),
            ],
            options={
                "verbose_name": "bonus",
                "verbose_name_plural": "bonuses",
            },
        ),
        migrations.CreateModel(
            name="EventKind",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(max_length=40, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("reward", models.JSONField(verbose_name="reward")),
                (
                    "once",
                    models.CharField(
                        choices=[
                            ("ever", "once per member"),
                            ("day", "once a day"),
                            ("week", "once a week"),
                            ("month", "once a month"),
                            ("year", "once a year"),
                            ("object", "once per object (product, order, policy)"),
                            ("always", "every time"),
                        ],
                        default="ever",
                        max_length=10,
                        verbose_name="rewarded",
                    ),
                ),
                (
                    "needs_approval",
                    models.BooleanField(default=False, verbose_name="a person decides on each"),
                ),
                (
                    "needs_proof",
                    models.BooleanField(
                        default=False, verbose_name="needs a link or text as proof"
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "kind of action",
                "verbose_name_plural": "kinds of actions",
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="HouseholdPool",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "leaving",
                    models.CharField(
                        choices=[
                            ("own", "what they put in and did not take out"),
                            ("equal", "an equal part"),
                            ("nothing", "nothing"),
                        ],
                        default="own",
                        max_length=8,
                        verbose_name="who leaves takes",
                    ),
                ),
            ],
            options={
                "verbose_name": "household pool",
                "verbose_name_plural": "household pools",
            },
        ),
        migrations.CreateModel(
            name="Occasion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("welcome", "welcome"),
                            ("birthday", "birthday"),
                            ("anniversary", "anniversary of joining"),
                        ],
                        max_length=12,
                        verbose_name="occasion",
                    ),
                ),
                ("is_active", models.BooleanField(default=False, verbose_name="active")),
                ("reward", models.JSONField(verbose_name="reward")),
                (
                    "days_before",
                    models.PositiveSmallIntegerField(
                        default=0, verbose_name="given so many days before"
                    ),
                ),
                (
                    "days_after",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="For those who tell their birthday a little late.",
                        verbose_name="and until so many days after",
                    ),
                ),
                (
                    "leap",
                    models.CharField(
                        choices=[("earlier", "28 February"), ("later", "1 March")],
                        default="earlier",
                        max_length=8,
                        verbose_name="29 February in other years",
                    ),
                ),
                (
                    "done_until",
                    models.DateField(editable=False, null=True, verbose_name="done until"),
                ),
            ],
            options={
                "verbose_name": "occasion",
                "verbose_name_plural": "occasions",
            },
        ),
        migrations.CreateModel(
            name="PointsTransfer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(
                        default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True
                    ),
                ),
                ("points", models.BigIntegerField(verbose_name="points")),
                ("fee", models.BigIntegerField(default=0, verbose_name="fee")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waits for the code"),
                            ("done", "done"),
                            ("cancelled", "cancelled"),
                            ("reversed", "taken back"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("source", models.CharField(max_length=80)),
                ("source_ref", models.CharField(max_length=120)),
                ("code_digest", models.BinaryField(max_length=32, null=True)),
                ("code_tries", models.PositiveSmallIntegerField(default=0)),
                ("code_expires_at", models.DateTimeField(null=True)),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=300, verbose_name="reason"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="created at",
                    ),
                ),
                ("done_at", models.DateTimeField(null=True, verbose_name="done at")),
            ],
            options={
                "verbose_name": "transfer of points",
                "verbose_name_plural": "transfers of points",
            },
        ),
        migrations.CreateModel(
            name="PoolMove",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("share", "share of earned points"),
                            ("share_back", "share of points that went back"),
                            ("gift", "put in by hand"),
                            ("draw", "taken out to spend"),
                            ("leave", "taken along when leaving"),
                        ],
                        max_length=10,
                        verbose_name="cause",
                    ),
                ),
                ("amount", models.BigIntegerField(verbose_name="points")),
                (
                    "recorded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="recorded at",
                    ),
                ),
            ],
            options={
                "verbose_name": "move of a pool",
                "verbose_name_plural": "moves of pools",
            },
        ),
        migrations.CreateModel(
            name="Referral",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(
                        default=loyalty_crm.kernel.ids.uuid7, editable=False, unique=True
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("enrolled", "joined"),
                            ("held", "is looked into"),
                            ("qualified", "bought, return window open"),
                            ("rewarded", "rewarded"),
                            ("refused", "refused"),
                            ("clawed_back", "taken back"),
                        ],
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                ("signals", models.JSONField(blank=True, default=list, verbose_name="signs")),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=300, verbose_name="reason"),
                ),
                (
                    "place",
                    models.CharField(blank=True, default="", max_length=85, verbose_name="till"),
                ),
                ("actor", models.CharField(max_length=80, verbose_name="enrolled by")),
                ("due_at", models.DateTimeField(null=True, verbose_name="rewarded from")),
                (
                    "decided_by",
                    models.CharField(
                        blank=True, default="", max_length=80, verbose_name="decided by"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="joined at",
                    ),
                ),
                ("qualified_at", models.DateTimeField(null=True, verbose_name="bought at")),
                ("rewarded_at", models.DateTimeField(null=True, verbose_name="rewarded at")),
            ],
            options={
                "verbose_name": "referral",
                "verbose_name_plural": "referrals",
            },
        ),
        migrations.CreateModel(
            name="ReferralCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=16, unique=True, verbose_name="code")),
                ("opened", models.PositiveIntegerField(default=0, verbose_name="link opened")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="created at",
                    ),
                ),
            ],
            options={
                "verbose_name": "referral code",
                "verbose_name_plural": "referral codes",
            },
        ),
        migrations.CreateModel(
            name="ReferralDevice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.BinaryField(max_length=32)),
            ],
            options={
                "verbose_name": "device of a member",
                "verbose_name_plural": "devices of members",
            },
        ),
        migrations.CreateModel(
            name="ReferralTerms",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "is_on",
                    models.BooleanField(default=False, verbose_name="members may bring friends"),
                ),
                ("referrer_reward", models.JSONField(null=True, verbose_name="who invited gets")),
                ("friend_reward", models.JSONField(null=True, verbose_name="the friend gets")),
                (
                    "min_total_minor",
                    models.PositiveBigIntegerField(
                        default=0, verbose_name="the friend's purchase is worth at least"
                    ),
                ),
                (
                    "first_purchase_only",
                    models.BooleanField(
                        default=True, verbose_name="only the friend's first purchase counts"
                    ),
                ),
                (
                    "return_days",
                    models.PositiveSmallIntegerField(
                        default=14,
                        verbose_name="rewarded after so many days, when it can't be returned any more",
                    ),
                ),
                (
                    "attach_days",
                    models.PositiveSmallIntegerField(
                        default=7, verbose_name="a code may be named so many days after joining"
                    ),
                ),
                (
                    "most_per_period",
                    models.PositiveIntegerField(
                        default=10, verbose_name="most friends rewarded per period"
                    ),
                ),
                (
                    "period_days",
                    models.PositiveSmallIntegerField(default=30, verbose_name="days of a period"),
                ),
                (
                    "most_ever",
                    models.PositiveIntegerField(
                        default=100, verbose_name="most friends rewarded ever"
                    ),
                ),
                (
                    "same_till_a_day",
                    models.PositiveSmallIntegerField(
                        default=3,
                        verbose_name="so many friends of one member at one till on one day are looked into",
                    ),
                ),
                (
                    "on_suspicion",
                    models.CharField(
                        choices=[("refuse", "refuse it"), ("review", "let a person decide")],
                        default="refuse",
                        max_length=8,
                        verbose_name="what looks like self-dealing",
                    ),
                ),
            ],
            options={
                "verbose_name": "terms of referrals",
                "verbose_name_plural": "terms of referrals",
            },
        ),
        migrations.CreateModel(
            name="TransferTerms",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "is_on",
                    models.BooleanField(
                        default=False, verbose_name="members may give points to each other"
                    ),
                ),
                (
                    "least",
                    models.PositiveBigIntegerField(default=1, verbose_name="fewest points at once"),
                ),
                (
                    "most_per_day",
                    models.PositiveBigIntegerField(default=1000, verbose_name="most points a day"),
                ),
                (
                    "most_per_month",
                    models.PositiveBigIntegerField(
                        default=5000, verbose_name="most points in 30 days"
                    ),
                ),
                (
                    "fee_percent",
                    models.PositiveSmallIntegerField(
                        default=0, verbose_name="fee, % of the points"
                    ),
                ),
                (
                    "quiet_hours",
                    models.PositiveSmallIntegerField(
                        default=24,
                        verbose_name="a code is asked for so many hours after a change of contact",
                    ),
                ),
            ],
            options={
                "verbose_name": "terms of transfers",
                "verbose_name_plural": "terms of transfers",
            },
        ),
        migrations.RemoveConstraint(
            model_name="wallet",
            name="gift_wallet_never_in_debt",
        ),
        migrations.RemoveConstraint(
            model_name="wallet",
            name="wallet_has_an_owner",
        ),
        migrations.AlterField(
            model_name="wallet",
            name="kind",
            field=models.CharField(
                choices=[
                    ("points", "points"),
                    ("gift", "gift card"),
                    ("stamp", "stamps"),
                    ("pool", "points of a household"),
                ],
                db_default="points",
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="wallet",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("member__isnull", False),
                    ("card__isnull", False),
                    ("kind__in", ["gift", "pool"]),
                    _connector="OR",
                ),
                name="wallet_has_an_owner",
            ),
        ),
        migrations.AddConstraint(
            model_name="wallet",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["gift", "pool"]), _negated=True),
                    ("debt_limit", 0),
                    _connector="OR",
                ),
                name="gift_wallet_never_in_debt",
            ),
        ),
        migrations.AddField(
            model_name="actionevent",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="action_events",
                to="members.member",
                verbose_name="member",
            ),
        ),
        migrations.AddField(
            model_name="bonus",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="bonuses",
                to="members.member",
                verbose_name="member",
            ),
        ),
        migrations.AddField(
            model_name="bonus",
            name="programme",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="rewards.programme",
            ),
        ),
        migrations.AddField(
            model_name="bonus",
            name="tx",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="rewards.ledgertx",
            ),
        ),
        migrations.AddField(
            model_name="actionevent",
            name="bonus",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="event",
                to="rewards.bonus",
            ),
        ),
        migrations.AddField(
            model_name="eventkind",
            name="programme",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="event_kinds",
                to="rewards.programme",
            ),
        ),
        migrations.AddField(
            model_name="actionevent",
            name="kind",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="rewards.eventkind",
                verbose_name="kind",
            ),
        ),
        migrations.AddField(
            model_name="householdpool",
            name="household",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="pool",
                to="members.household",
            ),
        ),
        migrations.AddField(
            model_name="householdpool",
            name="wallet",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="pool",
                to="rewards.wallet",
            ),
        ),
        migrations.AddField(
            model_name="occasion",
            name="programme",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="occasions",
                to="rewards.programme",
            ),
        ),
        migrations.AddField(
            model_name="pointstransfer",
            name="programme",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="rewards.programme",
            ),
        ),
        migrations.AddField(
            model_name="pointstransfer",
            name="recipient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="transfers_in",
                to="members.member",
                verbose_name="to",
            ),
        ),
        migrations.AddField(
            model_name="pointstransfer",
            name="reversal_tx",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="rewards.ledgertx",
            ),
        ),
        migrations.AddField(
            model_name="pointstransfer",
            name="sender",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="transfers_out",
                to="members.member",
                verbose_name="from",
            ),
        ),
        migrations.AddField(
            model_name="pointstransfer",
            name="tx",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="rewards.ledgertx",
            ),
        ),
        migrations.AddField(
            model_name="poolmove",
            name="earned_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="pool_shares",
                to="rewards.ledgertx",
            ),
        ),
        migrations.AddField(
            model_name="poolmove",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="pool_moves",
                to="members.member",
                verbose_name="member",
            ),
        ),
        migrations.AddField(
            model_name="poolmove",
            name="pool",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="moves",
                to="rewards.householdpool",
            ),
        ),
        migrations.AddField(
            model_name="poolmove",
            name="tx",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="rewards.ledgertx",
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="friend",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="referred_by",
                to="members.member",
                verbose_name="friend",
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="friend_bonus",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="rewards.bonus",
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="programme",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="rewards.programme",
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="receipt",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="referrals",
                to="members.receipt",
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="referrer",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="referrals",
                to="members.member",
                verbose_name="who invited",
            ),
        ),
        migrations.AddField(
            model_name="referral",
            name="referrer_bonus",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="rewards.bonus",
            ),
        ),
        migrations.AddField(
            model_name="referralcode",
            name="member",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="referral_code",
                to="members.member",
            ),
        ),
        migrations.AddField(
            model_name="referraldevice",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="members.member"
            ),
        ),
        migrations.AddField(
            model_name="referralterms",
            name="programme",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="referral_terms",
                to="rewards.programme",
            ),
        ),
        migrations.AddField(
            model_name="transferterms",
            name="programme",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transfer_terms",
                to="rewards.programme",
            ),
        ),
        migrations.AddIndex(
            model_name="bonus",
            index=models.Index(fields=["member", "-id"], name="bonus_of_member"),
        ),
        migrations.AddIndex(
            model_name="bonus",
            index=models.Index(fields=["source", "-id"], name="bonus_of_cause"),
        ),
        migrations.AddConstraint(
            model_name="bonus",
            constraint=models.UniqueConstraint(
                fields=("source", "source_ref"), name="bonus_once_per_cause"
            ),
        ),
        migrations.AddConstraint(
            model_name="bonus",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="bonus_gives_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="eventkind",
            constraint=models.UniqueConstraint(
                fields=("programme", "code"), name="event_kind_code_once"
            ),
        ),
        migrations.AddIndex(
            model_name="actionevent",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["id"], name="action_waiting"
            ),
        ),
        migrations.AddIndex(
            model_name="actionevent",
            index=models.Index(fields=["member", "-id"], name="action_of_member"),
        ),
        migrations.AddIndex(
            model_name="actionevent",
            index=models.Index(fields=["recorded_at"], name="action_recorded"),
        ),
        migrations.AddConstraint(
            model_name="actionevent",
            constraint=models.UniqueConstraint(
                fields=("source", "event_id"), name="action_event_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="actionevent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["pending", "granted"])),
                fields=("kind", "member", "slot"),
                name="one_rewarded_action_per_slot",
            ),
        ),
        migrations.AddConstraint(
            model_name="actionevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "granted"), _negated=True),
                    ("bonus__isnull", False),
                    _connector="OR",
                ),
                name="granted_action_has_its_bonus",
            ),
        ),
        migrations.AddConstraint(
            model_name="occasion",
            constraint=models.UniqueConstraint(
                fields=("programme", "kind"), name="one_gift_per_occasion"
            ),
        ),
        migrations.AddConstraint(
            model_name="occasion",
            constraint=models.CheckConstraint(
                condition=models.Q(("days_after__lte", 31), ("days_before__lte", 31)),
                name="occasion_window_is_short",
            ),
        ),
        migrations.AddIndex(
            model_name="pointstransfer",
            index=models.Index(fields=["sender", "-done_at"], name="transfer_of_sender"),
        ),
        migrations.AddIndex(
            model_name="pointstransfer",
            index=models.Index(fields=["recipient", "-id"], name="transfer_of_recipient"),
        ),
        migrations.AddConstraint(
            model_name="pointstransfer",
            constraint=models.UniqueConstraint(
                fields=("source", "source_ref"), name="transfer_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="pointstransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee__gte", 0),
                    ("points__gt", 0),
                    models.Q(("sender", models.F("recipient")), _negated=True),
                ),
                name="transfer_between_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="pointstransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["waiting", "cancelled"]), ("tx", None)),
                    models.Q(("reversal_tx", None), ("state", "done"), ("tx__isnull", False)),
                    models.Q(
                        ("reversal_tx__isnull", False), ("state", "reversed"), ("tx__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="done_transfer_has_moved",
            ),
        ),
        migrations.AddIndex(
            model_name="poolmove",
            index=models.Index(fields=["pool", "member"], name="pool_move_of_member"),
        ),
        migrations.AddConstraint(
            model_name="poolmove",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gt", 0), ("cause__in", ["share", "gift"])),
                    models.Q(("amount__lt", 0), ("cause__in", ["share_back", "draw", "leave"])),
                    _connector="OR",
                ),
                name="pool_move_fits_its_cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="poolmove",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cause", "share")),
                fields=("earned_by",),
                name="one_share_per_earning",
            ),
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(
                condition=models.Q(("state", "qualified")),
                fields=["due_at", "id"],
                name="referral_due",
            ),
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(fields=["referrer", "-id"], name="referral_of_referrer"),
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(
                condition=models.Q(("state", "held")), fields=["id"], name="referral_held"
            ),
        ),
        migrations.AddIndex(
            model_name="referral",
            index=models.Index(
                condition=models.Q(("receipt__isnull", False)),
                fields=["receipt"],
                name="referral_of_receipt",
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=models.Q(("referrer", models.F("friend")), _negated=True),
                name="nobody_refers_themselves",
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["qualified", "rewarded", "clawed_back"]), _negated=True
                    ),
                    models.Q(("due_at__isnull", False), ("receipt__isnull", False)),
                    _connector="OR",
                ),
                name="qualified_referral_has_its_receipt",
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["refused", "clawed_back"]), _negated=True),
                    models.Q(("reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="refused_referral_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="referraldevice",
            constraint=models.UniqueConstraint(
                fields=("digest", "member"), name="device_once_per_member"
            ),
        ),
        migrations.AddConstraint(
            model_name="referralterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("period_days__gte", 1),
                    ("period_days__lte", 366),
                    ("return_days__lte", 366),
                    ("attach_days__lte", 366),
                    ("same_till_a_day__gte", 1),
                ),
                name="referral_terms_in_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fee_percent__lte", 100), ("least__gte", 1), ("quiet_hours__lte", 720)
                ),
                name="transfer_terms_in_bounds",
            ),
        ),
        migrations.RunSQL(STATES, STATES_BACK),
    ]
