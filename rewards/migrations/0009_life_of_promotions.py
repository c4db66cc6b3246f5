"""The life of a promotion, stacking groups, and the programme's bounds of discounts.

What the application may move of a version is fenced by columns (``rewards/apps.py``); the
guard below says along which edges. It runs as the owner with a fixed search path, because it
reads the programme's settings and other versions, whoever writes.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

OPEN = """
DROP TRIGGER versions_are_immutable ON rewards_promotionversion;
DROP FUNCTION rewards_guard_promotion_version();
UPDATE rewards_promotionversion SET state = 'ended' WHERE state = 'retired';
"""
OPEN_BACK = """
UPDATE rewards_promotionversion SET state = CASE
    WHEN state IN ('in_review', 'scheduled') THEN 'draft' WHEN state = 'ended' THEN 'retired'
    ELSE state END;
CREATE FUNCTION rewards_guard_promotion_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a version of a promotion is never deleted: receipts may point at it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.promotion_id, NEW.number, NEW.priority, NEW.definition, NEW.created_by, NEW.created_at)
       IS DISTINCT FROM
       (OLD.promotion_id, OLD.number, OLD.priority, OLD.definition, OLD.created_by, OLD.created_at)
       OR (OLD.state <> 'draft' AND NEW.starts_at IS DISTINCT FROM OLD.starts_at)
    THEN
        RAISE EXCEPTION 'a version of a promotion is never reworded: publish a new one'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN
       ('draft>live', 'draft>retired', 'live>paused', 'live>retired', 'paused>retired') THEN
        RAISE EXCEPTION 'a version of a promotion does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER versions_are_immutable BEFORE UPDATE OR DELETE ON rewards_promotionversion
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_promotion_version();
"""

# An approval is given once, to a version in review. A wording that was approved keeps it when
# its pause ends: then it is born again, word for word, as a draft that carries the approval.
GUARD = """
CREATE FUNCTION rewards_guard_promotion_version() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    edge text := OLD.state || '>' || NEW.state;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a version of a promotion is never deleted: receipts may point at it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.promotion_id, NEW.number, NEW.priority, NEW.definition, NEW.created_by, NEW.created_at)
       IS DISTINCT FROM
       (OLD.promotion_id, OLD.number, OLD.priority, OLD.definition, OLD.created_by, OLD.created_at)
    THEN
        RAISE EXCEPTION 'a version of a promotion is never reworded: publish a new one'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND edge NOT IN (
        'draft>in_review', 'draft>scheduled', 'draft>live', 'draft>ended',
        'in_review>draft', 'in_review>scheduled', 'in_review>live', 'in_review>ended',
        'scheduled>draft', 'scheduled>live', 'scheduled>ended',
        'live>paused', 'live>ended', 'paused>ended') THEN
        RAISE EXCEPTION 'a version of a promotion does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.starts_at IS DISTINCT FROM OLD.starts_at OR edge = 'scheduled>draft')
       AND (OLD.state IN ('live', 'paused', 'ended')
            OR (OLD.state = 'scheduled' AND OLD.starts_at <= now())) THEN
        RAISE EXCEPTION 'a version that has begun keeps its beginning'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state IN ('paused', 'ended') AND NEW.ends_at IS DISTINCT FROM OLD.ends_at THEN
        RAISE EXCEPTION 'a version that is over keeps its end' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at)
       AND NOT (OLD.approved_by = '' AND edge = 'in_review>in_review')
       AND NOT (NEW.approved_by = '' AND NEW.state = 'draft') THEN
        RAISE EXCEPTION 'an approval is given once, to a version in review'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND NEW.state IN ('scheduled', 'live') AND NEW.approved_by = ''
       AND EXISTS (SELECT FROM rewards_promotion p JOIN rewards_programme g ON g.id = p.programme_id
                    WHERE p.id = NEW.promotion_id AND g.promotions_need_review)
       AND edge <> 'scheduled>live' THEN
        RAISE EXCEPTION 'the programme wants a second person to approve promotions'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER versions_are_immutable BEFORE UPDATE OR DELETE ON rewards_promotionversion
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_promotion_version();

CREATE FUNCTION rewards_guard_new_version() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'draft' THEN
        RAISE EXCEPTION 'a version of a promotion is born as a draft'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.approved_by <> '' AND NOT EXISTS (
        SELECT FROM rewards_promotionversion o
         WHERE o.promotion_id = NEW.promotion_id AND o.definition = NEW.definition
           AND o.priority = NEW.priority AND o.created_by = NEW.created_by
           AND (o.approved_by, o.approved_at) = (NEW.approved_by, NEW.approved_at)) THEN
        RAISE EXCEPTION 'nobody has approved this wording' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER versions_are_born_as_drafts BEFORE INSERT ON rewards_promotionversion
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_new_version();

CREATE FUNCTION rewards_guard_stacking_group() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.programme_id, NEW.code) <> (OLD.programme_id, OLD.code) THEN
        RAISE EXCEPTION 'wordings name a stacking group by its code: it stays'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER groups_keep_their_codes BEFORE UPDATE OR DELETE ON rewards_stackinggroup
    FOR EACH ROW EXECUTE FUNCTION rewards_guard_stacking_group();
