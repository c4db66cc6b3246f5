"""From what stands on a receipt to the receipt: number and sum, or its code.

An unknown number, a wrong sum and a receipt of somebody else are refused alike.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qs
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from loyalty_crm.kernel.actors import Actor
from members.models import Member, Receipt, Store
from rewards.errors import ReceiptUnknown

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_STAMP = re.compile(r"\d{8}T\d{4}")
_CLOCKS_DIFFER_BY = timedelta(minutes=2)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Either ``qr``, the text of the code, or store, number and the sum paid in minor units."""

    store: str = ""
    number: str = ""
    total_minor: int = -1
    qr: str = ""


def find_claimable(*, shown: Shown, member: Member, actor: Actor) -> Receipt:
    """The receipt, if it is nobody's yet or this member's. Locks nothing; look again when locked.

    The code may be ours (it holds the receipt's id) or a fiscal one (``t``, ``s``, ``i``),
    where receipts are numbered by the fiscal document.
    """
    receipt = _by_code(shown) if shown.qr else _by_number(shown)
    if receipt is None or not actor.may_use_store(receipt.store.code):
        raise ReceiptUnknown
    if receipt.member_id not in (None, member.pk):
        raise ReceiptUnknown
    return receipt


def _by_number(shown: Shown) -> Receipt | None:
    found = Receipt.objects.select_related("store").filter(
        store__code=shown.store, number=shown.number.strip(), total_minor=shown.total_minor
    )
    return found.first()


def _by_code(shown: Shown) -> Receipt | None:
    if own := _UUID.search(shown.qr):
        return Receipt.objects.select_related("store").filter(public_id=UUID(own[0])).first()
    return _by_fiscal(shown)


def _by_fiscal(shown: Shown) -> Receipt | None:
    said = {name: values[0] for name, values in parse_qs(shown.qr[:500]).items()}
    total, moment = _minor(said.get("s", "")), _STAMP.match(said.get("t", ""))
    if total is None or moment is None or not said.get("i"):
        return None
    # One look by index a store: a number alone is in no index.
    ours = Store.objects.filter(is_active=True, **({"code": shown.store} if shown.store else {}))
    some = Receipt.objects.select_related("store").filter(
        store__in=list(ours[:1_000]), number=said["i"], total_minor=total
    )
    fitting = [one for one in some if _is_then(one, moment[0])]
    return fitting[0] if len(fitting) == 1 else None


def _minor(text: str) -> int | None:
    try:
        return int(Decimal(text) * 100)
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _is_then(receipt: Receipt, text: str) -> bool:
    try:
        told = datetime.strptime(text, "%Y%m%dT%H%M").replace(
            tzinfo=ZoneInfo(receipt.store.time_zone)
        )
    except ValueError:
        return False
    return abs(told - receipt.occurred_at) <= _CLOCKS_DIFFER_BY
