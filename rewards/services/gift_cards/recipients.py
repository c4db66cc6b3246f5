"""Whom gift cards brought: from a sold card to a new customer who comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

# A recipient is a holder who is not the buyer. New: enrolled no earlier than the card was sold.
_FUNNEL = """
    SELECT count(*), count(*) FILTER (WHERE used), count(*) FILTER (WHERE known),
           count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE is_new AND again)
      FROM (SELECT u.used, g.holder_id IS NOT NULL AS known,
                   g.holder_id IS DISTINCT FROM g.buyer_id
                       AND m.enrolled_at >= g.activated_at AS is_new,
                   EXISTS (SELECT FROM members_receipt r
                            WHERE r.member_id = g.holder_id AND r.state <> 'voided'
                              AND r.occurred_at > g.linked_at
                              AND NOT EXISTS (SELECT FROM rewards_giftcardpayment p
                                               WHERE p.receipt_id = r.id AND p.card_id = g.id)
                          ) AS again
              FROM rewards_giftcard g
              LEFT JOIN members_member m ON m.id = g.holder_id
             CROSS JOIN LATERAL (SELECT EXISTS (
                   SELECT FROM rewards_giftcardpayment p WHERE p.card_id = g.id) AS used) u
             WHERE g.activated_at >= %s) x
"""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Cards sold since a day: used, by somebody known, by somebody new, who came again."""

    sold: int
    used: int
    known: int
    new: int
    again: int


def funnel(since: datetime) -> Funnel:
    """One query over the cards sold since then."""
    with connection.cursor() as cursor:
        cursor.execute(_FUNNEL, [since])
        return Funnel(*map(int, cursor.fetchone()))
