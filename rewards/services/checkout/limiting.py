"""A sale and the limits it counts in: what they leave it, and its claim on them.

The claim is the last thing before the commit, so that a counter all tills share
is held for a moment only. Where a shared limit is nearly reached, its counters
are locked before the price is final: then the answer is exact at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from loyalty_crm.kernel.actors import Actor
from rewards.errors import HoldExpired, HoldResolved
from rewards.models import LimitHold, LimitUse
from rewards.rules.answers import Left
from rewards.rules.limits import OF_MEMBER, Claim, CounterKey, Place, Rooms
from rewards.rules.limits import claims_of as claims_of_quote
from rewards.services.checkout.asks import Ask
from rewards.services.checkout.facts import Facts
from rewards.services.checkout.limit_facts import CountedFacts, CounterFacts, place
from rewards.services.limits import counters, holds
from rewards.services.limits.alerts import tell
from rewards.services.rule_sets import Compiled

if TYPE_CHECKING:
    from rewards.services.checkout.pricing import Priced

#: A limit is near its end when it has no room for so many more sales like this one.
SALES_TO_SPARE = 16


def rooms(ask: Ask, facts: Facts, compiled: Compiled) -> Mapping[int, Left]:
    """What limits leave this sale. What a quote holds whose time is over counts as free."""
    if not compiled.rules.limited:
        return {}
    taken = {one.counter: one.taken - one.stale for one in facts.counted.limits or ()}
    return Rooms(compiled.rules.limited, _place(ask, facts), taken)


def claims_of(priced: Priced) -> list[Claim]:
    limited = priced.compiled.rules.limited
    return (
        claims_of_quote(priced.quote, limited, _place(priced.ask, priced.facts)) if limited else []
    )


def _place(ask: Ask, facts: Facts) -> Place:
    assert facts.store is not None
    wallet_id = facts.wallet.id if facts.wallet else None
    return place(
        ask.occurred_at, facts.store.time_zone, store_id=facts.store.id, wallet_id=wallet_id
    )


class HeldLimit(msgspec.Struct, kw_only=True):
    """Room that a quote keeps in one limit; money in minor units."""

    promotion: str
    per: str
    what: str
    amount: int


# Before the price is final


def refuse_hold(facts: Facts, is_late: bool, actor: Actor) -> bool:
    """Whether the sale names a hold of limits; one that is not the caller's, or over, is refused.

    A late sale happened already: its hold may have ended since, and does no harm.
    """
    hold = facts.counted.limit_hold
    if hold is None or is_late:
        return hold is not None
    if hold.owner != actor.id or hold.ended:
        raise HoldResolved(pointer="/hold_id")
    if hold.is_late:
        raise HoldExpired(pointer="/hold_id")
    return True


def settle(priced: Priced, again: Callable[[Facts], Priced]) -> Priced:
    """The price that stands: where a limit is near its end, or held for us, under its lock.

    Captures the hold that the sale names. Locks counters until the transaction
    ends; ``again`` prices the same sale on newer facts.
    """
    claims, hold = claims_of(priced), priced.facts.counted.limit_hold
    mine = [hold.id] if hold and not (hold.ended or hold.is_late) else []
    if not (mine or _near(claims, priced.facts)):
        return priced
    stale = _stale(claims, priced.facts)
    taken = counters.lock(claims, [*mine, *stale])
    freed = [counters.free(stale, holds.EXPIRED)] if stale else []
    if mine:
        freed.append(_captured(mine))
    settled = again(_fresh(priced.facts, taken, freed))
    if {claim.counter for claim in claims_of(settled)} - taken.keys():
        # Another promotion took over. Its counters would be locked out of their order.
        raise counters.moved_meanwhile()
    return settled


def _stale(claims: Iterable[Claim], facts: Facts) -> list[int]:
    """Holds of these promotions that are over and that nobody has freed yet."""
    if not any(one.stale for one in facts.counted.limits or ()):
        return []
    return counters.due([claim.counter.promotion_id for claim in claims], 200)


def _near(claims: Iterable[Claim], facts: Facts) -> bool:
    known = {one.counter: one for one in facts.counted.limits or ()}
    return any(_is_near(claim, known.get(claim.counter)) for claim in claims)


def _is_near(claim: Claim, known: CounterFacts | None) -> bool:
    """A member's own limits are guarded by the lock of the wallet already."""
    if known and known.stale:
        return True
    free = claim.most - (known.taken if known else 0)
    return claim.counter.per not in OF_MEMBER and free < claim.amount * SALES_TO_SPARE


