"""Who owes whom, of what is not settled yet."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

#: A page shows so many; a programme with more partners has their own pages.
MOST = 100

# Prepaid business is paid for as it happens: it is owed by nobody.
_OWED = """
    SELECT p.id, p.name,
           coalesce(sum(o.due_minor) FILTER (WHERE o.kind = 'earn' AND c.mode = 'postpaid'), 0),
           coalesce(-sum(o.due_minor) FILTER (WHERE o.kind = 'burn' AND c.mode = 'postpaid'), 0),
           count(o.id)
      FROM rewards_partner p
      LEFT JOIN rewards_partneroperation o ON o.partner_id = p.id
           AND NOT EXISTS (SELECT FROM rewards_settlementline l
                             JOIN rewards_settlement s ON s.id = l.settlement_id
                            WHERE l.operation_id = o.id AND s.state = 'approved')
      LEFT JOIN rewards_partnercontract c ON c.id = o.contract_id
     WHERE p.is_active GROUP BY p.id, p.name ORDER BY p.name, p.id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """Open business with one partner, in minor units."""

    id: int
    name: str
    earned_minor: int
    burned_minor: int
    operations: int

    @property
    def net_minor(self) -> int:
        """Above zero the partner pays."""
        return self.earned_minor - self.burned_minor


def owed_by_partner() -> list[Owed]:
    """Every active partner, by name. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_OWED, [MOST])
        return [Owed(pk, name, int(e), int(b), n) for pk, name, e, b, n in cursor.fetchall()]
