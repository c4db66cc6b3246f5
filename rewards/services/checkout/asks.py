"""What a till asks for, as plain values: shape is checked, nothing is looked up yet."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from rewards.services.gift_cards.recognising import ShownGiftCard


class MemberKey(msgspec.Struct, frozen=True, kw_only=True):
    """By what the member is known at the till: exactly one of the three."""

    id: UUID | None = None
    card: str = ""
    phone: str = ""


class AskedLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line as the till counted it. ``gross_minor`` is price times quantity."""

    line_no: int
    sku: str
    name: str
    quantity_milli: int
    unit_price_minor: int
    gross_minor: int
    discount_minor: int = 0


class AskedTender(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the money. ``gift_card`` was shown; recognised it is ``card``, and forgotten."""

    kind: str
    amount_minor: int
    gift_card: ShownGiftCard | None = None
    card: UUID | None = None


class AskedGiftCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card to pay with, and how much of it; None: as much as it has."""

    shown: ShownGiftCard
    amount_minor: int | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A basket to price. ``offline`` marks a receipt that is printed already.

    ``pay_by``: kinds of tenders, planned or (at the sale) used. ``gifts``: SKUs that
    the buyer takes, where a promotion lets them choose. ``coupons``: codes that were
    shown, as they are stored.
    """

    store: str
    currency: str
    lines: tuple[AskedLine, ...]
    occurred_at: datetime
    terminal: str = ""
    channel: str = "store"
    member: MemberKey | None = None
    redeem_points: int = 0
    offline: bool = False
    pay_by: tuple[str, ...] = ()
    gifts: tuple[str, ...] = ()
    coupons: tuple[str, ...] = ()


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A basket that was paid for: the receipt's number, how it was paid, what was quoted."""

    ask: Ask
    number: str
    cashier: str = ""
    tenders: tuple[AskedTender, ...] = ()
    quote_id: str = ""
    hold_id: UUID | None = None
    #: Sent later than it happened: its quote proves the prices however old it is.
    is_late: bool = False


class AskedReturn(msgspec.Struct, frozen=True, kw_only=True):
    """One line that comes back: pieces of it, an amount of it, or (both None) all that is left."""

    line_no: int
    quantity_milli: int | None = None
    amount_minor: int | None = None


class RefundAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What comes back of a receipt: lines, or an amount of all of it, or (neither) the rest.

    A void needs no number of its own: there is one a sale.
    """

    store: str
    number: str
    occurred_at: datetime
    lines: tuple[AskedReturn, ...] = ()
    amount_minor: int | None = None
    kind: Literal["refund", "void"] = "refund"
    reason: str = ""
    cashier: str = ""
