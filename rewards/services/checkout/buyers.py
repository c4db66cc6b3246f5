"""What the rules want to know of a member's past, as a part of the one statement of facts.

Each answer stands behind a CASE: what no live rule asks for is not computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from rewards.rules.basket import MemberFacts, Window
from rewards.rules.needs import Needs

_EARLIER = """
    FROM members_receipt r WHERE r.member_id = (SELECT id FROM member)
     AND r.state <> 'voided' AND r.occurred_at < {at}"""

_PAST = """
    'purchases', CASE WHEN %(needs_purchases)s THEN (SELECT count(*) {earlier}) END,
    'last_purchase_at', CASE WHEN %(needs_last)s THEN (SELECT max(r.occurred_at) {earlier}) END,
    'windows', CASE WHEN cardinality(%(windows)s::text[]) > 0 THEN (
        SELECT json_object_agg(w.key, (
            SELECT json_build_object('visits', count(*), 'spend_minor', coalesce(sum(
                       r.gross_minor - r.discount_minor - coalesce((SELECT sum(b.net_minor)
                         FROM members_refund b WHERE b.receipt_id = r.id), 0)), 0))
              {earlier} AND r.state <> 'returned' AND r.occurred_at >= w.begins))
          FROM (SELECT key, (CASE WHEN key LIKE '%%d'
                       THEN date_trunc('day', {at} AT TIME ZONE store.time_zone)
                            - rtrim(key, 'd')::int * interval '1 day'
                       ELSE date_trunc(key, {at} AT TIME ZONE store.time_zone)
                       END) AT TIME ZONE store.time_zone AS begins
                  FROM unnest(%(windows)s::text[]) AS key, store) AS w) END,
    'known_categories', CASE WHEN cardinality(%(category_codes)s::text[]) > 0 THEN (
        SELECT coalesce(json_agg(DISTINCT w.code), '[]')
          FROM unnest(%(category_codes)s::text[], %(category_ids)s::bigint[]) AS w (code, id)
         WHERE EXISTS (SELECT {earlier} AND EXISTS (
                SELECT FROM members_receiptline l JOIN members_product p ON p.id = l.product_id
                 WHERE l.receipt_id = r.id AND p.category_id = w.id))) END
"""
#: Fields of a JSON object; {at} is the moment of the sale. Periods begin in the store's time.
PAST = _PAST.replace("{earlier}", _EARLIER)


class Past(msgspec.Struct, frozen=True):
    """Null where nobody asked."""

    purchases: int | None = None
    last_purchase_at: datetime | None = None
    windows: dict[str, Window] | None = None
    known_categories: frozenset[str] | None = None


def asked_of_past(needs: Needs, categories: Mapping[int, tuple[str, ...]]) -> dict[str, Any]:
    """The parameters of ``PAST``. A category stands for everything below it."""
    below = [
        (code, key) for key, path in sorted(categories.items()) for code in path
        if code in needs.categories
    ]  # fmt: skip
    return {
        "needs_purchases": "purchases" in needs.member,
        "needs_last": "last_purchase_on" in needs.member,
        "windows": sorted(needs.windows),
        "category_codes": [code for code, _ in below],
        "category_ids": [key for _, key in below],
    }


def member_facts(
    public_id: object, birth_date: date | None, enrolled_at: datetime, past: Past, zone: ZoneInfo
) -> MemberFacts:
    """The buyer as the rules see them, with days of the store's calendar."""
    last = past.last_purchase_at
    return MemberFacts(
        id=str(public_id),
        birth_date=birth_date,
        enrolled_on=enrolled_at.astimezone(zone).date(),
        purchases=past.purchases,
        last_purchase_on=last.astimezone(zone).date() if last else None,
        windows=past.windows or {},
        known_categories=past.known_categories,
    )
