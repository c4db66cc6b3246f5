"""The terms of a contest: worded while it is a draft, complete before works come in."""

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
from rewards.errors import ContestInvalid, ContestState
from rewards.models import Contest, ContestPrize, PrizeKind, Programme
from rewards.services.prizes import What, what_faults

REQUIRED = (
    "organiser", "rules", "information", "hand_over_place", "hand_over_terms", "starts_at",
    "ends_at", "results_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ContestPrizePlan:
    """The prize of one place."""

    place: int
    label: str
    kind: str = PrizeKind.OTHER.value
    what: str = ""
    amount: int = 1
    value_minor: int = 0


@transaction.atomic
def save_contest(*, contest: Contest, prizes: Sequence[ContestPrizePlan], actor: Actor) -> Contest:
    """Write a draft with its prizes. Locks the programme, then the contest."""
    Programme.objects.select_for_update(no_key=True).get(pk=contest.programme_id)
    if contest.pk:
        held = Contest.objects.select_for_update(no_key=True).get(pk=contest.pk)
        if held.state != Contest.State.DRAFT:
            raise ContestState(_("An open contest keeps its terms."), state=held.state)
    if errors := list(_faults(contest, prizes)):
        raise ContestInvalid(errors=errors)
    contest.save()
    contest.prizes.all().delete()
    ContestPrize.objects.bulk_create(
        [
            ContestPrize(
                contest=contest, place=one.place, label=one.label, kind=one.kind, what=one.what,
                amount=one.amount, value_minor=one.value_minor,
            )
            for one in prizes
        ]
    )  # fmt: skip
    audit.record(
        action="contest.saved",
        object_type="contest",
        object_id=str(contest.public_id),
        after={"prizes": len(prizes)},
        actor=actor,
    )
    return contest


def _faults(contest: Contest, prizes: Sequence[ContestPrizePlan]) -> Iterator[dict[str, Any]]:
    twins = Contest.objects.filter(programme=contest.programme_id, code=contest.code)
    if twins.exclude(pk=contest.pk).exists():
        yield fault("/code", "taken", _("A contest with this code exists."))
    if contest.starts_at and contest.ends_at and contest.ends_at <= contest.starts_at:
        yield fault("/ends_at", "order", _("The end lies before the beginning."))
    if contest.ends_at and contest.results_at and contest.results_at < contest.ends_at:
        yield fault("/results_at", "order", _("The results come after the last work."))
    if len({one.place for one in prizes}) < len(prizes):
        yield fault("/prizes", "places_differ", _("Two prizes are for the same place."))
    for number, one in enumerate(prizes):
        if one.kind == PrizeKind.NOTHING or one.place < 1:
            yield fault(f"/prizes/{number}", "empty", _("A prize is at least one of something."))
        for text in what_faults(contest.programme, What(one.kind, one.what, one.amount)):
            yield fault(f"/prizes/{number}/what", "unknown", f"{one.label}: {text}")


def missing_of(contest: Contest) -> list[dict[str, Any]]:
    """What the law asks of an open contest and this one does not tell yet."""
    names: Any = contest._meta  # noqa: SLF001 - Django's public "model _meta API"
    missing = [
        fault(
            f"/{name}",
            "missing",
            _("Missing: %(name)s.") % {"name": capfirst(names.get_field(name).verbose_name)},
        )
        for name in REQUIRED
        if not getattr(contest, name)
    ]
    if not contest.pk or not contest.prizes.exists():
        missing.append(fault("/prizes", "missing", _("A contest has at least one prize.")))
    return missing
