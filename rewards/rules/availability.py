"""What a member lacks to take a reward. Pure: plain values in, reasons out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Of a reward, what decides who may take it. ``free``: pieces left, None: not counted."""

    state: str
    price_points: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    tier: str = ""
    tier_structure: int | None = None
    tier_rank: int = 0
    tags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    min_membership_days: int = 0
    per_member: int | None = None
    free: int | None = None
    needs_cause: bool = False


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """Of a member, the same. ``ranks``: place on each ladder of tiers. ``taken``: this reward."""

    available: int
    is_active: bool = True
    wallet_is_active: bool = True
    enrolled_at: datetime
    ranks: dict[int, int] = {}
    tags: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    taken: int = 0
    has_cause: bool = True


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is missing: a stable code, and the figures of its sentence."""

    code: str
    params: dict[str, Any] = {}


def lacks(terms: Terms, buyer: Buyer, *, store: str | None, now: datetime) -> list[Lack]:
    """Everything that is missing, what can be changed by waiting or saving last. Empty: take it.

    ``store`` None: nowhere in particular, as in a list; then no store is wrong.
    """
    return [
        *_of_offer(terms, store, now),
        *_of_person(terms, buyer, now),
        *_of_amounts(terms, buyer),
    ]


def _of_offer(terms: Terms, store: str | None, now: datetime) -> Iterator[Lack]:
    if terms.state != "live":
        yield Lack(code="not_on_offer")
    if terms.starts_at and terms.starts_at > now:
        yield Lack(code="begins_later", params={"at": terms.starts_at})
    if terms.ends_at and terms.ends_at <= now:
        yield Lack(code="is_over", params={"at": terms.ends_at})
    if terms.stores and store is not None and store not in terms.stores:
        yield Lack(code="other_stores", params={"stores": sorted(terms.stores)})
    if terms.free is not None and terms.free <= 0:
        yield Lack(code="none_left")


def _of_person(terms: Terms, buyer: Buyer, now: datetime) -> Iterator[Lack]:
    if not buyer.is_active:
        yield Lack(code="member_inactive")
    ladder = terms.tier_structure
    if ladder is not None and buyer.ranks.get(ladder, -1) < terms.tier_rank:
        yield Lack(code="tier", params={"tier": terms.tier})
    if (terms.tags or terms.segments) and not (
        terms.tags & buyer.tags or terms.segments & buyer.segments
    ):
        yield Lack(code="chosen_members")
    since = buyer.enrolled_at + timedelta(days=terms.min_membership_days)
    if since > now:
        yield Lack(code="membership", params={"days": -(-(since - now) // timedelta(days=1))})
    if terms.needs_cause and not buyer.has_cause:
        yield Lack(code="cause")


def _of_amounts(terms: Terms, buyer: Buyer) -> Iterator[Lack]:
    if terms.per_member is not None and buyer.taken >= terms.per_member:
        yield Lack(code="limit", params={"most": terms.per_member})
    if not buyer.wallet_is_active:
        yield Lack(code="wallet")
    if buyer.available < terms.price_points:
        yield Lack(code="points", params={"missing": terms.price_points - buyer.available})
