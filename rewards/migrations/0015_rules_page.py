"""Published versions of the programme's rules, and who accepted them. Both only grow."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_programmerules
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rewards_rulesacceptance
    FOR EACH ROW EXECUTE FUNCTION ledger_forbid();
"""
APPEND_ONLY_BACK = """
DROP TRIGGER append_only ON rewards_rulesacceptance;
DROP TRIGGER append_only ON rewards_programmerules;
"""


class Migration(migrations.Migration):
    dependencies = [("members", "0004_inputs_of_rules"), ("rewards", "0014_coupons_held")]

    operations = [
        migrations.CreateModel(
            name="ProgrammeRules",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                ("digest", models.CharField(max_length=64, verbose_name="fingerprint")),
                ("text", models.JSONField(verbose_name="text")),
                ("published_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="published at")),
                ("published_by", models.CharField(max_length=80, verbose_name="published by")),
                ("programme", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="published_rules", to="rewards.programme")),
            ],
            options={
                "verbose_name": "published rules",
                "verbose_name_plural": "published rules",
                "constraints": [
                    models.UniqueConstraint(fields=("programme", "number"), name="rules_numbered"),
                    models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="rules_number_from_one"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RulesAcceptance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel", models.CharField(choices=[("api", "API"), ("till", "till"), ("web", "website"), ("app", "app"), ("paper", "paper")], max_length=10, verbose_name="channel")),
                ("accepted_at", models.DateTimeField(verbose_name="accepted at")),
                ("recorded_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="recorded at")),
                ("actor", models.CharField(max_length=80, verbose_name="recorded by")),
                ("member", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="rules_acceptances", to="members.member")),
                ("rules", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="acceptances", to="rewards.programmerules")),
            ],
            options={
                "verbose_name": "acceptance of the rules",
                "verbose_name_plural": "acceptances of the rules",
                "constraints": [
                    models.UniqueConstraint(fields=("member", "rules"), name="rules_accepted_once")
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_BACK),
    ]
