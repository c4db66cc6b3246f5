"""Reads receipts of the past in order, in bounded memory, over a session that cannot write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

import psycopg
from django.db import connection

from rewards.rules.needs import Needs
from rewards.services.checkout.inputs import OF_PRODUCT, asked_of_inputs
from rewards.services.tryout.sold import MOST_KEPT, UNKNOWN, Product, Sold, SoldLine

#: Receipts read at once: their lines are what stands in memory.
SLICE = 4_000

Rows = list[tuple[Any, ...]]


class Place(NamedTuple):
    """Up to where receipts have been read: they come by time, then by number."""

    at: datetime
    id: int


class Span(NamedTuple):
    """From the first moment to the last, the last one not included, in these stores."""

    begins: datetime
    ends: datetime
    stores: Sequence[int]


class Reader:
    """One session, one short READ ONLY transaction for every batch of look-ups."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self._session = session

    def rows(self, sql: str, values: Mapping[str, object]) -> Rows:
        with psycopg.Cursor(self._session) as cursor:
            return cursor.execute(cast("Any", sql), values, binary=True).fetchall()

    def let_go(self) -> None:
        """End the transaction, so that nothing old is held open while the rules work."""
        self._session.rollback()


@contextmanager
def reading() -> Iterator[Reader]:
    """A session of its own in which the server refuses every write."""
    own = connection.copy()
    own.ensure_connection()
    try:
        session: psycopg.Connection[Any] = own.connection
        session.autocommit = False
        session.read_only = True
        yield Reader(session)
    finally:
        own.close()


_RECEIPTS = """
    SELECT r.id, r.store_id, r.member_id, r.occurred_at, r.gross_minor, r.discount_minor,
           r.points_paid_minor, r.state, coalesce(p.redeemed, 0), coalesce(p.earned, 0),
           CASE WHEN r.state = 'partly_returned' THEN
               (SELECT coalesce(sum(b.net_minor), 0)::bigint
                  FROM members_refund b WHERE b.receipt_id = r.id) ELSE 0 END,
           CASE WHEN r.discount_minor > 0
                 AND p.decisions @? '$[*] ? (@.discount_minor > 0)' THEN p.decisions::text END,
           CASE WHEN %(tenders)s THEN
               (SELECT array_agg(DISTINCT t.kind) FROM members_tender t
                 WHERE t.receipt_id = r.id) END
      FROM members_receipt r LEFT JOIN rewards_purchase p ON p.receipt_id = r.id
     WHERE r.store_id = ANY(%(stores)s) AND r.occurred_at >= %(begins)s
       AND r.occurred_at < %(ends)s AND (r.occurred_at, r.id) > (%(at)s, %(id)s)
       AND r.state <> 'voided'
     ORDER BY r.occurred_at, r.id LIMIT %(limit)s
"""
_LINES = """
    SELECT receipt_id, line_no, sku, quantity_milli, unit_price_minor, gross_minor, discount_minor,
           cost_minor{printed}
      FROM members_receiptline WHERE receipt_id = ANY(%(ids)s)
"""
_AS_SOLD = _LINES.replace("{printed}", "")
_AS_PRINTED = _LINES.replace(
    "{printed}", ", net_minor, points_paid_minor, refunded_quantity_milli, refunded_minor"
)
_COUNT = """
    SELECT count(*), min(occurred_at), max(occurred_at) FROM members_receipt
     WHERE store_id = ANY(%(stores)s) AND occurred_at >= %(begins)s AND occurred_at < %(ends)s
       AND state <> 'voided'
"""


class Found(NamedTuple):
    """How many receipts there are to read, and when the first and the last of them were."""

    number: int
    first: datetime | None
    last: datetime | None


def count(reader: Reader, span: Span) -> Found:
    [row] = reader.rows(_COUNT, span._asdict())
    return Found(*row)


