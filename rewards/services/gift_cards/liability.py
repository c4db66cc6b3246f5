"""What is owed on gift cards: money that was taken in and not yet spent."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

# Expired cards are owed like the others: what is left of an advance is the bearer's.
_OWED = """
    SELECT g.currency, a.age, count(*), sum(w.posted)
      FROM rewards_giftcard g JOIN rewards_wallet w ON w.id = g.wallet_id
     CROSS JOIN LATERAL (SELECT CASE
               WHEN g.activated_at > now() - interval '3 months' THEN 3
               WHEN g.activated_at > now() - interval '12 months' THEN 12
               WHEN g.activated_at > now() - interval '36 months' THEN 36
               ELSE 0 END AS age) a
     WHERE w.posted > 0
     GROUP BY g.currency, a.age ORDER BY g.currency, (a.age = 0), a.age
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """``age``: sold within so many months; 0 is longer ago. Money in minor units."""

    currency: str
    age: int
    cards: int
    owed_minor: int


def liability() -> list[Owed]:
    """By currency and age; the sum is what the ledger's gift wallets hold."""
    with connection.cursor() as cursor:
        cursor.execute(_OWED)
        return [
            Owed(currency, age, cards, int(owed))
            for currency, age, cards, owed in cursor.fetchall()
        ]
