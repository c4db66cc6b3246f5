"""Versions of promotions never change their words, and every change of a rule moves the stamp."""

from django.db import migrations

IMMUTABLE = """
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

CREATE FUNCTION rewards_guard_programme() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.code, NEW.currency, NEW.points_scale) IS DISTINCT FROM
       (OLD.code, OLD.currency, OLD.points_scale)
       AND EXISTS (SELECT FROM rewards_wallet WHERE programme_id = OLD.id) THEN
        RAISE EXCEPTION 'what a point is cannot change once somebody has one'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER points_stay_what_they_are BEFORE UPDATE OF code, currency, points_scale
    ON rewards_programme FOR EACH ROW EXECUTE FUNCTION rewards_guard_programme();
"""
IMMUTABLE_BACK = """
DROP TRIGGER points_stay_what_they_are ON rewards_programme;
DROP FUNCTION rewards_guard_programme();
DROP TRIGGER versions_are_immutable ON rewards_promotionversion;
DROP FUNCTION rewards_guard_promotion_version();
"""

# By trigger, so that a change by hand reaches the tills as well. The tree of categories is part
# of the compiled rules: who moves a branch changes what they match.
TABLES = ("rewards_promotion", "rewards_promotionversion", "rewards_programme", "members_category")
STAMP = """
CREATE FUNCTION rewards_bump_rule_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kernel_bump_stamp('rule_set');
    RETURN NULL;
END $$;
""" + "".join(
    f"""
CREATE TRIGGER rule_set_stamp AFTER INSERT OR UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION rewards_bump_rule_set();
"""
    for table in TABLES
)
STAMP_BACK = (
    "".join(f"DROP TRIGGER rule_set_stamp ON {table};\n" for table in TABLES)
    + "DROP FUNCTION rewards_bump_rule_set();"
)


class Migration(migrations.Migration):
    dependencies = [
        ("rewards", "0003_purchase_terms"),
        ("kernel", "0002_guards"),
        ("members", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(IMMUTABLE, IMMUTABLE_BACK),
        migrations.RunSQL(STAMP, STAMP_BACK),
    ]
