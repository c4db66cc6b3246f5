"""Numbers and PINs of a batch leave the house encrypted, once, within a day of being ready.

The archive is made while it is sent and stored nowhere; nothing in the database lists
the numbers. Who asked for the batch draws the passphrase, sees it once, and downloads.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from stat import S_IFREG
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.translation import gettext as _
from stream_zip import ZIP_64, stream_zip

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from rewards.errors import GiftCardBatchState
from rewards.models import GiftCard, GiftCardBatch
from rewards.rules import gift_numbers
from rewards.rules.codes import draw
from rewards.services.gift_cards.issuing import number_of
from rewards.services.gift_cards.keys import key

if TYPE_CHECKING:
    from stream_zip import MemberFile

#: 26 places of 31 signs: 128 random bits.
PASSPHRASE_LENGTH = 26
PIECE = 2_000


@transaction.atomic
def draw_passphrase(*, batch: GiftCardBatch, actor: Actor) -> str:
    """The passphrase of the file to come; it is shown now and never again. Only its hash stays."""
    held = _open(batch, actor)
    (passphrase,) = draw(1, length=PASSPHRASE_LENGTH)
    _move(
        held, "gift_card_batch.passphrase_shown", actor, passphrase_hash=make_password(passphrase)
    )
    return passphrase


@transaction.atomic
def start_download(
    *, batch: GiftCardBatch, passphrase: str, now: datetime, actor: Actor
) -> Iterator[bytes]:
    """The encrypted archive, piece by piece: the one download there is of a batch."""
    held = _open(batch, actor)
    typed = passphrase.replace("-", "").replace(" ", "").upper()
    if not (held.passphrase_hash and check_password(typed, held.passphrase_hash)):
        raise GiftCardBatchState(_("This is not the passphrase that was shown"), state="passphrase")
    _move(held, "gift_card_batch.downloaded", actor, downloaded_at=now, passphrase_hash="")
    member: MemberFile = (
        f"gift-cards-{held.pk}.csv", now, S_IFREG | 0o600, ZIP_64, _table(held),
    )  # fmt: skip
    return iter(stream_zip([member], password=typed))


def _table(batch: GiftCardBatch) -> Iterator[bytes]:
    """The watermark first: whose copy it is stands in the file itself."""
    yield f"# batch {batch.pk}: {batch.requested_by}, {batch.decided_by}\r\n".encode()
    yield _lines([("number", "pin", "usable_until")])
    last = 0
    while cards := list(batch.cards.filter(pk__gt=last).order_by("pk")[:PIECE]):
        last = cards[-1].pk
        yield _lines(map(_row, cards))


def _row(card: GiftCard) -> tuple[str, str, str]:
    pin = gift_numbers.pin_of(key(), str(card.public_id)) if card.has_pin else ""
    until = card.expires_on.isoformat() if card.expires_on else ""
    return gift_numbers.in_groups(number_of(card.public_id)), pin, until


def _lines(rows: Iterable[tuple[str, str, str]]) -> bytes:
    sink = io.StringIO()
    csv.writer(sink).writerows(rows)
    return sink.getvalue().encode()


def _open(batch: GiftCardBatch, actor: Actor) -> GiftCardBatch:
    """A ready batch of this person, still to be downloaded."""
    held = GiftCardBatch.objects.select_for_update(no_key=True, of=("self",)).get(pk=batch.pk)
    if held.requested_by != actor.label:
        raise GiftCardBatchState(
            _("Only the person who asked for it downloads it"), state="foreign"
        )
    if held.state != GiftCardBatch.State.READY or held.downloaded_at:
        raise GiftCardBatchState(state="downloaded" if held.downloaded_at else held.state)
    return held


def _move(held: GiftCardBatch, action: str, actor: Actor, **values: object) -> None:
    GiftCardBatch.objects.filter(pk=held.pk).update(**values)
    audit.record(
        action=action, object_type="gift_card_batch", object_id=str(held.public_id), actor=actor
    )
