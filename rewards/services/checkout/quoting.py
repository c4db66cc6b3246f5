"""Quote: what a basket would cost and earn. Reads only, unless points shall be reserved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec
import psycopg
from django.db import OperationalError

from loyalty_crm.kernel.actors import Actor
from rewards.models import GiftCard, Wallet
from rewards.services.checkout.asks import Ask
from rewards.services.checkout.coupons import public, reserve_coupons
from rewards.services.checkout.facts import Facts, WalletFacts, read_carries, read_facts
from rewards.services.checkout.limiting import hold_limits, settle
from rewards.services.checkout.pricing import (
    QUOTE_LIVES,
    Priced,
    price,
    refuse_impossible,
    refuse_other_payment,
    seal,
)
from rewards.services.checkout.wire import HoldOut, QuoteOut, quote_out
from rewards.services.coupons.using import Cause
from rewards.services.gift_cards.paying import Charge, hold_cards, shares
from rewards.services.ledger import lock_wallet, place_hold, wallet_for
from rewards.services.rule_sets import Compiled

#: Gift cards that were shown, with what is asked of each; None: as much as it can.
Shown: TypeAlias = Sequence[tuple[GiftCard, int | None]]


def make_quote(
    *, ask: Ask, compiled: Compiled, gift_cards: Shown = (), now: datetime, actor: Actor
) -> QuoteOut:
    """Price a basket. Writes nothing and locks nothing; the answer proves itself for 15 minutes."""
    priced = _priced(ask, compiled, now, actor)
    return sealed_quote(priced, now, actor, gifts=shares(gift_cards, priced.quote.total_minor))


def reserve_quote(
    *,
    ask: Ask,
    compiled: Compiled,
    reference: str,
    gift_cards: Shown = (),
    now: datetime,
    actor: Actor,
) -> QuoteOut:
    """Price a basket; hold its points, gift cards, coupons and limits until the quote ends.

    Belongs inside a transaction. More points than the receipt takes are refused.
    The sale names the hold; what it does not take is free again.
    """
    priced = _reservable(ask, compiled, now, actor)
    refuse_other_payment(priced)
    points = _hold_points(priced, reference, actor)
    # One hold for all that is set aside: without points it goes by the quote's own reference.
    held = points or HoldOut(id=UUID(reference), points=0, expires_at=now + QUOTE_LIVES)
    gifts = shares(gift_cards, priced.quote.total_minor)
    held.gift_cards = _hold_cards(gifts, held.id, actor)
    held.limits = hold_limits(priced, held.id, held.expires_at, actor)
    cause = Cause("hold", str(held.id), now, actor.label)
    held.coupons = reserve_coupons(priced, cause, held.expires_at)
    if not (points or held.coupons or held.limits or held.gift_cards):
        return sealed_quote(priced, now, actor, gifts=gifts)
    return sealed_quote(priced, now, actor, hold=held, gifts=gifts)


def _hold_cards(gifts: Sequence[Charge], handle: UUID, actor: Actor) -> list[UUID]:
    charges = [one for one in gifts if one.amount]
    hold_cards(charges=charges, handle=handle, ttl=QUOTE_LIVES, actor=actor)
    return [one.card.public_id for one in charges]


def _reservable(ask: Ask, compiled: Compiled, now: datetime, actor: Actor) -> Priced:
    """The price under the locks of the wallet and of limits that are nearly reached."""
    refuse_impossible(ask, compiled, now)
    facts = read_facts(ask, compiled, lock=True, actor=actor)
    if compiled.rules.limited:
        facts = with_wallet(facts, compiled)
    carries = carries_of(facts, compiled)
    return settle(
        price(ask, facts, compiled, carries=carries),
        lambda fresh: price(ask, fresh, compiled, carries=carries),
    )


def with_wallet(facts: Facts, compiled: Compiled) -> Facts:
    """The member's wallet, opened at the first purchase, locked either way."""
    if facts.member is None:
        return facts
    if facts.wallet is None:
        state = lock_wallet(wallet_for(facts.member.id, compiled.programme).pk)
        opened = WalletFacts(state.id, state.public_id, state.status, state.posted, state.held)
        return msgspec.structs.replace(facts, wallet=opened)
    if facts.wallet.status == "merged":
        # Merged while we waited for it: the whole unit runs again and finds the survivor.
        raise OperationalError("merged meanwhile") from psycopg.errors.SerializationFailure()
    return facts


def _hold_points(priced: Priced, reference: str, actor: Actor) -> HoldOut | None:
    wallet, points = priced.facts.wallet, priced.quote.payment.points
    if wallet is None or not points:
        return None
    hold = place_hold(
        wallet=Wallet.objects.get(pk=wallet.id),
        amount=points,
        ttl=QUOTE_LIVES,
        source=f"quote:{actor.id}",
        source_ref=reference,
        actor=actor,
    )
    return HoldOut(id=hold.public_id, points=points, expires_at=hold.expires_at)


def sealed_quote(
    priced: Priced,
    now: datetime,
    actor: Actor,
    *,
    hold: HoldOut | None = None,
    gifts: Sequence[Charge] = (),
) -> QuoteOut:
    return quote_out(
        priced,
        quote_id=seal(priced, actor),
        expires_at=now + QUOTE_LIVES,
        hold=hold,
        coupons=[public(one, actor) for one in priced.coupons],
        gift_cards=gifts,
    )


def _priced(ask: Ask, compiled: Compiled, now: datetime, actor: Actor) -> Priced:
    refuse_impossible(ask, compiled, now)
    facts = read_facts(ask, compiled, actor=actor)
    return price(ask, facts, compiled, carries=carries_of(facts, compiled))


def carries_of(facts: Facts, compiled: Compiled) -> dict[int, int]:
    """Asked only where a rule carries remainders; under the wallet's lock when it is held."""
    if compiled.rules.carries and facts.wallet:
        return read_carries(facts.wallet.id)
    return {}