CREATE TRIGGER rule_set_stamp AFTER INSERT OR UPDATE OR DELETE ON rewards_stackinggroup
    FOR EACH STATEMENT EXECUTE FUNCTION rewards_bump_rule_set();
"""
GUARD_BACK = """
DROP TRIGGER rule_set_stamp ON rewards_stackinggroup;
DROP TRIGGER groups_keep_their_codes ON rewards_stackinggroup;
DROP FUNCTION rewards_guard_stacking_group();
DROP TRIGGER versions_are_born_as_drafts ON rewards_promotionversion;
DROP FUNCTION rewards_guard_new_version();
DROP TRIGGER versions_are_immutable ON rewards_promotionversion;
DROP FUNCTION rewards_guard_promotion_version();
"""
STATES = [
    ("draft", "draft"), ("in_review", "in review"), ("scheduled", "scheduled"),
    ("live", "live"), ("paused", "paused"), ("ended", "ended"),
]  # fmt: skip
MODES = [
    ("all", "all of them, each on what the others left"),
    ("first", "the first one that applies"),
    ("best_member", "the best one for the member"),
    ("best_shop", "the cheapest one for the shop"),
    ("max_n", "the first few that apply"),
]


def constraint(
    model: str, one: models.UniqueConstraint | models.CheckConstraint
) -> migrations.AddConstraint:
    return migrations.AddConstraint(model_name=model, constraint=one)


class Migration(migrations.Migration):
    dependencies = [("rewards", "0008_gift_cards")]

    operations = [
        migrations.RunSQL(OPEN, OPEN_BACK),
        migrations.AlterField(
            model_name="promotionversion",
            name="state",
            field=models.CharField(
                choices=STATES, default="draft", max_length=10, verbose_name="state"
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="revision",
            field=models.PositiveIntegerField(db_default=1, default=1, editable=False),
        ),
        migrations.AddField(
            model_name="promotionversion",
            name="approved_by",
            field=models.CharField(
                blank=True, db_default="", max_length=80, verbose_name="approved by"
            ),
        ),
        migrations.AddField(
            model_name="promotionversion",
            name="approved_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="approved at"),
        ),
        migrations.AddField(
            model_name="programme",
            name="max_discount_percent",
            field=models.PositiveSmallIntegerField(
                db_default=100,
                default=100,
                verbose_name="most of a receipt that discounts may take off, %",
            ),
        ),
        migrations.AddField(
            model_name="programme",
            name="never_below_cost",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="no promotion sells below cost"
            ),
        ),
        migrations.AddField(
            model_name="programme",
            name="price_floor_percent",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, verbose_name="lowest price, % of the shelf price"
            ),
        ),
        migrations.AddField(
            model_name="programme",
            name="promotions_need_review",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="promotions need a second person"
            ),
        ),
        migrations.CreateModel(
            name="StackingGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=80, verbose_name="code")),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                (
                    "mode",
                    models.CharField(
                        choices=MODES, default="all", max_length=12, verbose_name="mode"
                    ),
                ),
                (
                    "n",
                    models.PositiveSmallIntegerField(default=1, verbose_name="at most so many"),
                ),
                ("version", models.PositiveIntegerField(db_default=1, default=1, editable=False)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="created at",
                    ),
                ),
                (
                    "programme",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="groups",
                        to="rewards.programme",
                        verbose_name="programme",
                    ),
                ),
            ],
            options={
                "verbose_name": "stacking group",
                "verbose_name_plural": "stacking groups",
            },
        ),
        constraint(
            "promotionversion",
            models.UniqueConstraint(
                condition=models.Q(("state", "scheduled")),
                fields=("promotion",),
                name="one_scheduled_version_per_promotion",
            ),
        ),
        constraint(
            "promotionversion",
            models.CheckConstraint(
                condition=models.Q(("state__in", [state for state, _ in STATES])),
                name="version_state_known",
            ),
        ),
        constraint(
            "promotionversion",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "scheduled"), _negated=True),
                    ("starts_at__isnull", False),
                    _connector="OR",
                ),
                name="scheduled_version_has_a_start",
            ),
        ),
        constraint(
            "promotionversion",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approved_at", None), ("approved_by", "")),
                    models.Q(
                        models.Q(("approved_by", ""), _negated=True),
                        models.Q(("approved_by", models.F("created_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="approved_by_another_person",
            ),
        ),
        constraint(
            "programme",
            models.CheckConstraint(
                condition=models.Q(
                    ("max_discount_percent__lte", 100), ("price_floor_percent__lte", 100)
                ),
                name="discount_bounds_are_percentages",
            ),
        ),
        constraint(
            "stackinggroup",
            models.UniqueConstraint(fields=("programme", "code"), name="group_code_once"),
        ),
        constraint(
            "stackinggroup",
            models.CheckConstraint(
                condition=models.Q(("mode__in", [mode for mode, _ in MODES])),
                name="group_mode_known",
            ),
        ),
        constraint(
            "stackinggroup",
            models.CheckConstraint(
                condition=models.Q(("n__gte", 1), ("n__lte", 100)), name="group_counts_from_one"
            ),
        ),
        migrations.RunSQL(GUARD, GUARD_BACK),
    ]
