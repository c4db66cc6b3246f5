"""The night that lifts members to higher tiers, against the best SQL by hand on the same tables.

All of it happens in one transaction that is rolled back: a million members are
not left behind for the other benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from bench.measure import Row, interleaved, seconds
from bench.shop import shop
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import TierEvaluation, TierStructure
from rewards.services import tiers
from rewards.services.programmes import default_programme
from rewards.services.tiers.ladders import Step

NOW = datetime.now(UTC)
RECEIPTS = 3
#: One member in so many crosses a threshold by the receipts of the day.
RISES = 50
STEPS = [Step("base", "Base", 0), Step("silver", "Silver", 1_000_000), Step("gold", "G", 9_000_000)]

_MEMBERS = """
INSERT INTO members_member (public_id, name, language, status, source, enrolled_at)
SELECT gen_random_uuid(), 'Night ' || n, 'en', 'active', 'bench-tiers', now() - interval '2 years'
  FROM generate_series(1, %(count)s) AS n
"""
_RECEIPTS = """
INSERT INTO members_receipt (store_id, number, member_id, cashier, currency, gross_minor,
       total_minor, content_digest, occurred_at, business_date)
SELECT %(store)s, 'night-' || %(run)s || '-' || m.id || '-' || n, m.id, '', 'USD', %(minor)s,
       %(minor)s, '\\x00'::bytea, now() - make_interval(days => (m.id %% 300)::int),
       current_date - (m.id %% 300)::int
  FROM members_member m, generate_series(1, %(receipts)s) AS n
 WHERE m.source = 'bench-tiers' AND m.id %% %(every)s = 0
"""
_STANDINGS = """
INSERT INTO rewards_tiermembership (structure_id, member_id, tier_id, since, valid_until,
       is_granted)
SELECT %(structure)s, m.id, t.id, now() - interval '1 day', now() + interval '1 year', false
  FROM members_member m, rewards_tier t
 WHERE t.structure_id = %(structure)s AND t.rank = 0
"""
BY_HAND = """
WITH sums AS (
    SELECT r.member_id, sum(r.gross_minor - r.discount_minor - coalesce(b.net, 0)) AS value
      FROM members_receipt r
      LEFT JOIN (SELECT receipt_id, sum(net_minor) AS net FROM members_refund GROUP BY 1) b
        ON b.receipt_id = r.id
     WHERE r.member_id IS NOT NULL AND r.state <> 'voided'
       AND r.occurred_at >= %(begins)s AND r.occurred_at <= %(now)s
     GROUP BY r.member_id
), up AS (
    SELECT h.id, h.member_id, h.tier_id AS held, m.public_id, s.value,
           (SELECT t.id FROM rewards_tier t WHERE t.structure_id = %(structure)s
             AND t.threshold <= s.value ORDER BY t.rank DESC LIMIT 1) AS tier_id
      FROM sums s
      JOIN rewards_tiermembership h ON h.member_id = s.member_id
       AND h.structure_id = %(structure)s
      JOIN rewards_tier held ON held.id = h.tier_id
      JOIN members_member m ON m.id = s.member_id AND m.status = 'active'
     WHERE s.value >= (SELECT min(t.threshold) FROM rewards_tier t
                        WHERE t.structure_id = %(structure)s AND t.rank > held.rank)
), standings AS (
    UPDATE rewards_tiermembership h
       SET tier_id = up.tier_id, since = %(now)s, valid_until = %(until)s, is_granted = false
      FROM up WHERE h.id = up.id
), reasons AS (
    INSERT INTO rewards_tierevaluation (structure_id, member_id, at, cause, from_tier_id,
           to_tier_id, value, window_from, valid_until, thresholds, reason, actor)
    SELECT %(structure)s, member_id, %(now)s, 'reached', held, tier_id, value, %(begins)s,
           %(until)s, '{"base": 0, "silver": 1000000, "gold": 9000000}', '', 'system' FROM up
)
INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
SELECT 'member.tier_changed', 'member', public_id::text,
       '{"structure": "bench", "from": "base", "to": "silver", "cause": "reached"}'
  FROM up
"""


def run(short: bool) -> list[Row]:
    count = 100_000 if short else 1_000_000
    with transaction.atomic():
        structure = load(count)
        arms = {"hand": lambda: by_hand(structure), "ours": lambda: ours(structure)}
        found = interleaved(arms, 3 if short else 5)
        transaction.set_rollback(True)
    return [
        Row(
            f"tier night, {count:,} members, {count // RISES:,} rise",
            f"SQL by hand {found['hand']:.2f} s",
            f"{found['ours']:.2f} s",
            found["ours"] / found["hand"],
            "≤ 2",
            "≤ 1.3",
            note="from receipts, three a member; nothing is committed in either arm",
        )
    ]


def load(count: int) -> TierStructure:
    store = shop().store_id
    structure = TierStructure(programme=default_programme(), code="bench", name="Bench")
    tiers.save_structure(structure=structure, steps=STEPS, actor=SYSTEM)
    receipts = {"store": store, "receipts": RECEIPTS}
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, {"count": count})
        cursor.execute(_RECEIPTS, {**receipts, "run": 1, "minor": 200_000, "every": 1})
        cursor.execute(_STANDINGS, {"structure": structure.pk})
        cursor.execute(
            _RECEIPTS, {**receipts, "run": 2, "minor": 400_000, "every": RISES, "receipts": 1}
        )
        cursor.execute("ANALYZE members_member, members_receipt, rewards_tiermembership")
    return structure


def undone(work: Callable[[], object], structure: TierStructure) -> float:
    """Seconds of a night whose work is taken back after it was counted."""
    spot = transaction.savepoint()
    spent = seconds(work)
    risen = TierEvaluation.objects.filter(structure=structure).count()
    transaction.savepoint_rollback(spot)
    assert risen > 0
    return spent


def ours(structure: TierStructure) -> float:
    return undone(lambda: tiers.rise_all(structure=structure, now=NOW), structure)


def by_hand(structure: TierStructure) -> float:
    values = {
        "structure": structure.pk,
        "now": NOW,
        "begins": NOW - timedelta(days=365),
        "until": NOW + timedelta(days=365),
    }

    def night() -> None:
        with connection.cursor() as cursor:
            cursor.execute(BY_HAND, values)

    return undone(night, structure)