def cuts(reader: Reader, span: Span, most: int) -> list[datetime]:
    """The ends of windows of time that hold about so many receipts each. One statement.

    A window is found by the index of stores and times. Without one the server would
    sort the whole span again for every slice of it.
    """
    number, first, last = count(reader, span)
    if first is None or last is None or number <= most:
        return [span.ends]
    windows = -(-number // most)
    return [*(first + (last - first) * n / windows for n in range(1, windows)), span.ends]


def receipts_after(
    reader: Reader, span: Span, place: Place | None, *, tenders: bool = False, most: int = SLICE
) -> list[Sold]:
    """The next receipts in the order of time; voided ones never were."""
    at, last = place or Place(span.begins, 0)
    values = {**span._asdict(), "at": at, "id": last, "tenders": tenders, "limit": most}
    values["begins"] = max(span.begins, at)
    return [Sold(*row) for row in reader.rows(_RECEIPTS, values)]


def lines_of(
    reader: Reader, receipts: Collection[int], *, printed: bool
) -> dict[int, list[SoldLine]]:
    """The lines by receipt. ``printed``: with what was paid for them, and what came back."""
    sql = _AS_PRINTED if printed else _AS_SOLD
    found: dict[int, list[SoldLine]] = defaultdict(list)
    for row in reader.rows(sql, {"ids": list(receipts)}):
        found[row[0]].append(SoldLine(*row))
    return found


_PRODUCTS = """
    SELECT p.sku, p.id, p.category_id, coalesce(b.code, ''), p.cost_minor, p.excluded_from_earning,
           p.excluded_from_redemption, {asked}
      FROM members_product p LEFT JOIN members_brand b ON b.id = p.brand_id
     WHERE p.sku = ANY(%(skus)s)
"""
_PLAIN = _PRODUCTS.replace("{asked}", "NULL")
_WITH_ASKED = _PRODUCTS.replace("{asked}", f"json_build_object({OF_PRODUCT})")


class Catalogue:
    """Products by SKU as they are now; when too many are kept, all are forgotten."""

    def __init__(
        self, reader: Reader, categories: Mapping[int, tuple[str, ...]], needs: Needs
    ) -> None:
        self._reader = reader
        self._categories = categories
        self._asked = asked_of_inputs(needs)
        asks = needs.product_lists or needs.attributes or needs.price_lists
        self._sql = _WITH_ASKED if asks else _PLAIN
        self._kept: dict[str, Product] = {}

    def of(self, skus: Collection[str]) -> Mapping[str, Product]:
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        if missing := set(skus) - self._kept.keys():
            self._kept.update(dict.fromkeys(missing, UNKNOWN))
            for row in self._reader.rows(self._sql, {**self._asked, "skus": sorted(missing)}):
                self._kept[row[0]] = self._product(*row[1:])
        return self._kept

    def _product(
        self,
        key: int,
        category: int | None,
        brand: str,
        cost_minor: int | None,
        no_earning: bool,
        no_redemption: bool,
        asked: Mapping[str, Any] | None,
    ) -> Product:
        plain = Product(
            key,
            self._categories.get(category or 0, ()),
            brand,
            cost_minor,
            no_earning,
            no_redemption,
        )
        if asked is None:
            return plain
        return plain._replace(
            lists=tuple(asked["lists"] or ()),
            attributes=asked["attributes"] or {},
            prices=asked["prices"] or {},
        )


class Person(NamedTuple):
    """What of a member does not follow from the receipts.

    ``tags``: code, from, until. ``tiers``: from when, and which (None: none), in order.
    """

    public_id: str
    birth_date: date | None
    enrolled_at: datetime
    tags: list[tuple[str, datetime, datetime | None]]
    segments: frozenset[str]
    tiers: list[tuple[datetime, str | None]]


_PEOPLE = """
    SELECT m.id, m.public_id::text, m.birth_date, m.enrolled_at,
           CASE WHEN %(needs_segments)s THEN (
               SELECT array_agg(s.code) FROM members_segmentmember sm
                 JOIN members_segment s ON s.id = sm.segment_id WHERE sm.member_id = m.id) END
      FROM members_member m WHERE m.id = ANY(%(ids)s)
"""
_TIERS = """
    SELECT v.member_id, v.at, t.code
      FROM rewards_tierevaluation v
      JOIN rewards_tierstructure s ON s.id = v.structure_id AND s.is_primary
      JOIN rewards_programme p ON p.id = s.programme_id AND p.is_default
      LEFT JOIN rewards_tier t ON t.id = v.to_tier_id
     WHERE v.member_id = ANY(%(ids)s) ORDER BY v.at, v.id
"""
_TAGS = "SELECT member_id, tag, since, until FROM members_membertag WHERE member_id = ANY(%(ids)s)"


class People:
    """Members by their key; kept like products."""

    def __init__(self, reader: Reader, needs: Needs) -> None:
        self._reader = reader
        self._asked = asked_of_inputs(needs)
        self._kept: dict[int, Person] = {}

    def of(self, members: Collection[int]) -> Mapping[int, Person]:
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        if missing := sorted(set(members) - self._kept.keys()):
            self._load(missing)
        return self._kept

    def _load(self, missing: list[int]) -> None:
        asked = {"needs_segments": self._asked["needs_segments"], "ids": missing}
        tags: dict[int, list[tuple[str, datetime, datetime | None]]] = defaultdict(list)
        if self._asked["needs_tags"]:
            for member, *tag in self._reader.rows(_TAGS, {"ids": missing}):
                tags[member].append((tag[0], tag[1], tag[2]))
        tiers: dict[int, list[tuple[datetime, str | None]]] = defaultdict(list)
        if self._asked["needs_tier"]:
            for member, at, code in self._reader.rows(_TIERS, {"ids": missing}):
                tiers[member].append((at, code))
        for member, public, born, enrolled, segments in self._reader.rows(_PEOPLE, asked):
            self._kept[member] = Person(
                public, born, enrolled, tags[member], frozenset(segments or ()), tiers[member]
            )


class Shop(NamedTuple):
    code: str
    zone: ZoneInfo
    groups: frozenset[str]


_SHOPS = """
    SELECT s.id, s.code, s.time_zone, (SELECT array_agg(g.code)
             FROM members_storegroup_stores gs JOIN members_storegroup g ON g.id = gs.storegroup_id
            WHERE gs.store_id = s.id)
      FROM members_store s
"""


def shops(reader: Reader) -> dict[int, Shop]:
    """Every store, by its key."""
    return {
        key: Shop(code, ZoneInfo(zone), frozenset(groups or ()))
        for key, code, zone, groups in reader.rows(_SHOPS, {})
    }
