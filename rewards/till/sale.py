"""The sale page: every change of the basket answers with the basket priced anew."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.db.models import Case, When
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel.errors import DomainError
from members.models import Card, Member, Product
from members.rules.cards import clean_number
from members.services.card_codes import shown_number
from members.till.access import is_panel
from members.till.misses import counted
from rewards.till.basket import MOST_LINES
from rewards.till.counter import Counter, at_counter
from rewards.till.entry import (
    ONE,
    Entry,
    NotReadable,
    quantity_text,
    read_entry,
    read_money,
    read_points,
    read_quantity,
)


@require_http_methods(["GET"])
@at_counter
def sale(counter: Counter) -> HttpResponse:
    return counter.show()


@require_POST
@at_counter
def add(counter: Counter) -> HttpResponse:
    """A scan or a typed line: goods, or a member's card. A scanner does not know the field."""
    try:
        entry = read_entry(counter.request.POST.get("entry", ""), counter.currency)
    except NotReadable:
        return counter.refused(_("This is no line. Write SKU, 3*SKU, or 0.456*SKU."))
    product = _product(entry.code)
    # With a price or a quantity it is goods: nobody types those with a card.
    if product is None and entry.price_minor is None and entry.quantity_milli == ONE:
        try:
            card = counted(counter.desk, lambda: _card(entry.code))
        except DomainError:
            return _ask_price(counter, entry, product, locked=True)
        if card:
            return _serve(counter, card.member, card)
    known = product.price_minor if product else None
    price_minor = entry.price_minor if known is None else known
    if price_minor is None:
        return _ask_price(counter, entry, product)
    return _put(counter, entry, price_minor, product)


def _product(code: str) -> Product | None:
    """By SKU or barcode; a SKU that looks like another's barcode wins."""
    sku_first = Case(When(sku=code, then=0), default=1)
    known = Product.objects.filter(sku=code) | Product.objects.filter(barcode=code)
    return known.filter(is_active=True).order_by(sku_first, "id").first()


def _card(code: str) -> Card | None:
    cards = Card.objects.filter(member__isnull=False).select_related("member")
    return cards.filter(number=clean_number(shown_number(code))).first()


def _ask_price(
    counter: Counter, entry: Entry, product: Product | None, *, locked: bool = False
) -> HttpResponse:
    free = {
        "code": entry.code,
        "name": product.name if product else "",
        "quantity": quantity_text(entry.quantity_milli),
    }
    unknown = _(
        "No product has the SKU or barcode “%(code)s”. With a price it is sold all the same."
    )
    nameless = _("The catalogue has no price for “%(code)s”.")
    words = (nameless if product else unknown) % {"code": entry.code}
    if locked:
        # The same for every code: whether it is a card is not told until the counter is free.
        words = f"{words} {_('Too many codes were unknown: cards are not looked up for a while.')}"
    return counter.refused(words, free=free)


def _put(
    counter: Counter, entry: Entry, price_minor: int, product: Product | None, name: str = ""
) -> HttpResponse:
    if len(counter.basket.lines) >= MOST_LINES:
        return counter.refused(_("The basket is full. Take this sale first."))
    counter.basket.add(
        sku=product.sku if product else entry.code,
        name=product.name if product else name or entry.code,
        quantity_milli=entry.quantity_milli,
        price_minor=price_minor,
    )
    return counter.kept()


class FreeForm(forms.Form):
    code = forms.CharField(max_length=80)
    name = forms.CharField(max_length=200, required=False)
    price = forms.CharField(max_length=20)
    quantity = forms.CharField(max_length=20)


@require_POST
@at_counter
def free(counter: Counter) -> HttpResponse:
    """A line at a typed price: goods that the catalogue does not know, or knows without a price."""
    form = FreeForm(counter.request.POST)
    if not form.is_valid():
        return counter.refused(_("A price is a number like 12.50, a quantity one like 2 or 0.456."))
    typed = form.cleaned_data
    try:
        entry = Entry(
            typed["code"],
            read_quantity(typed["quantity"]),
            read_money(typed["price"], counter.currency),
        )
    except NotReadable:
        return counter.refused(
            _("A price is a number like 12.50, a quantity one like 2 or 0.456."), free=typed
        )
    product = _product(entry.code)
    # A price of the catalogue stands: this form is no way around it.
    known = product.price_minor if product else None
    price_minor = entry.price_minor or 0 if known is None else known
    return _put(counter, entry, price_minor, product, typed["name"])


@require_POST
@at_counter
def change(counter: Counter, line_id: int) -> HttpResponse:
    """Another quantity; nought takes the line out."""
    text = counter.request.POST.get("quantity", "").strip()
    try:
        if text == "0":
            counter.basket.remove(line_id)
        else:
            counter.basket.change(line_id, read_quantity(text))
    except NotReadable:
        return counter.refused(_("A quantity is a number like 2 or 0.456."))
    return counter.kept()


@require_POST
@at_counter
def remove(counter: Counter, line_id: int) -> HttpResponse:
    counter.basket.remove(line_id)
    return counter.kept()


class MemberForm(forms.Form):
    """Without a member the sale goes on without a card."""

    member = forms.UUIDField(required=False)
    card = forms.IntegerField(required=False, min_value=1)


@require_POST
@at_counter
def member(counter: Counter) -> HttpResponse:
    """Serve this member, or nobody in particular. After enrolment it leads back to the sale."""
    form = MemberForm(counter.request.POST)
    form.is_valid()
    found = _member(form.cleaned_data.get("member"))
    card_id = form.cleaned_data.get("card")
    card = found.cards.filter(pk=card_id).first() if found and card_id else None
    return _serve(counter, found, card)


def _member(public_id: UUID | None) -> Member | None:
    return Member.objects.filter(public_id=public_id).first() if public_id else None


def _serve(counter: Counter, found: Member | None, card: Card | None) -> HttpResponse:
    counter.basket.serve(found, card)
    if is_panel(counter.request):
        return counter.kept()
    counter.basket.keep(counter.request)
    return redirect("till:sale")


@require_POST
@at_counter
def points(counter: Counter) -> HttpResponse:
    """Pay so many points, or as many as may be: the quote clips what is too much."""
    scale = counter.rules.programme.points_scale
    try:
        counter.basket.points = read_points(counter.request.POST.get("points", ""), scale)
    except NotReadable:
        return counter.refused(_("Points are a number, or “max”."))
    return counter.kept()
