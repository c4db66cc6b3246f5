"""The guard of doors that take codes: wrong ones are counted before the next one is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.throttle import Guesses
from rewards.rules.coupons import CouponOutcome

KIND = "coupons"

# The judgement falls deep inside of the work, and some of its answers leave as refusals: the
# door that counts cannot read it from what comes back.
_open: ContextVar[Guesses | None] = ContextVar("coupon_guesses", default=None)


@contextmanager
def guarded_codes(codes: Sequence[str], *, actor: Actor, store: str) -> Iterator[None]:
    """Count wrong codes of a door's call; ``TooManyRequests`` before any code is looked up.

    Belongs outside of the transaction of the work. Without codes it does nothing.
    """
    if not codes:
        yield
        return
    with throttle.guarded(KIND, actor=actor, store=store, count=len(codes)) as guesses:
        token = _open.set(guesses)
        try:
            yield
        finally:
            _open.reset(token)


def note(outcomes: Sequence[CouponOutcome]) -> None:
    """Tell the guard of this call how many codes were refused; the last judgement counts."""
    note_wrong(sum(one.status == "refused" for one in outcomes))


def note_wrong(count: int) -> None:
    if guesses := _open.get():
        guesses.wrong = count
