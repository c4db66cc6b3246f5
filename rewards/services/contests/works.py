"""Works: sent in by members, let in or turned away by somebody who looked."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from members.errors import MemberNotActive
from members.models import Member
from rewards.errors import ContestState
from rewards.models import Contest, ContestEntry
from rewards.services.contests.steps import locked

State = ContestEntry.State


@transaction.atomic
def send_work(
    *,
    contest: Contest,
    member: Member,
    title: str,
    body: str = "",
    link: str = "",
    source_ref: str,
    actor: Actor,
) -> ContestEntry:
    """A member's work, once for each reference; a repeat answers with the first.

    Locks the contest, so that nobody sends in more works than are allowed.
    """
    held = locked(contest, *Contest.State)
    if known := ContestEntry.objects.filter(contest=held, source_ref=source_ref).first():
        if known.member_id != member.pk:
            raise SourceRefConflict(source_ref=source_ref)
        return known
    _refuse_closed(held, member)
    if not body.strip() and not link.strip():
        raise ValidationFailed(_("A work has a text or a link."), pointer="/body")
    work = ContestEntry.objects.create(
        contest=held, member=member, title=title.strip(), body=body.strip(), link=link.strip(),
        source_ref=source_ref,
    )  # fmt: skip
    outbox.emit(
        "contest.work_sent",
        object_type="contest_entry",
        object_id=str(work.public_id),
        data={"contest": held.code},
    )
    return work


def _refuse_closed(contest: Contest, member: Member) -> None:
    now = clock.now()
    begun = contest.starts_at is not None and contest.starts_at <= now
    over = contest.ends_at is not None and contest.ends_at <= now
    if contest.state != Contest.State.OPEN or not begun or over:
        state = contest.state if contest.state != Contest.State.OPEN else "not_now"
        raise ContestState(_("No works are taken now."), state=state)
    if member.status != Member.Status.ACTIVE:
        raise MemberNotActive
    mine = contest.entries.filter(member=member).exclude(state=State.REJECTED)
    if mine.count() >= contest.entries_each:
        raise ContestState(
            _("The member has sent in all the works that are allowed."), state="full"
        )


@transaction.atomic
def let_in(*, work: ContestEntry, actor: Actor) -> ContestEntry:
    return _decide(work, State.ACCEPTED, "", actor)


@transaction.atomic
def reject(*, work: ContestEntry, reason: str, actor: Actor) -> ContestEntry:
    """Turn a work away; the member may send another one while works are taken."""
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    return _decide(work, State.REJECTED, reason.strip(), actor)


def _decide(
    work: ContestEntry, state: ContestEntry.State, reason: str, actor: Actor
) -> ContestEntry:
    locked(work.contest, Contest.State.OPEN)
    held = ContestEntry.objects.select_for_update(no_key=True).get(pk=work.pk)
    held.state, held.reason = state, reason
    held.save(update_fields=["state", "reason"])
    audit.record(
        action=f"contest.work_{state.value}",
        object_type="contest_entry",
        object_id=str(held.public_id),
        reason=reason,
        actor=actor,
    )
    return held
