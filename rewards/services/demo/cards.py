"""The demo's card: a design with its mandatory texts, and the type that members hold."""

from __future__ import annotations

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from members.models import Card, CardDesign, CardType, Tag
from members.services import card_types

CODE = "club"


@transaction.atomic
def make_cards(actor: Actor) -> None:
    """One design, two types; cards that have no type become club cards. Safe to repeat."""
    if CardType.objects.filter(code=CODE).exists():
        return
    club = card_types.save_type(
        card_type=CardType(
            code=CODE,
            name="Market Club",
            number_prefix="9",
            activation=CardType.Activation.AT_ISSUE,
            design=_design("Market Club", "#0a6650", "#f2bd66", actor),
            is_default=True,
        ),
        actor=actor,
    )
    Card.objects.filter(type=None).update(type=club)
    card_types.save_type(
        card_type=CardType(
            code="staff-friends",
            name="Friends of the house, 5 % off",
            kind=CardType.Kind.FIXED,
            number_prefix="95",
            activation=CardType.Activation.FIRST_PURCHASE,
            design=_design("Friends of the house", "#23304f", "#e2725b", actor),
            tag=Tag.objects.get_or_create(
                code="friends-card", defaults={"name": "Holds a card of the friends"}
            )[0],
        ),
        actor=actor,
    )


def _design(title: str, background: str, accent: str, actor: Actor) -> CardDesign:
    design = CardDesign(
        name=title,
        title=title,
        subtitle="Points on every purchase",
        background=background,
        accent=accent,
        rules_url="http://localhost:8000/rules/",
        hotline="+1 202 555 0199",
        legal_entity="Demo Market LLC",
        note="Found this card? Leave it at any till of ours.",
    )
    return card_types.save_design(design=design, actor=actor)