def _captured(hold_ids: Sequence[int]) -> dict[CounterKey, int]:
    found = counters.free(hold_ids, LimitHold.Outcome.CAPTURED.value)
    if not found:
        raise HoldResolved(pointer="/hold_id")
    return found


def _fresh(
    facts: Facts, taken: Mapping[CounterKey, int], freed: Iterable[Mapping[CounterKey, int]]
) -> Facts:
    """The facts with what locked counters say now."""
    now = dict(taken)
    for part in freed:
        for counter, held in part.items():
            now[counter] -= held
    kept = [one for one in facts.counted.limits or () if one.counter not in now]
    fresh = [CounterFacts(*counter, taken=amount) for counter, amount in now.items()]
    return msgspec.structs.replace(facts, counted=CountedFacts([*kept, *fresh]))


# With the sale


def count(sold: Sequence[tuple[Priced, int]]) -> None:
    """Claim what sales (with their receipts' ids) used; the last lock before the commit.

    When a limit does not take it, somebody was faster: the unit is undone and runs again.
    """
    for beyond in (False, True):
        chosen = [(priced, receipt) for priced, receipt in sold if priced.beyond is beyond]
        _count(
            [(each, receipt) for priced, receipt in chosen for each in claims_of(priced)], beyond
        )


def _count(claims: Sequence[tuple[Claim, int]], beyond: bool) -> None:
    if not claims:
        return
    most: dict[CounterKey, int] = {}
    for claim, _ in claims:
        most[claim.counter] = min(claim.most, most.get(claim.counter, claim.most))
    kind = LimitUse.Kind.OVER if beyond else LimitUse.Kind.USE
    notes = [_note(claim, receipt, kind.value) for claim, receipt in claims]
    tell(counters.claim(notes, most, force=beyond), [claim for claim, _ in claims])


def _note(claim: Claim, receipt_id: int, kind: str) -> dict[str, Any]:
    return {
        **claim.counter._asdict(),
        "version_id": claim.version_id,
        "receipt_id": receipt_id,
        "hold_id": None,
        "kind": kind,
        "used": claim.amount,
        "held": 0,
        "returns": claim.returns,
    }


class Tally:
    """Sales of one batch, priced one after another before any of them is written."""

    def __init__(self) -> None:
        self._taken: dict[CounterKey, int] = {}

    def facts(self, facts: Facts) -> Facts:
        """The facts with what earlier sales of the batch will take."""
        if not self._taken:
            return facts
        known = {one.counter: one for one in facts.counted.limits or ()}
        for counter, taken in self._taken.items():
            one = known.get(counter) or CounterFacts(*counter, taken=0)
            known[counter] = msgspec.structs.replace(one, taken=one.taken + taken)
        return msgspec.structs.replace(facts, counted=CountedFacts([*known.values()]))

    def add(self, priced: Priced) -> None:
        for claim in claims_of(priced):
            taken = self._taken.get(claim.counter, 0)
            self._taken[claim.counter] = taken + claim.amount


# With a quote


def hold_limits(
    priced: Priced, public_id: UUID, expires_at: datetime, actor: Actor
) -> list[HeldLimit]:
    """Hold what the quote would use, for its sale; what is held. Belongs inside a transaction."""
    claims = claims_of(priced)
    if claims:
        holds.place(claims, public_id=public_id, owner=actor.id, expires_at=expires_at)
    codes = {use.promotion_id: use.code for use in priced.quote.uses}
    return [
        HeldLimit(
            promotion=codes[claim.counter.promotion_id],
            per=claim.counter.per,
            what=claim.counter.what,
            amount=claim.amount,
        )
        for claim in claims
    ]
