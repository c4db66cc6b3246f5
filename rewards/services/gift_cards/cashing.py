"""Small rests paid out in cash, and the pace of balance checks: the terms of all cards."""

from __future__ import annotations

from django.db import transaction

from loyalty_crm.kernel import audit, throttle
from loyalty_crm.kernel.actors import Actor
from rewards.errors import GiftCardCashOut
from rewards.models import GiftCard, GiftCardTerms, Programme
from rewards.services.gift_cards.moving import Moved, unload
from rewards.services.gift_cards.states import State, refuse_state
from rewards.services.ledger import lock_wallet


def terms_of(programme_id: int) -> GiftCardTerms:
    """The terms; without a row nothing is paid out."""
    found = GiftCardTerms.objects.filter(programme=programme_id).first()
    return found or GiftCardTerms(programme_id=programme_id)


@transaction.atomic
def save_terms(
    *, programme: Programme, cash_out_minor: int, checks_per_minute: int, actor: Actor
) -> GiftCardTerms:
    """Other terms from now on, with a trace of both."""
    before = terms_of(programme.pk)
    known: dict[str, object] = {
        "cash_out_minor": before.cash_out_minor,
        "checks_per_minute": before.checks_per_minute,
    }
    fresh: dict[str, object] = {
        "cash_out_minor": cash_out_minor,
        "checks_per_minute": checks_per_minute,
    }
    saved, _is_new = GiftCardTerms.objects.update_or_create(programme=programme, defaults=fresh)
    audit.record(
        action="gift_card_terms.changed",
        object_type="programme",
        object_id=programme.code,
        before=known,
        after=fresh,
        actor=actor,
    )
    return saved


@transaction.atomic
def cash_out(*, card: GiftCard, source_ref: str, actor: Actor) -> Moved:
    """Pay a small rest out and close the card; expired or not. Locks the wallet.

    Refused when more is on it than the terms allow, or some of it is held. The
    same document again answers with the first time.
    """
    wallet = lock_wallet(card.wallet_id)
    most = terms_of(wallet.programme_id).cash_out_minor

    def refuse() -> None:
        refuse_state(card, State.ACTIVE)
        if not 0 < wallet.posted <= most or wallet.held:
            raise GiftCardCashOut(balance=wallet.posted, most=most)

    return unload(card=card, wallet=wallet, source_ref=source_ref, refuse=refuse, actor=actor)


def count_check(card: GiftCard) -> None:
    """Count one look at a balance; too many a minute of one card are refused."""
    limit = terms_of(card.wallet.programme_id).checks_per_minute
    throttle.refuse_above(f"gift-check:{card.pk}", limit=limit, period=throttle.MINUTE)
