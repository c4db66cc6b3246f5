"""Stamps, plays and tickets go along when two members' wallets become one, and come back.

Both wallets are locked by the merge, as they are by whatever else moves these
balances, so nobody counts meanwhile.
"""

from __future__ import annotations

from django.db import connection

# A debt (goods came back after their stamps were spent) goes along as it is.
_BRING = """
WITH brought AS (
    SELECT kind, code, balance FROM rewards_awardbalance
     WHERE member_id = %(giver)s AND balance <> 0 ORDER BY kind, code
)
INSERT INTO rewards_awardmove (member_id, kind, code, amount, reason)
SELECT %(giver)s, kind, code, -balance, %(reason)s FROM brought
 UNION ALL
SELECT %(taker)s, kind, code, balance, %(reason)s FROM brought
"""
# What was spent since stays spent: no more goes back than the survivor still has. Of a debt
# all of it goes back.
_GIVE_BACK = """
WITH net AS (
    SELECT m.kind, m.code, sum(m.amount) AS brought
      FROM rewards_awardmove m
     WHERE m.member_id = %(taker)s AND m.reason IN (%(reason)s, %(back)s)
     GROUP BY m.kind, m.code
), returned AS (
    SELECT n.kind, n.code,
           CASE WHEN n.brought < 0 THEN n.brought
                ELSE least(n.brought, greatest(b.balance, 0)) END AS amount
      FROM net n
      JOIN rewards_awardbalance b ON b.member_id = %(taker)s AND b.kind = n.kind
       AND b.code = n.code
)
INSERT INTO rewards_awardmove (member_id, kind, code, amount, reason)
SELECT %(taker)s, kind, code, -amount, %(back)s FROM returned WHERE amount <> 0
 UNION ALL
SELECT %(giver)s, kind, code, amount, %(back)s FROM returned WHERE amount <> 0
"""


def bring_balances(*, wallet: int, giver: int, taker: int) -> None:
    """Move every balance of the giver's to the taker, one move out and one in for each."""
    _run(_BRING, wallet, giver, taker)


def give_balances_back(*, wallet: int, giver: int, taker: int) -> None:
    """The reverse of ``bring_balances`` of this wallet, as far as it is still there."""
    _run(_GIVE_BACK, wallet, giver, taker)


def _run(statement: str, wallet: int, giver: int, taker: int) -> None:
    values: dict[str, int | str] = {"giver": giver, "taker": taker}
    values |= {"reason": f"merge:{wallet}", "back": f"unmerge:{wallet}"}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
