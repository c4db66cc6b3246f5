"""Sales keep what each effect counted; rules are worded with many effects and a tree."""

from django.db import migrations, models

# Every condition of the old wording held, or nothing would have been granted.
_ALL_HELD = (1 << 50) - 1
PINS = f"""
UPDATE rewards_purchase p SET pins = g.pins
  FROM (SELECT receipt_id, jsonb_agg(pin ORDER BY version_id) AS pins
          FROM (SELECT l.receipt_id, g.version_id, jsonb_build_object(
                       'version_id', g.version_id, 'effect', 0, 'granted', sum(g.points),
                       'carry_in', max(g.carry_in), 'held', {_ALL_HELD},
                       'bases', jsonb_object_agg(l.line_no, g.base_minor)) AS pin
                  FROM rewards_grant g JOIN members_receiptline l ON l.id = g.line_id
                 GROUP BY l.receipt_id, g.version_id) AS pins
         GROUP BY receipt_id) AS g
 WHERE g.receipt_id = p.receipt_id
"""
# The one time that a version changes its words: it goes on to say the same.
WORDS = """
ALTER TABLE rewards_promotionversion DISABLE TRIGGER versions_are_immutable;
UPDATE rewards_promotionversion SET definition = definition - 'effect' - 'conditions'
    || jsonb_build_object('effects', jsonb_build_array(definition->'effect'))
    || CASE WHEN definition ? 'conditions'
            THEN jsonb_build_object('when', jsonb_build_object('all', definition->'conditions'))
            ELSE '{}'::jsonb END
 WHERE definition ? 'effect';
ALTER TABLE rewards_promotionversion ENABLE TRIGGER versions_are_immutable;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('rewards', '0005_lists_of_wallets'),
    ]

    operations = [
        migrations.AddField(
            model_name='purchase',
            name='pins',
            field=models.JSONField(db_default=[], default=list, editable=False),
        ),
        migrations.RunSQL(PINS, migrations.RunSQL.noop),
        migrations.RunSQL(WORDS, migrations.RunSQL.noop),
    ]
