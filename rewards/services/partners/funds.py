"""Money that partners pay in advance. The account itself is moved by the database."""

from __future__ import annotations

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from rewards.models import Partner, PartnerDeposit
from rewards.services.partners.refusals import refusals


@transaction.atomic
def deposit(
    *, partner: Partner, amount_minor: int, reference: str, note: str = "", actor: Actor
) -> PartnerDeposit:
    """Money came in, or with a minus went out, once per document.

    Locks the partner. No more goes out than is left; the same document
    with another amount is refused.
    """
    if not amount_minor:
        raise ValidationFailed(pointer="/amount")
    Partner.objects.select_for_update(no_key=True).get(pk=partner.pk)
    if known := PartnerDeposit.objects.filter(partner=partner, reference=reference).first():
        if known.amount_minor != amount_minor:
            raise SourceRefConflict(source_ref=reference)
        return known
    with refusals():
        made = PartnerDeposit.objects.create(
            partner=partner,
            amount_minor=amount_minor,
            reference=reference,
            note=note,
            actor=actor.label,
        )
    audit.record(
        action="partner.deposit",
        object_type="partner",
        object_id=str(partner.public_id),
        after={"amount_minor": amount_minor, "reference": reference},
        reason=note,
        actor=actor,
    )
    return made
