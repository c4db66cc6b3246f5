"""The guard of doors that take baskets: wrong cards, phones and coupon codes are counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.throttle import Guesses
from rewards.services.checkout.asks import Ask
from rewards.services.coupons.guessing import guarded_codes

KIND = "buyers"
#: Whoever may read members may also hear what is wrong with a card.
SEE_WHY = "members:read"

# The member is looked up deep inside of the work, under the key of the request; the door that
# counts must hear of it whatever the answer became.
_open: ContextVar[Guesses | None] = ContextVar("buyer_guesses", default=None)


@contextmanager
def guarded_ask(ask: Ask, *, actor: Actor) -> Iterator[None]:
    """Count the wrong card, phone and codes of a door's call; right ones are refused as well
    while a counter is full. Belongs outside of the transaction of the work.

    A member's id is no guess: it has 122 random bits and stands on no card.
    """
    with guarded_codes(ask.coupons, actor=actor, store=ask.store):
        if not is_guessable(ask):
            yield
            return
        with throttle.watched(KIND, actor=actor, store=ask.store) as guesses:
            token = _open.set(guesses)
            try:
                yield
            finally:
                _open.reset(token)


def is_guessable(ask: Ask) -> bool:
    """Whether the buyer is named by something that others could try out."""
    return bool(ask.member and (ask.member.card or ask.member.phone))


def is_locked(actor: Actor, store: str) -> bool:
    return throttle.is_locked(KIND, actor=actor, store=store)


def note_wrong() -> None:
    """Tell the guard of this call that nobody was to be found."""
    if guesses := _open.get():
        guesses.wrong = 1


def may_hear_why(actor: Actor | None) -> bool:
    """Staff at a till see the card in the customer's hand; a key needs the scope."""
    return actor is None or actor.kind != "api_key" or actor.has_scope(SEE_WHY)
