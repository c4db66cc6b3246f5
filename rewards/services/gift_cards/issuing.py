"""New gift cards: printed stock or digital ones, worth nothing until they are sold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.ids import uuid7
from rewards.errors import GiftCardState
from rewards.models import GiftCard, Programme
from rewards.rules import gift_numbers
from rewards.services.gift_cards.keys import key

MOST_AT_ONCE = 1_000
_WALLETS = """
    INSERT INTO rewards_wallet (programme_id, kind, unit)
    SELECT %s, 'gift', %s FROM generate_series(1, %s) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Revealed:
    """What is printed on a card or mailed to its buyer."""

    number: str
    pin: str


@transaction.atomic
def issue(
    *,
    programme: Programme,
    count: int = 1,
    numbers: Sequence[str] = (),
    with_pin: bool = True,
    expires_on: date | None = None,
    actor: Actor,
) -> list[GiftCard]:
    """Make ``count`` cards, or one for each number that was printed elsewhere (those have no PIN).

    Four statements, however many cards. Numbers that are taken or not sane are refused.
    """
    seeds = [uuid7() for _ in range(len(numbers) or count)]
    own = [cleaned(number) for number in numbers] or [number_of(seed) for seed in seeds]
    with connection.cursor() as cursor:
        cursor.execute(_WALLETS, [programme.pk, f"GIFT:{programme.currency}", len(own)])
        wallets = [pk for (pk,) in cursor.fetchall()]
    cards = [
        GiftCard(
            public_id=seed,
            wallet_id=wallet,
            digest=gift_numbers.fingerprint(key(), number),
            last4=number[-4:],
            is_derived=not numbers,
            has_pin=with_pin and not numbers,
            currency=programme.currency,
            expires_on=expires_on,
        )
        for seed, wallet, number in zip(seeds, wallets, own, strict=True)
    ]
    _write(cards)
    audit.record(
        action="gift_card.issued",
        object_type="gift_card",
        object_id=str(cards[0].public_id),
        after={"count": len(cards), "last": str(cards[-1].public_id)},
        actor=actor,
    )
    return cards


def cleaned(number: str) -> str:
    """A number printed elsewhere: 12 to 32 letters and digits."""
    cleaned = gift_numbers.clean(number)
    if not (12 <= len(cleaned) <= 32 and cleaned.isascii() and cleaned.isalnum()):
        raise ValidationFailed(_("12 to 32 Latin letters and digits."), pointer="/numbers")
    return cleaned


def number_of(seed: UUID) -> str:
    return gift_numbers.number_of(key(), str(seed))


def _write(cards: Sequence[GiftCard]) -> None:
    try:
        with transaction.atomic():
            GiftCard.objects.bulk_create(cards)
    except IntegrityError as taken:
        raise ValidationFailed(_("A number is taken already."), pointer="/numbers") from taken


@transaction.atomic
def revealed(*, card: GiftCard, actor: Actor) -> Revealed:
    """The number and PIN to print or send, each look recorded. Only before the card is sold."""
    if not card.is_derived or card.state != GiftCard.State.PENDING:
        raise GiftCardState(state=card.state)
    audit.record(
        action="gift_card.revealed",
        object_type="gift_card",
        object_id=str(card.public_id),
        actor=actor,
    )
    pin = gift_numbers.pin_of(key(), str(card.public_id)) if card.has_pin else ""
    return Revealed(gift_numbers.in_groups(number_of(card.public_id)), pin)
