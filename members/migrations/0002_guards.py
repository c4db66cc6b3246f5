"""What the database itself refuses, whoever writes."""

from django.db import migrations

# DO_NOTHING in the models keeps Django from loading a ledger into memory to
# forbid a deletion; these keys forbid it instead, and at once, not at COMMIT.
RESTRICT = """
DO $$
DECLARE
    fk record;
BEGIN
    FOR fk IN
        SELECT conrelid::regclass AS child, conname, attname, confrelid::regclass AS parent
        FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE contype = 'f' AND confdeltype = 'a'
          AND (conrelid::regclass::text, attname) IN
              (('members_consent', 'member_id'), ('members_receipt', 'member_id'), ('members_receipt', 'card_id'))
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', fk.child, fk.conname);
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %s (id)'
                       ' ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED',
                       fk.child, fk.conname, fk.attname, fk.parent);
    END LOOP;
END $$
"""

CONSENTS = """
CREATE FUNCTION members_refuse_consent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a consent is never changed or deleted: record a new statement'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER consents_are_append_only BEFORE UPDATE OR DELETE ON members_consent
    FOR EACH ROW EXECUTE FUNCTION members_refuse_consent_change();

CREATE FUNCTION members_refuse_used_text_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM members_consent WHERE text_id = OLD.id) THEN
        RAISE EXCEPTION 'a consent text that somebody agreed to is never changed: publish a new version'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER used_texts_are_immutable BEFORE UPDATE OR DELETE ON members_consenttext
    FOR EACH ROW EXECUTE FUNCTION members_refuse_used_text_change();
"""
CONSENTS_BACK = """
DROP TRIGGER consents_are_append_only ON members_consent;
DROP FUNCTION members_refuse_consent_change();
DROP TRIGGER used_texts_are_immutable ON members_consenttext;
DROP FUNCTION members_refuse_used_text_change();
"""

# The same table stands in members/rules/cards.py; a test compares the two.
CARDS = """
CREATE FUNCTION members_check_card_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <> OLD.number THEN
        RAISE EXCEPTION 'a card keeps its number: replace the card'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status || '>' || NEW.status) NOT IN (
        'prepared>issued', 'prepared>active', 'prepared>closed',
        'issued>active', 'issued>blocked', 'issued>closed',
        'active>blocked', 'active>closed',
        'blocked>issued', 'blocked>active', 'blocked>replaced', 'blocked>closed'
    ) THEN
        RAISE EXCEPTION 'a card does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER card_life_cycle BEFORE UPDATE OF status, number ON members_card
    FOR EACH ROW EXECUTE FUNCTION members_check_card_change();
"""
CARDS_BACK = """
DROP TRIGGER card_life_cycle ON members_card;
DROP FUNCTION members_check_card_change();
"""

# Fired after the statement's rows are written, so that one statement may move a whole branch.
CATEGORIES = """
CREATE FUNCTION members_refuse_category_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    up bigint := NEW.parent_id;
    steps int := 0;
BEGIN
    WHILE up IS NOT NULL LOOP
        steps := steps + 1;
        IF up = NEW.id OR steps > 50 THEN
            RAISE EXCEPTION 'a category is not its own ancestor, and no tree is deeper than 50'
                USING ERRCODE = 'check_violation';
        END IF;
        SELECT parent_id INTO up FROM members_category WHERE id = up;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER categories_are_a_tree AFTER INSERT OR UPDATE OF parent_id ON members_category
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION members_refuse_category_cycle();
"""
CATEGORIES_BACK = """
DROP TRIGGER categories_are_a_tree ON members_category;
DROP FUNCTION members_refuse_category_cycle();
"""


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial")]

    operations = [
        migrations.RunSQL(RESTRICT, migrations.RunSQL.noop),
        migrations.RunSQL(CONSENTS, CONSENTS_BACK),
        migrations.RunSQL(CARDS, CARDS_BACK),
        migrations.RunSQL(CATEGORIES, CATEGORIES_BACK),
    ]
