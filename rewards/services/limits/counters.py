"""Counters in the database: locked, moved and explained, each act by one statement.

Whoever needs several counters takes them in the order of their names, all at
once, and after the wallet: so two sales can queue and never embrace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from django.db import OperationalError, connection

from loyalty_crm.kernel.database import planned_cursor
from rewards.rules.limits import Claim, CounterKey

_encode = msgspec.json.Encoder().encode
_NAME = "promotion_id, per, what, holder, key"
#: The order of locks. Python sorts the same names by code points as well.
_ORDER = 'promotion_id, per COLLATE "C", what COLLATE "C", holder, key COLLATE "C"'
_NAMED = "promotion_id bigint, per text, what text, holder bigint, key text"

# A hold is locked before its counters. What it holds is locked with the asked ones, in one pass.
_LOCK = f"""
WITH hold AS MATERIALIZED (
    SELECT id FROM rewards_limithold
     WHERE id = ANY(%(holds)s::bigint[]) AND ended_at IS NULL ORDER BY id FOR NO KEY UPDATE
), asked AS (
    SELECT {_NAME}, most FROM jsonb_to_recordset(%(claims)s::jsonb) AS a ({_NAMED}, most bigint)
    UNION ALL
    SELECT {_NAME}, most FROM rewards_limitcounter WHERE id IN (
        SELECT counter_id FROM rewards_limituse WHERE hold_id IN (SELECT id FROM hold))
)
INSERT INTO rewards_limitcounter AS c ({_NAME}, most)
SELECT {_NAME}, max(most) FROM asked GROUP BY {_NAME} ORDER BY {_ORDER}
ON CONFLICT (holder, per, key, promotion_id, what) DO UPDATE SET used = c.used
RETURNING {_NAME}, c.used + c.held
"""  # noqa: S608 - put together from constants of this file alone

_CLAIM = f"""
WITH claim AS (
    SELECT * FROM jsonb_to_recordset(%(claims)s::jsonb)
        AS a ({_NAMED}, used bigint, held bigint, most bigint)
), moved AS (
    INSERT INTO rewards_limitcounter AS c ({_NAME}, used, held, most, over)
    SELECT {_NAME}, used, held, most,
           CASE WHEN %(force)s::boolean THEN greatest(used + held - most, 0) ELSE 0 END
      FROM claim WHERE %(force)s::boolean OR used + held <= most
     ORDER BY {_ORDER}
    ON CONFLICT (holder, per, key, promotion_id, what) DO UPDATE
       SET used = c.used + EXCLUDED.used, held = c.held + EXCLUDED.held, most = EXCLUDED.most,
           over = CASE WHEN %(force)s::boolean THEN greatest(
               c.used + c.held + EXCLUDED.used + EXCLUDED.held - EXCLUDED.most, 0) ELSE 0 END
     WHERE %(force)s::boolean
        OR c.used + c.held + EXCLUDED.used + EXCLUDED.held <= EXCLUDED.most
    RETURNING c.id, {_NAME}, c.used
), noted AS (
    INSERT INTO rewards_limituse
        (counter_id, version_id, receipt_id, hold_id, kind, used, held, returns)
    SELECT moved.id, n.version_id, n.receipt_id, n.hold_id, n.kind, n.used, n.held, n.returns
      FROM jsonb_to_recordset(%(notes)s::jsonb) AS n ({_NAMED}, version_id bigint,
           receipt_id bigint, hold_id bigint, kind text, used bigint, held bigint, returns boolean)
      JOIN moved USING ({_NAME})
)
SELECT id, {_NAME}, used FROM moved
"""  # noqa: S608

_FREE = f"""
WITH ended AS (
    UPDATE rewards_limithold SET ended_at = clock_timestamp(), outcome = %(outcome)s
     WHERE id = ANY(%(holds)s::bigint[]) AND ended_at IS NULL RETURNING id
), part AS (
    SELECT m.counter_id, m.version_id, m.hold_id, sum(m.held)::bigint AS held
      FROM rewards_limituse m JOIN ended ON ended.id = m.hold_id
     GROUP BY m.counter_id, m.version_id, m.hold_id HAVING sum(m.held) <> 0
), freed AS (
    UPDATE rewards_limitcounter c SET held = c.held - p.held
      FROM (SELECT counter_id, sum(held)::bigint AS held FROM part GROUP BY counter_id) p
     WHERE c.id = p.counter_id RETURNING {_NAME}, p.held
), noted AS (
    INSERT INTO rewards_limituse (counter_id, version_id, hold_id, kind, used, held)
    SELECT counter_id, version_id, hold_id, 'free', 0, -held FROM part
)
SELECT {_NAME}, held FROM freed
"""  # noqa: S608

_DUE = """
SELECT h.id FROM rewards_limithold h
 WHERE h.ended_at IS NULL AND h.expires_at <= clock_timestamp()
   AND (%(promotions)s::bigint[] IS NULL OR EXISTS (
       SELECT FROM rewards_limituse m JOIN rewards_limitcounter c ON c.id = m.counter_id
        WHERE m.hold_id = h.id AND c.promotion_id = ANY(%(promotions)s::bigint[])))
 ORDER BY h.id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""

