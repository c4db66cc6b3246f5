"""A member changes a phone or e-mail: the new one is proved, both are told."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from loyalty_crm.kernel import messaging
from members.models import ContactChange, Identity, Member
from members.services.identities import add_identity, remove_identity
from members.services.portal.codes import Contact
from members.services.portal.joining import member_actor

#: So long after a change what is worth something asks for more care (quality bar 96).
CARE = timedelta(hours=24)


@transaction.atomic
def put_contact(*, member: Member, contact: Contact, now: datetime) -> None:
    """Make a proved contact the member's one of its kind; the old one is free for others.

    Both are told, the old one first: whoever lost a phone learns of it there.
    Refused with ``IdentityTaken`` when somebody else is known by it. A repeat changes nothing.
    """
    actor = member_actor(member)
    olds = list(
        Identity.objects.select_for_update(no_key=True)
        .filter(member=member, kind=contact.kind, system="")
        .order_by("id")
    )
    if any(old.value == contact.value and old.verified_at for old in olds):
        return
    for old in olds:
        remove_identity(identity=old, actor=actor)
    add_identity(
        member=member, kind=contact.kind, value=contact.value, verified_at=now, actor=actor
    )
    ContactChange.objects.create(member=member, kind=contact.kind)
    for told in [*(Contact(old.kind, old.value) for old in olds), contact]:
        _tell(told, member)


def _tell(contact: Contact, member: Member) -> None:
    messaging.queue(
        kind="portal.contact_changed",
        channel=contact.channel,
        address=contact.value,
        subject=_("Your contacts were changed"),
        body=_(
            "The phone or e-mail of your membership was changed. If that was not you, call us: "
            "for a day no reward can be taken on the member's page."
        ),
        language=translation.get_language() or settings.LANGUAGE_CODE,
        about=str(member.public_id),
    )


def changed_lately(member: Member, now: datetime) -> bool:
    """Whether the member's contacts are new: then somebody else may be behind them."""
    return ContactChange.objects.filter(member=member, at__gt=now - CARE).exists()
