"""Who belongs to a household: opened, joined by a code and one's own word, left at any time.

Every change locks the household first. What its pool does, ``rewards.services.pools`` knows.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.errors import HouseholdRefused, InvitationUnknown
from members.models import Household, HouseholdInvitation, HouseholdMember, Member
from members.rules.invitations import clean_invitation, draw_invitation
from members.services import trail

MOST_MEMBERS = 10
INVITATION_LIVES = timedelta(days=7)


@transaction.atomic
def open_household(
    *, member: Member, share_percent: int, agrees: bool, now: datetime, actor: Actor
) -> HouseholdMember:
    """A new household of one, who invites the others."""
    _refuse_silence(agrees)
    stay = _enter(
        Household.objects.create(), member, share_percent, may_spend=True, now=now, is_owner=True
    )
    _tell("household.opened", stay, {"share": share_percent}, actor)
    return stay


@transaction.atomic
def invite(
    *, household: Household, by: Member, may_spend: bool, now: datetime, actor: Actor
) -> tuple[HouseholdInvitation, str]:
    """A code for one more person, shown this once. Only the owner invites."""
    lock(household)
    stay = stay_of(household, by)
    _refuse_unless_owner(stay)
    code = draw_invitation()
    invitation = HouseholdInvitation.objects.create(
        household=household,
        digest=digest_of(code),
        may_spend=may_spend,
        invited_by=by,
        expires_at=now + INVITATION_LIVES,
    )
    _tell("household.invited", stay, {"may_spend": may_spend}, actor)
    return invitation, code


@transaction.atomic
def join(
    *, code: str, member: Member, share_percent: int, agrees: bool, now: datetime, actor: Actor
) -> HouseholdMember:
    """Join by a code, by one's own word. A code serves once; a repeat by the same member is it.

    Locks the household, then the invitation. Belongs behind a throttle: codes can be guessed.
    """
    _refuse_silence(agrees)
    known = HouseholdInvitation.objects.filter(digest=digest_of(code)).first()
    if known is None:
        raise InvitationUnknown(pointer="/code")
    household = lock(known.household)
    invitation = HouseholdInvitation.objects.get(pk=known.pk)
    if invitation.accepted_by_id == member.pk:
        return stay_of(household, member)
    if invitation.accepted_at or invitation.expires_at < now or household.closed_at:
        raise InvitationUnknown(pointer="/code")
    if household.stays.filter(left_at=None).count() >= MOST_MEMBERS:
        raise HouseholdRefused(reason="too_many", most=MOST_MEMBERS)
    stay = _enter(household, member, share_percent, may_spend=invitation.may_spend, now=now)
    invitation.accepted_at, invitation.accepted_by = now, member
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    _tell("household.joined", stay, {"share": share_percent}, actor)
    return stay


@transaction.atomic
def change_stay(
    *,
    household: Household,
    member: Member,
    by: Member,
    share_percent: int | None = None,
    may_spend: bool | None = None,
    actor: Actor,
) -> HouseholdMember:
    """The share is everybody's own to change, the right to spend is the owner's to give."""
    lock(household)
    stay, asking = stay_of(household, member), stay_of(household, by)
    if share_percent is not None:
        if asking.pk != stay.pk:
            raise HouseholdRefused(reason="no_right")
        stay.share_percent = share_percent
    if may_spend is not None:
        _refuse_unless_owner(asking)
        stay.may_spend = may_spend
    stay.save(update_fields=["share_percent", "may_spend"])
    after: dict[str, object] = {"share": stay.share_percent, "may_spend": stay.may_spend}
    _tell("household.changed", stay, after, actor)
    return stay


def end_stay(*, stay: HouseholdMember, now: datetime, actor: Actor) -> None:
    """Belongs inside the transaction that locked the household. The oldest other inherits it."""
    stay.left_at = now
    stay.save(update_fields=["left_at"])
    others = stay.household.stays.filter(left_at=None).order_by("agreed_at", "pk")
    if heir := others.first():
        if stay.is_owner and not others.filter(is_owner=True).exists():
            heir.is_owner = True
            heir.save(update_fields=["is_owner"])
    else:
        Household.objects.filter(pk=stay.household_id).update(closed_at=now)
    _tell("household.left", stay, {}, actor)


def lock(household: Household) -> Household:
    return Household.objects.select_for_update(no_key=True).get(pk=household.pk)


def stay_of(household: Household, member: Member) -> HouseholdMember:
    """The member's place in it now; refused when there is none."""
    stays = HouseholdMember.objects.select_related("household", "member")
    stay = stays.filter(household=household, member=member, left_at=None).first()
    if stay is None:
        raise HouseholdRefused(reason="not_in_household")
    return stay


def current_stay(member_id: int) -> HouseholdMember | None:
    stays = HouseholdMember.objects.select_related("household", "member")
    return stays.filter(member=member_id, left_at=None).first()


def digest_of(code: str) -> bytes:
    key = str(settings.SECRET_KEY).encode()
    return hmac.digest(key, b"household:" + clean_invitation(code).encode(), hashlib.sha256)


def _enter(
    household: Household,
    member: Member,
    share_percent: int,
    *,
    may_spend: bool,
    now: datetime,
    is_owner: bool = False,
) -> HouseholdMember:
    if member.status != Member.Status.ACTIVE:
        raise HouseholdRefused(reason="no_right")
    try:
        with transaction.atomic():
            return HouseholdMember.objects.create(
                household=household,
                member=member,
                is_owner=is_owner,
                share_percent=share_percent,
                may_spend=may_spend,
                agreed_at=now,
            )
    except IntegrityError as clash:
        name = getattr(getattr(clash.__cause__, "diag", None), "constraint_name", "")
        if name != "one_household_at_a_time":
            raise
        raise HouseholdRefused(reason="in_household") from clash


def _refuse_silence(agrees: bool) -> None:
    if not agrees:
        message = _("Nobody shares points without having said yes.")
        raise ValidationFailed(message, pointer="/agrees")


def _refuse_unless_owner(stay: HouseholdMember) -> None:
    if not stay.is_owner:
        raise HouseholdRefused(reason="owner_only")


def _tell(kind: str, stay: HouseholdMember, after: dict[str, object], actor: Actor) -> None:
    told = after | {"household": str(stay.household.public_id)}
    trail.leave(kind=kind, member=stay.member, after=told, actor=actor)