# A member's counters may have moved to another wallet since: what is given back, is given there.
_RELEASE = f"""
WITH RECURSIVE net AS (
    SELECT counter_id, version_id, returns, sum(used)::bigint AS used FROM rewards_limituse
     WHERE receipt_id = %(receipt)s AND (returns OR %(everything)s::boolean)
     GROUP BY counter_id, version_id, returns
), chain AS (
    SELECT net.*, c.id, c.moved_to_id FROM net JOIN rewards_limitcounter c ON c.id = net.counter_id
    UNION ALL
    SELECT chain.counter_id, chain.version_id, chain.returns, chain.used, c.id, c.moved_to_id
      FROM chain JOIN rewards_limitcounter c ON c.id = chain.moved_to_id
), owed AS (
    SELECT id, version_id, returns, sum(used)::bigint AS used FROM chain
     WHERE moved_to_id IS NULL GROUP BY id, version_id, returns HAVING sum(used) > 0
), locked AS MATERIALIZED (
    SELECT c.id FROM rewards_limitcounter c WHERE c.id IN (SELECT id FROM owed)
     ORDER BY {_ORDER} FOR NO KEY UPDATE
), given AS (
    UPDATE rewards_limitcounter c SET used = c.used - o.used
      FROM (SELECT id, sum(used)::bigint AS used FROM owed GROUP BY id) o, locked
     WHERE c.id = o.id AND locked.id = c.id
)
INSERT INTO rewards_limituse (counter_id, version_id, receipt_id, kind, used, returns)
SELECT owed.id, owed.version_id, %(receipt)s, 'release', -owed.used, owed.returns
  FROM owed JOIN locked USING (id)
"""  # noqa: S608

_MERGE = f"""
WITH given AS (
    SELECT * FROM rewards_limitcounter
     WHERE holder = %(source)s AND per IN ('member', 'member_day') AND moved_to_id IS NULL
), taken AS (
    INSERT INTO rewards_limitcounter AS c ({_NAME}, used, most, over)
    SELECT promotion_id, per, what, %(survivor)s, key, used, most, over FROM given ORDER BY {_ORDER}
    ON CONFLICT (holder, per, key, promotion_id, what) DO UPDATE
       SET used = c.used + EXCLUDED.used, most = greatest(c.most, EXCLUDED.most),
           over = greatest(
               c.used + c.held + EXCLUDED.used - greatest(c.most, EXCLUDED.most), 0)
    RETURNING c.id, {_NAME}
), pair AS (
    SELECT given.id AS source, taken.id AS survivor, given.used
      FROM given JOIN taken USING (promotion_id, per, what, key)
), emptied AS (
    UPDATE rewards_limitcounter c SET used = 0, over = 0, moved_to_id = pair.survivor
      FROM pair WHERE c.id = pair.source
)
INSERT INTO rewards_limituse (counter_id, kind, used)
SELECT source, 'merge', -used FROM pair WHERE used <> 0
UNION ALL
SELECT survivor, 'merge', used FROM pair WHERE used <> 0
"""  # noqa: S608

