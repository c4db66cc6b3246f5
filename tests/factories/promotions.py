"""Programmes with rules, and the baskets that meet them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from loyalty_crm.kernel.actors import SYSTEM, Actor
from members.models import Card, Store
from rewards.models import Programme, PromotionVersion
from rewards.services import programmes, promotions
from rewards.services.checkout.asks import Ask, AskedLine, AskedTender, MemberKey, Sale

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
SCOPES = frozenset({"sales:read", "sales:write", "refunds:write"})
TILL = Actor("api_key", "till-1", SCOPES)


def make_programme(**settings: Any) -> Programme:
    """The default programme with its base rule: 1 point per 1.00, points pay up to half."""
    return programmes.ensure_default(actor=SYSTEM, **settings)


def make_promotion(
    programme: Programme, code: str, effect: dict[str, Any], **parts: Any
) -> PromotionVersion:
    """A live promotion. ``parts`` are ``goods``, ``when`` and others of its definition."""
    times = {name: parts.pop(name) for name in ("starts_at", "ends_at") if name in parts}
    promotion = promotions.create(programme=programme, code=code, name=code, actor=SYSTEM)
    return promotions.publish(
        promotion=promotion, definition={"effects": [effect], **parts}, actor=SYSTEM, **times
    )


def asked(line_no: int, sku: str, price: int, pieces: int = 1, discount: int = 0) -> AskedLine:
    return AskedLine(
        line_no=line_no,
        sku=sku,
        name="",
        quantity_milli=pieces * 1000,
        unit_price_minor=price,
        gross_minor=price * pieces,
        discount_minor=discount,
    )


def ask_for(store: Store, *lines: AskedLine, card: Card | None = None, **details: Any) -> Ask:
    member = MemberKey(card=card.number) if card else None
    given = {"member": member, "occurred_at": NOON, "currency": "USD", **details}
    return Ask(store=store.code, lines=lines, **given)


def sale_of(ask: Ask, number: str = "R-1", paid: int | None = None, **details: Any) -> Sale:
    tenders = () if paid is None else (AskedTender(kind="cash", amount_minor=paid),)
    return Sale(ask=ask, number=number, tenders=tenders, **details)
