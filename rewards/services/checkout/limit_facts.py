"""What limits a sale may meet, as a part of the one statement of facts.

It looks up the counters there are for this store, wallet and day, not the
limits there are: a counter that nobody has moved yet does not exist.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from rewards.rules.limits import CounterKey, Place

#: {at} is the moment of the sale, {hold} what the quote reserved; the period is the store's.
LIMITS = """
    'limits', CASE WHEN cardinality(%(limited)s::bigint[]) > 0 THEN (
        SELECT json_agg(json_build_array(c.promotion_id, c.per, c.what, c.holder, c.key,
                   c.used + c.held, CASE WHEN c.held = 0 THEN 0 ELSE (
                       SELECT coalesce(sum(m.held), 0)
                         FROM rewards_limithold h JOIN rewards_limituse m ON m.hold_id = h.id
                        WHERE h.ended_at IS NULL AND h.expires_at <= statement_timestamp()
                          AND m.counter_id = c.id) END))
          FROM store, LATERAL (SELECT ({at} AT TIME ZONE store.time_zone)::date AS day) AS d,
               LATERAL (VALUES
                   ('member', (SELECT id FROM wallet), ''),
                   ('member_day', (SELECT id FROM wallet), to_char(d.day, 'YYYY-MM-DD')),
                   ('store', store.id, ''),
                   ('total', 0, ''),
                   ('day', 0, to_char(d.day, 'YYYY-MM-DD')),
                   ('week', 0, to_char(d.day, 'IYYY-"W"IW')),
                   ('month', 0, to_char(d.day, 'YYYY-MM')),
                   ('quarter', 0, to_char(d.day, 'YYYY-"Q"Q')),
                   ('year', 0, to_char(d.day, 'YYYY'))) AS k (per, holder, key)
          JOIN rewards_limitcounter c ON c.holder = k.holder AND c.per = k.per AND c.key = k.key
           AND c.promotion_id = ANY(%(limited)s::bigint[])) END,
    'limit_hold', (SELECT json_build_object(
                       'id', h.id, 'owner', h.owner, 'ended', h.ended_at IS NOT NULL,
                       'is_late', h.expires_at <= statement_timestamp())
                     FROM rewards_limithold h WHERE h.public_id = {hold}::uuid)
"""


class CounterFacts(msgspec.Struct, frozen=True, array_like=True):
    """``taken`` is used and held; ``stale`` is the part of it whose holds are over."""

    promotion_id: int
    per: str
    what: str
    holder: int
    key: str
    taken: int
    stale: int = 0

    @property
    def counter(self) -> CounterKey:
        return CounterKey(self.promotion_id, self.per, self.what, self.holder, self.key)


class LimitHoldFacts(msgspec.Struct, frozen=True):
    id: int
    owner: str
    ended: bool
    is_late: bool


class CountedFacts(msgspec.Struct, frozen=True):
    """The counters that this sale may move, and what its quote reserved of them."""

    limits: list[CounterFacts] | None = None
    limit_hold: LimitHoldFacts | None = None


def place(at: datetime, time_zone: str, *, store_id: int, wallet_id: int | None) -> Place:
    day = at.astimezone(ZoneInfo(time_zone)).date()
    return Place(at=at, day=day, wallet_id=wallet_id, store_id=store_id)
