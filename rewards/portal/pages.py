"""The first page and the page of offers: points, the card, and the panels of every noun."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from members.portal.access import Visit, signed_in
from members.portal.cards import card_of, shown_code, why_it_sleeps
from rewards.portal import codes, friends, panels, playing, shelf, standing
from rewards.portal.panels import Panel
from rewards.portal.points import balance_of
from rewards.services.programmes import default_or_none

PANELS = [
    Panel("tier", "home", "portal/panels/tier.html", standing.standing),
    Panel("stamps", "home", "portal/panels/stamps.html", playing.stamps),
    Panel("taken", "offers", "portal/panels/taken.html", shelf.taken),
    Panel("coupons", "offers", "portal/panels/coupons.html", codes.coupons),
    Panel("gift-cards", "offers", "portal/panels/gift_cards.html", codes.gift_cards),
    Panel("games", "offers", "portal/panels/games.html", playing.games),
    Panel("shelf", "offers", "portal/panels/shelf.html", shelf.shelf),
    Panel("draws", "offers", "portal/panels/draws.html", playing.draws),
    Panel("friends", "home", "portal/panels/friends.html", friends.friends),
]


@require_safe
@signed_in
def home(visit: Visit) -> HttpResponse:
    card = card_of(visit.member)
    context = {
        "programme": default_or_none(),
        "balance": balance_of(visit.member, visit.now),
        "card": card,
        "sleeps": why_it_sleeps(card) if card else "",
        "panels": panels.draw(PANELS, "home", visit.member, visit.now),
        **(shown_code(visit, card) if card else {}),
    }
    return visit.show("portal/home.html", context)


@require_safe
@signed_in
def offers(visit: Visit) -> HttpResponse:
    drawn = panels.draw(PANELS, "offers", visit.member, visit.now)
    return visit.show("portal/offers.html", {"panels": drawn})
