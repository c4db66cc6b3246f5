"""From a number, and a PIN, to the card."""

from __future__ import annotations

import hmac
from uuid import UUID

from django.db import connection, transaction
from django.http import Http404

from rewards.errors import GiftCardLocked, GiftCardUnknown
from rewards.models import GiftCard
from rewards.models.gift_cards import PIN_TRIES
from rewards.rules import gift_numbers
from rewards.services.gift_cards.keys import key

# The try is counted before the PIN is compared: parallel guesses can't have more than there are.
_TRY = """
    UPDATE rewards_giftcard SET pin_failures = pin_failures + 1
     WHERE id = %s AND pin_failures < %s RETURNING pin_failures
"""


def find(public_id: UUID) -> GiftCard:
    card = GiftCard.objects.select_related("wallet", "holder").filter(public_id=public_id).first()
    if card is None:
        raise Http404
    return card


def by_number(number: str) -> GiftCard:
    """One look-up by index. An unknown number and a wrong PIN are refused alike."""
    digest = gift_numbers.fingerprint(key(), gift_numbers.clean(number))
    card = GiftCard.objects.select_related("wallet", "holder").filter(digest=digest).first()
    if card is None:
        raise GiftCardUnknown
    return card


def check_pin(card: GiftCard, pin: str) -> None:
    """Five wrong PINs in a row lock the card.

    Call it outside of the business transaction: the count of wrong tries must stay
    when the payment is refused.
    """
    if not card.has_pin:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TRY, [card.pk, PIN_TRIES])
        if cursor.fetchone() is None:
            raise GiftCardLocked
    if not hmac.compare_digest(gift_numbers.pin_of(key(), str(card.public_id)), pin):
        raise GiftCardUnknown
    GiftCard.objects.filter(pk=card.pk).update(pin_failures=0)
