"""Points accounts of many members at once, and the remainders they are owed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db import connection

from rewards.models import Programme
from rewards.services.ledger import lock_wallets
from rewards.services.ledger.opening import unit_of

_OPEN = """
    INSERT INTO rewards_wallet (programme_id, member_id, kind, unit, debt_limit)
    SELECT %s, id, 'points', %s, %s FROM unnest(%s::bigint[]) AS id ORDER BY id
        ON CONFLICT DO NOTHING
"""
_FIND = """
    SELECT DISTINCT ON (w.member_id) w.member_id, w.id, w.status, m.status
      FROM rewards_wallet w JOIN members_member m ON m.id = w.member_id
     WHERE w.member_id = ANY(%s) AND w.unit = %s
     ORDER BY w.member_id, w.status = 'merged', w.id DESC
"""
_CARRIES = "SELECT wallet_id, version_id, units FROM rewards_earncarry WHERE wallet_id = ANY(%s)"
_KEEP = """
    INSERT INTO rewards_earncarry (wallet_id, version_id, units)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
    ON CONFLICT (wallet_id, version_id) DO UPDATE SET units = EXCLUDED.units
"""


class Account(NamedTuple):
    """Where a member's points go. A closed member, or an account that is not open, earns none."""

    wallet_id: int
    may_earn: bool


def accounts_of(
    members: Collection[int], programme: Programme, *, lock: bool
) -> dict[int, Account]:
    """The account of each member, opened where there is none; locked in one order, if asked."""
    debt_limit = programme.debt_limit_points if programme.debt == Programme.Debt.ALLOW else 0
    ids = sorted(members)
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [ids, unit_of(programme)])
        found = cursor.fetchall()
        if new := sorted(set(ids) - {row[0] for row in found}):
            cursor.execute(_OPEN, [programme.pk, unit_of(programme), debt_limit, new])
            cursor.execute(_FIND, [ids, unit_of(programme)])
            found = cursor.fetchall()
    if not lock:
        return {
            member: Account(wallet, (status, standing) in EARNS)
            for member, wallet, status, standing in found
        }
    states = lock_wallets(wallet for _member, wallet, _status, _standing in found)
    return {
        member: Account(states[wallet].id, (states[wallet].status, standing) in EARNS)
        for member, wallet, _status, standing in found
    }


EARNS = {("active", "active"), ("active", "blocked"), ("merged", "active"), ("merged", "blocked")}


def carries_of(wallets: Sequence[int]) -> list[tuple[int, int, int]]:
    """Wallet, rule version and units; read it when the wallets are locked."""
    with connection.cursor() as cursor:
        cursor.execute(_CARRIES, [list(wallets)])
        return list(cursor.fetchall())


def keep_carries(rows: Sequence[tuple[int, int, int]]) -> None:
    """Write what the wallets are owed now; their locks are held since it was read."""
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [list(column) for column in zip(*rows, strict=True)])