_HELD = """
SELECT coalesce(sum(held), 0)::bigint FROM rewards_limitcounter
 WHERE holder = %s AND per IN ('member', 'member_day')
"""


class Counted(NamedTuple):
    """A counter after a claim."""

    id: int
    counter: CounterKey
    used: int


def moved_meanwhile() -> OperationalError:
    """The whole unit runs again, and then sees what the counters say by now."""
    error = OperationalError("a limit was used meanwhile")
    error.__cause__ = psycopg.errors.SerializationFailure()
    return error


def lock(claims: Iterable[Claim], holds: Sequence[int] = ()) -> dict[CounterKey, int]:
    """Lock the counters of claims and of open holds; what each has used and held by now.

    Missing counters are opened at zero. Locks until the transaction ends.
    """
    rows = [{**claim.counter._asdict(), "most": claim.most} for claim in claims]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"claims": _json(rows), "holds": list(holds)})
        return {CounterKey(*name): taken for *name, taken in cursor.fetchall()}


def claim(
    notes: Sequence[Mapping[str, Any]], most: Mapping[CounterKey, int], *, force: bool
) -> list[Counted]:
    """Move counters, if every one of them stays within its limit, and note each move.

    ``notes`` are columns of ``LimitUse`` with the counter's name. One claim that
    does not fit refuses all: ``moved_meanwhile``, which undoes the transaction.
    ``force`` is for what has happened already: the excess is kept as ``over``.
    """
    totals: dict[CounterKey, list[int]] = {}
    for note in notes:
        total = totals.setdefault(CounterKey(*(note[name] for name in CounterKey._fields)), [0, 0])
        total[0] += note["used"]
        total[1] += note["held"]
    rows = [
        {**counter._asdict(), "used": used, "held": held, "most": most[counter]}
        for counter, (used, held) in totals.items()
    ]
    with planned_cursor() as cursor:
        cursor.execute(_CLAIM, {"claims": _json(rows), "notes": _json(notes), "force": force})
        moved = [Counted(pk, CounterKey(*name), used) for pk, *name, used in cursor.fetchall()]
    if len(moved) < len(totals):
        raise moved_meanwhile()
    return moved


def free(holds: Sequence[int], outcome: str) -> dict[CounterKey, int]:
    """End holds whose counters are locked; what is free again. Ended ones stay as they are."""
    with connection.cursor() as cursor:
        cursor.execute(_FREE, {"holds": list(holds), "outcome": outcome})
        return {CounterKey(*name): held for *name, held in cursor.fetchall()}


def due(promotions: list[int] | None, limit: int) -> list[int]:
    """Holds that are over by the database's clock, locked; those in use just now are skipped."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"promotions": promotions, "limit": limit})
        return [pk for (pk,) in cursor.fetchall()]


def release(receipt_id: int, *, everything: bool) -> None:
    """Give back what a receipt used: all of it, or what a full return gives back.

    A repeat finds nothing left to give back. Locks the counters.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"receipt": receipt_id, "everything": everything})


def merge(source: int, survivor: int) -> None:
    """Add a wallet's own counters to those of the one that takes over; both are locked."""
    with connection.cursor() as cursor:
        cursor.execute(_MERGE, {"source": source, "survivor": survivor})


def held_by(wallet_id: int) -> int:
    """What open quotes hold of a member's own limits, all kinds together."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [wallet_id])
        return int(cursor.fetchone()[0])


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return _encode(rows).decode()
