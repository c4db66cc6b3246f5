"""Figures that the shop does not know itself: nights stayed, kilometres flown, hours trained."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Member
from rewards.errors import TierFigureNotCounted, TierFigureReused
from rewards.models import TierFigure, TierStructure

#: A clock of another system may run ahead by so much.
AHEAD = timedelta(minutes=5)


@transaction.atomic
def record_figure(
    *,
    structure: TierStructure,
    member: Member,
    amount: int,
    occurred_at: datetime,
    reference: str,
    actor: Actor,
) -> TierFigure:
    """Add to a member's figure; below zero takes off. The outbox lifts the member after it.

    A repeat under the same reference returns the first row; other values are refused.
    """
    if structure.metric != TierStructure.Metric.CUSTOM:
        raise TierFigureNotCounted(metric=structure.metric)
    _refuse_wrong(amount, occurred_at)
    figure, is_new = TierFigure.objects.get_or_create(
        structure=structure,
        source_ref=reference,
        defaults={
            "member": member, "amount": amount, "occurred_at": occurred_at, "actor": actor.label,
        },
    )  # fmt: skip
    if is_new:
        _announce(structure, member, figure)
    elif (figure.member_id, figure.amount, figure.occurred_at) != (member.pk, amount, occurred_at):
        raise TierFigureReused(pointer="/reference", reference=reference)
    return figure


def _refuse_wrong(amount: int, occurred_at: datetime) -> None:
    if amount == 0:
        raise ValidationFailed(pointer="/amount")
    if occurred_at > clock.now() + AHEAD:
        raise ValidationFailed(pointer="/occurred_at")


def _announce(structure: TierStructure, member: Member, figure: TierFigure) -> None:
    outbox.emit(
        "tier.figure_recorded",
        object_type="member",
        object_id=str(member.public_id),
        data={"structure": structure.code, "amount": figure.amount},
    )
