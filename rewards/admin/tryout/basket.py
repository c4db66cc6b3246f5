"""What was typed into the sandbox, as a question; faults stand beside their row."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from django.http import QueryDict
from django.utils.translation import gettext as _

from loyalty_crm.kernel.money import Money, exponent
from loyalty_crm.kernel.points import Points
from members.models import Product, ReceiptLine
from rewards.forms.tryouts import SandboxForm, words_of
from rewards.models import Programme
from rewards.rules.rounding import half_up
from rewards.services.checkout.asks import Ask, AskedLine, MemberKey
from rewards.services.tryout.sandbox import Invented, Question

MOST_LINES = 50
FEWEST_ROWS = 4
OFFERED = 12


@dataclass
class TypedLine:
    """One row of the form, as it was typed and as it was understood."""

    what: str = ""
    quantity: str = "1"
    price: str = ""
    fault: str = ""
    name: str = ""
    asked: AskedLine | None = None


@dataclass
class Typed:
    lines: list[TypedLine] = field(default_factory=list)
    fault: str = ""

    @property
    def is_clean(self) -> bool:
        return not self.fault and not any(line.fault for line in self.lines)

    def rows(self) -> list[TypedLine]:
        """What was typed, and some empty rows to go on."""
        empty = max(FEWEST_ROWS - len(self.lines), 2)
        return [*self.lines, *(TypedLine() for _ in range(empty))]


def read_lines(post: QueryDict, currency: str) -> Typed:
    """Rows with goods in them. Two queries for any number of rows."""
    columns = [post.getlist(name) for name in ("what", "quantity", "price")]
    rows = [
        TypedLine(*(text.strip() for text in row))
        for row in zip(*columns, strict=False)
        if row[0].strip()
    ]
    typed = Typed(rows[:MOST_LINES])
    if not typed.lines:
        typed.fault = _("Put something into the basket.")
    known = {one.sku: one for one in _products([line.what for line in typed.lines])}
    by_barcode = {one.barcode: one for one in known.values() if one.barcode}
    for number, line in enumerate(typed.lines, start=1):
        _understand(line, number, known.get(line.what) or by_barcode.get(line.what), currency)
    return typed


def _products(codes: list[str]) -> QuerySet[Product]:
    """With the price of the last sale, for goods that the catalogue has no price of."""
    last = ReceiptLine.objects.filter(product=OuterRef("pk")).order_by("-receipt_id")
    found = Product.objects.filter(sku__in=codes) | Product.objects.filter(barcode__in=codes)
    return found.annotate(last_price=Subquery(last.values("unit_price_minor")[:1]))


def _understand(line: TypedLine, number: int, product: Any, currency: str) -> None:
    line.name = product.name if product else ""
    try:
        quantity = int(_exact(line.quantity or "1", 3))
        price = _price(line, product, currency)
    except (InvalidOperation, ValueError):
        line.fault = _("A price is a number like 12.50, a quantity one like 2 or 0.456.")
        return
    if price is None:
        line.fault = _("This has no price yet: write one.")
    elif quantity <= 0 or quantity > 10**9 or not 0 <= price <= 10**10:
        line.fault = _("A price is a number like 12.50, a quantity one like 2 or 0.456.")
    else:
        line.price = line.price or str(Money(price, currency).as_decimal())
        line.asked = AskedLine(
            line_no=number,
            sku=product.sku if product else line.what[:80],
            name=line.name,
            quantity_milli=quantity,
            unit_price_minor=price,
            gross_minor=half_up(price * quantity, 1000),
        )


def _price(line: TypedLine, product: Any, currency: str) -> int | None:
    """As typed, else of the catalogue, else of the last sale."""
    if line.price:
        return int(_exact(line.price, exponent(currency)))
    if product is None:
        return None
    known: int | None = product.price_minor
    return product.last_price if known is None else known


def _exact(text: str, places: int) -> Decimal:
    """A number with at most so many places, as a whole number of the smallest."""
    number = Decimal(text.replace(",", ".").replace(" ", "")).scaleb(places)
    if not number.is_finite() or number != number.to_integral_value():
        raise ValueError(text)
    return number


def offered(text: str) -> list[Product]:
    """Products whose SKU or name has this in it, for the list below a row."""
    if len(text.strip()) < 2:
        return []
    exact = Case(When(sku=text, then=0), default=1)
    found = Product.objects.filter(is_active=True)
    found = found.filter(name__icontains=text) | found.filter(sku__istartswith=text)
    return list(found.order_by(exact, "name", "id")[:OFFERED])


def question_of(form: SandboxForm, typed: Typed, programme: Programme, now: Any) -> Question:
    """The question behind a form that is clean."""
    asked = form.cleaned_data
    moment = asked["moment"]
    zone = ZoneInfo(programme.time_zone)
    ask = Ask(
        store=asked["store"],
        currency=programme.currency,
        lines=tuple(line.asked for line in typed.lines if line.asked),
        occurred_at=moment.replace(tzinfo=zone) if moment else now,
        member=MemberKey(card=asked["card"]) if asked["who"] == "card" else None,
        pay_by=words_of(asked["tenders"]),
        redeem_points=_points(asked["points"], programme),
    )
    return Question(
        ask=ask,
        versions=tuple(form.refs),
        without=tuple(asked["without"]),
        coupons_of=tuple(asked["coupons_of"]),
        invented=_invented(asked, programme) if asked["who"] == "invented" else None,
    )


def _invented(asked: dict[str, Any], programme: Programme) -> Invented:
    return Invented(
        purchases=asked["purchases"] or 0,
        visits=asked["visits"] or 0,
        spend_minor=_money(asked["spend"], programme.currency),
        birth_date=asked["birth_date"],
        enrolled_on=asked["enrolled_on"],
        last_purchase_on=asked["last_purchase_on"],
        tags=words_of(asked["tags"]),
        segments=words_of(asked["segments"]),
        tier=asked["tier"] or None,
        points=_points(asked["points"], programme),
    )


class NotANumber(ValueError):
    """A number of the sandbox that cannot be read; it never leaves the page."""


def _money(text: str, currency: str) -> int:
    try:
        return int(_exact(text or "0", exponent(currency)))
    except (InvalidOperation, ValueError) as error:
        raise NotANumber(_("Write an amount of money like 10 or 9.90.")) from error


def _points(text: str, programme: Programme) -> int:
    try:
        return max(Points.parse(text or "0", programme.points_scale).minor, 0)
    except ValueError as error:
        raise NotANumber(_("Points are a number.")) from error
