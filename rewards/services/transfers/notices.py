"""Both sides of a transfer are told, at every contact that they have."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _

from loyalty_crm.kernel import messaging
from loyalty_crm.kernel.points import Points
from members.models import Member
from rewards.models import PointsTransfer
from rewards.services.transfers.contacts import CHANNELS, contacts_of


def tell_both(transfer: PointsTransfer) -> None:
    """Beside the move, in its transaction; sent after the commit."""
    points = str(Points(transfer.points, transfer.programme.points_scale))
    for member, is_sender in ((transfer.sender, True), (transfer.recipient, False)):
        with translation.override(member.language):
            text = (
                _("%(points)s points left your account for another member's.")
                if is_sender
                else _("You were given %(points)s points by another member.")
            )
            _tell(member, text % {"points": points})


def _tell(member: Member, body: str) -> None:
    for contact in contacts_of(member):
        messaging.queue(
            kind="transfer.done",
            channel=CHANNELS[contact.kind],
            address=contact.value,
            subject=_("Transfer of points"),
            body=body,
            language=member.language,
            about=str(member.public_id),
        )
