"""The card on the phone: its face, a code that is new every minute, and wallets to put it into."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from members.errors import PassesClosed
from members.models import Card, Member
from members.portal.access import Visit, signed_in
from members.rules.drawing import barcode_svg, qr_svg
from members.services.card_codes import LIFE, short_code
from members.services.card_faces import face_of, face_svg
from members.services.passes import apple, google

#: A code is exchanged long before it is over: whoever holds up the phone holds up a good one.
REFRESH = timedelta(seconds=90)


def card_of(member: Member) -> Card | None:
    """The card to show: an active one first, then one that can only earn."""
    usable = [Card.Status.ACTIVE, Card.Status.ISSUED]
    cards = member.cards.filter(status__in=usable).select_related("member", "type__design")
    return min(
        cards, key=lambda card: (usable.index(Card.Status(card.status)), -card.pk), default=None
    )


@require_safe
@signed_in
def card_page(visit: Visit) -> HttpResponse:
    card = card_of(visit.member)
    context: dict[str, Any] = {"card": card, "refresh": int(REFRESH.total_seconds())}
    if card:
        context |= shown_code(visit, card) | {
            "face": mark_safe(face_svg(card, visit.member.name)),  # noqa: S308 - escaped there
            "barcode": mark_safe(barcode_svg(card.number)),  # noqa: S308 - bars only
            "number": spaced(card.number),
            "sleeps": why_it_sleeps(card),
            "back": face_of(card.type.design) if card.type and card.type.design else None,
            "apple": apple.is_open(),
            "google": google.is_open(),
        }
    return visit.show("portal/card.html", context)


@require_safe
@signed_in
def apple_file(visit: Visit) -> HttpResponse:
    """The card for the iPhone's wallet."""
    return _pass(visit, _as_file)


@require_safe
@signed_in
def google_link(visit: Visit) -> HttpResponse:
    """To Google, with the card in the address."""
    return _pass(visit, lambda card: redirect(google.google_address(card, visit.now)))


def _pass(visit: Visit, made: Callable[[Card], HttpResponse]) -> HttpResponse:
    card = card_of(visit.member)
    try:
        return made(card) if card else redirect("my:card")
    except PassesClosed as refusal:
        messages.error(visit.request, refusal.message)
        return redirect("my:card")


def _as_file(card: Card) -> HttpResponse:
    response = HttpResponse(apple.apple_pass(card), content_type=apple.CONTENT_TYPE)
    response.headers["Content-Disposition"] = 'attachment; filename="card.pkpass"'
    return response


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """The picture that Google shows beside the card: two dots, nothing about anybody."""
    return HttpResponse(apple.plain_icon(660), content_type="image/png")


@require_safe
@signed_in
def card_code(visit: Visit) -> HttpResponse:
    """The code alone, again and again while the page is open."""
    card = card_of(visit.member)
    context = shown_code(visit, card) if card else {}
    refresh = int(REFRESH.total_seconds())
    return visit.show("portal/_code.html", {"card": card, "refresh": refresh, **context})


def shown_code(visit: Visit, card: Card) -> dict[str, Any]:
    code = short_code(card, visit.now)
    return {
        "code": code,
        "qr": mark_safe(qr_svg(code)),  # noqa: S308 - squares only
        "until": visit.now + LIFE,
    }


def spaced(number: str) -> str:
    """In groups of four, as people read numbers to one another."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def why_it_sleeps(card: Card) -> str:
    """What lets the card pay, in words; empty when it does."""
    if card.status == Card.Status.ACTIVE:
        return ""
    reasons = {
        "first_purchase": _(
            "It earns points already. You can pay with it after your first purchase."
        ),
        "code": _(
            "It earns points already. Sign in with a code once more, then you can pay with it."
        ),
    }
    return reasons.get(
        card.type.activation if card.type else "",
        _(
            "It earns points already. You can pay with it once we know your name, phone and "
            "birth date, and you have agreed that we keep them."
        ),
    )
