"""From a redemption to the code by which it is fetched, and back."""

from __future__ import annotations

from rewards.errors import RedemptionUnknown
from rewards.models import Redemption
from rewards.rules import pickup_codes
from rewards.rules.gift_numbers import clean
from rewards.services.gift_cards.keys import key


def code_of(redemption: Redemption) -> str:
    """As it is printed and read aloud."""
    return pickup_codes.in_groups(pickup_codes.code_of(key(), str(redemption.public_id)))


def digest_of(public_id: object) -> bytes:
    return pickup_codes.fingerprint(key(), pickup_codes.code_of(key(), str(public_id)))


def by_code(code: str) -> Redemption:
    """One look-up by index. Call it inside ``throttle.guarded``: codes can be guessed."""
    plain = clean(code)
    if not pickup_codes.is_sane(plain):
        raise RedemptionUnknown
    digest = pickup_codes.fingerprint(key(), plain)
    if (found := Redemption.objects.shown().filter(digest=digest).first()) is None:
        raise RedemptionUnknown
    return found
