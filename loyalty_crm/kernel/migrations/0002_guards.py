"""What the database guards by itself: a trail that cannot change, stamps that count."""

from django.db import migrations

TRAIL = """
CREATE FUNCTION kernel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON kernel_auditentry
    FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change();
"""
NO_TRAIL = """
DROP TRIGGER audit_is_append_only ON kernel_auditentry;
DROP FUNCTION kernel_refuse_change();
"""
STAMP = """
CREATE FUNCTION kernel_bump_stamp(stamp_name text) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO kernel_stamp (name, version) VALUES (stamp_name, 1)
    ON CONFLICT (name) DO UPDATE SET version = kernel_stamp.version + 1
    RETURNING version
$$;
"""
NO_STAMP = "DROP FUNCTION kernel_bump_stamp(text);"


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]

    operations = [
        migrations.RunSQL(TRAIL, NO_TRAIL),
        migrations.RunSQL(STAMP, NO_STAMP),
    ]
