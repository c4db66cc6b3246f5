"""Incidents of the ledger: closed by a person who says what was done."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.models import LedgerIncident


@transaction.atomic
def close_incident(*, incident: LedgerIncident, resolution: str, actor: Actor) -> None:
    """Close an open incident; one that is closed stays as it is.

    The wallet stays frozen: opening it again is a decision of its own.
    """
    if not resolution.strip():
        raise ValidationFailed(_("Say what was done about it."), pointer="/resolution")
    still_open = LedgerIncident.objects.filter(pk=incident.pk, closed_at__isnull=True)
    if not still_open.update(closed_at=clock.now(), closed_by=actor.label, resolution=resolution):
        return
    audit.record(
        action="incident.closed",
        object_type="incident",
        object_id=str(incident.pk),
        after={"check": incident.check_name, "wallet": incident.wallet_id},
        reason=resolution,
        actor=actor,
    )
