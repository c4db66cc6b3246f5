"""The terms of a draw: worded while it is a draft, complete before anybody sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import DrawInvalid, DrawState
from rewards.models import Draw, DrawPrize, PrizeKind, Programme
from rewards.models.draws import REQUIRED
from rewards.services.prizes import What, what_faults

MOST_PLACES = 500
DATES = ("starts_at", "ends_at", "draws_at", "hand_over_until")


@dataclass(frozen=True, slots=True)
class DrawPrizePlan:
    """A prize as somebody words it: ``quantity`` pieces, each worth ``value_minor`` for tax."""

    label: str
    kind: str = PrizeKind.OTHER.value
    what: str = ""
    amount: int = 1
    quantity: int = 1
    value_minor: int = 0


@transaction.atomic
def save_draw(*, draw: Draw, prizes: Sequence[DrawPrizePlan], actor: Actor) -> Draw:
    """Write a draft with its prizes, the dearest first. Locks the programme, then the draw."""
    Programme.objects.select_for_update(no_key=True).get(pk=draw.programme_id)
    if draw.pk:
        held = Draw.objects.select_for_update(no_key=True).get(pk=draw.pk)
        if held.state != Draw.State.DRAFT:
            raise DrawState(_("A published draw keeps its terms."), state=held.state)
    if errors := list(_faults(draw, prizes)):
        raise DrawInvalid(errors=errors)
    draw.save()
    draw.prizes.all().delete()
    DrawPrize.objects.bulk_create(
        [
            DrawPrize(
                draw=draw, rank=rank, label=one.label, kind=one.kind, what=one.what,
                amount=one.amount, quantity=one.quantity, value_minor=one.value_minor,
            )
            for rank, one in enumerate(prizes)
        ]
    )  # fmt: skip
    audit.record(
        action="draw.saved",
        object_type="draw",
        object_id=str(draw.public_id),
        after={"prizes": sum(one.quantity for one in prizes)},
        actor=actor,
    )
    return draw


def _faults(draw: Draw, prizes: Sequence[DrawPrizePlan]) -> Iterator[dict[str, Any]]:
    if Draw.objects.filter(programme=draw.programme_id, code=draw.code).exclude(pk=draw.pk):
        yield fault("/code", "taken", _("A draw with this code exists."))
    if draw.starts_at and draw.ends_at and draw.ends_at <= draw.starts_at:
        yield fault("/ends_at", "order", _("The end lies before the beginning."))
    if draw.ends_at and draw.draws_at and draw.draws_at < draw.ends_at:
        yield fault("/draws_at", "order", _("The draw comes after the last ticket."))
    if sum(one.quantity for one in prizes) + draw.reserves > MOST_PLACES:
        yield fault("/prizes", "count", _("At most 500 prizes and reserves."), max=MOST_PLACES)
    for number, one in enumerate(prizes):
        if one.kind == PrizeKind.NOTHING or one.quantity < 1:
            yield fault(f"/prizes/{number}", "empty", _("A prize is at least one of something."))
        for text in what_faults(draw.programme, What(one.kind, one.what, one.amount)):
            yield fault(f"/prizes/{number}/what", "unknown", f"{one.label}: {text}")


def missing_of(draw: Draw) -> list[dict[str, Any]]:
    """What the law asks of a published draw and this one does not tell yet."""
    names = [name for name in (*REQUIRED, *DATES) if not getattr(draw, name)]
    missing = [
        fault(f"/{name}", "missing", _("Missing: %(name)s.") % {"name": _name(draw, name)})
        for name in names
    ]
    if not draw.pk or not draw.prizes.exists():
        missing.append(fault("/prizes", "missing", _("A draw has at least one prize.")))
    return missing


def _name(draw: Draw, name: str) -> str:
    names: Any = draw._meta  # noqa: SLF001 - Django's public "model _meta API"
    return str(capfirst(names.get_field(name).verbose_name))
