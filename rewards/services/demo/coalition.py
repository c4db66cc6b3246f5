"""Partners of the demo shop: an insurer that gives points, a café that takes them, an offer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from members.models import Member
from rewards.models import Partner
from rewards.services.partners import contracts, offers, settling, trading
from rewards.services.partners.directory import About, register_partner
from rewards.services.partners.trading import Document

MEMBERS = 24
PARTNERS: tuple[tuple[About, dict[str, Any]], ...] = (
    (
        About(
            code="safe-road",
            name="Safe Road Insurance",
            category="Insurance",
            about="Points for every renewed policy and every year without a claim.",
            contacts="Settlements: partners@safe-road.example",
        ),
        {"events": {"policy_renewed": 500, "claim_free_year": 300}, "may_burn": False},
    ),
    (
        About(
            code="corner-cafe",
            name="Corner Café",
            category="Café",
            about="Points for coffee, and coffee for points.",
            contacts="Owner: hello@corner-cafe.example",
        ),
        {"burn_price_minor": 900, "earn_share_percent": 50},
    ),
)
CODES = [f"COFFEE-{number:03}" for number in range(1, 41)]


@transaction.atomic
def bring_partners(now: datetime, actor: Actor) -> None:
    """Two partners with a month of business and an offer. Does nothing the second time."""
    if Partner.objects.exists():
        return
    insurer, cafe = (_agree(about, terms, now, actor) for about, terms in PARTNERS)
    free = Member.objects.filter(status="active").exclude(wallets__status="frozen")
    members = list(free.order_by("enrolled_at", "pk")[:MEMBERS])
    for number, member in enumerate(members):
        _business(number, member, insurer, cafe, now, actor)
    _offer(cafe, members, actor)
    last_day = (now - timedelta(days=8)).date()
    settling.run_settlement(partner=insurer, last_day=last_day, actor=actor)


def _agree(about: About, terms: dict[str, Any], now: datetime, actor: Actor) -> Partner:
    partner = register_partner(about=about, actor=actor)
    starts_on = (now - timedelta(days=90)).date()
    draft = contracts.draft_contract(
        partner=partner, terms={"starts_on": starts_on, **terms}, actor=actor
    )
    contracts.activate_contract(contract=draft, actor=actor)
    return partner


def _business(
    number: int, member: Member, insurer: Partner, cafe: Partner, now: datetime, actor: Actor
) -> None:
    at = now - timedelta(days=2 + number)
    event = "claim_free_year" if number % 3 else "policy_renewed"
    trading.earn(document=_document(insurer, number, at), member=member, event=event, actor=actor)
    bought = 300 + 137 * (number % 7)
    trading.earn(
        document=_document(cafe, number, at), member=member, amount_minor=bought, actor=actor
    )
    if number % 2:
        paid = _document(cafe, number, at + timedelta(hours=30), "-P")
        trading.burn(document=paid, member=member, points=100 + 10 * (number % 5), actor=actor)


def _document(partner: Partner, number: int, at: datetime, end: str = "") -> Document:
    return Document(partner=partner, reference=f"D-{number:04}{end}", occurred_at=at)


def _offer(cafe: Partner, members: list[Member], actor: Actor) -> None:
    terms = {"title": "A coffee on us", "text": "Any size, once.", "per_member": 1}
    offer = offers.save_offer(partner=cafe, terms=terms, actor=actor)
    offers.add_codes(offer=offer, codes=CODES, actor=actor)
    offers.move_offer(offer=offer, to="live", actor=actor)
    for number, member in enumerate(members[:15]):
        code = offers.take_code(offer=offer, member=member, actor=actor)
        if not number % 3:
            offers.confirm_code(
                partner=cafe, code=code.code, reference=f"C-{number}", store=None, actor=actor
            )
