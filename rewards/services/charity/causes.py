"""Causes, and which of them a member has chosen."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.models import Member
from rewards.errors import CauseUnknown, RewardCodeTaken
from rewards.models import Cause, MemberCause, Programme
from rewards.models.charity import CHOSEN


@dataclass(frozen=True, slots=True)
class CauseTerms:
    """A cause as somebody words it."""

    code: str
    name: str
    description: str = ""
    translations: dict[str, dict[str, str]] = field(default_factory=dict)
    url: str = ""
    is_active: bool = True
    is_default: bool = False


@transaction.atomic
def save_cause(
    *, terms: CauseTerms, programme: Programme, cause: Cause | None = None, actor: Actor
) -> Cause:
    """Write a cause. The one for members who chose none is the last that was made so.

    A code that promotions know never changes. Locks the programme.
    """
    Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    others = Cause.objects.filter(programme=programme)
    if cause:
        others = others.exclude(pk=cause.pk)
    code = cause.code if cause else terms.code
    if code == CHOSEN or others.filter(code=code).exists():
        raise RewardCodeTaken(pointer="/code")
    if terms.is_default:
        others.filter(is_default=True).update(is_default=False)
    is_new, cause = cause is None, cause or Cause(programme=programme)
    for one in fields(terms):
        setattr(cause, one.name, getattr(terms, one.name))
    cause.code = code
    cause.save()
    audit.record(
        action="cause.created" if is_new else "cause.changed",
        object_type="cause",
        object_id=str(cause.public_id),
        after={"code": code, "is_active": cause.is_active, "is_default": cause.is_default},
        actor=actor,
    )
    return cause


@transaction.atomic
def choose_cause(*, member: Member, cause: Cause | None, actor: Actor) -> None:
    """Where the member's pledges go from now on; None: where the shop says."""
    if cause is not None and not cause.is_active:
        raise CauseUnknown(pointer="/cause")
    if cause is None:
        MemberCause.objects.filter(member=member).delete()
    else:
        MemberCause.objects.update_or_create(member=member, defaults={"cause": cause})
    audit.record(
        action="member.cause_chosen",
        object_type="member",
        object_id=str(member.public_id),
        after={"cause": cause.code if cause else None},
        actor=actor,
    )


def chosen_cause(member_id: int | None, programme: Programme) -> Cause | None:
    """The member's own, or the one for those who chose none. One query, two without a choice."""
    active = Cause.objects.filter(programme=programme, is_active=True)
    if member_id is not None:
        chosen = MemberCause.objects.filter(member=member_id).values("cause")
        if own := active.filter(pk__in=chosen).first():
            return own
    return active.filter(is_default=True).first()
