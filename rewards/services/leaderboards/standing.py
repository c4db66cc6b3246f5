"""Rankings as they are shown: places, scores, and names only of those who agreed."""

from __future__ import annotations

import hashlib
from datetime import date

import msgspec
from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import Rank
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.models import Member
from rewards.models import Leaderboard, LeaderboardCycle, LeaderboardName, LeaderboardScore
from rewards.services.leaderboards.scoring import cycle_days


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One place. ``is_self``: the member who asks."""

    place: int
    name: str
    score: int
    is_self: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A cycle's first places, and that of the member who asks when it is not among them."""

    begins_on: date
    ends_on: date
    is_final: bool
    rows: list[Row]
    own: Row | None = None


def standing(*, board: Leaderboard, day: date, member: Member | None = None) -> Standing:
    """Of the cycle a day is in. At most four queries. Equal scores share a place: 1, 2, 2, 4."""
    begins, ends = cycle_days(board.cycle, day)
    cycle = LeaderboardCycle.objects.filter(leaderboard=board, begins_on=begins).first()
    shown = Standing(begins_on=begins, ends_on=ends, is_final=False, rows=[])
    if cycle is None:
        return shown
    return msgspec.structs.replace(
        shown,
        is_final=cycle.frozen_at is not None,
        rows=_rows(board, cycle, member),
        own=_own(cycle, member),
    )


def _rows(board: Leaderboard, cycle: LeaderboardCycle, member: Member | None) -> list[Row]:
    ranked = LeaderboardScore.objects.filter(cycle=cycle, value__gt=0).annotate(
        rank=Window(Rank(), order_by=F("value").desc()),
        agreed=F("member__leaderboard_name__member_id"),
    )
    best = ranked.select_related("member").order_by("-value", "pk")[: board.places]
    return [
        Row(
            place=one.place or one.rank,
            name=_name(one.member, cycle, agreed=one.agreed is not None),
            score=one.value,
            is_self=member is not None and one.member_id == member.pk,
        )
        for one in best
    ]


def _own(cycle: LeaderboardCycle, member: Member | None) -> Row | None:
    scores = LeaderboardScore.objects.filter(cycle=cycle, value__gt=0)
    mine = scores.filter(member=member).first() if member else None
    if mine is None or member is None:
        return None
    place = mine.place or scores.filter(value__gt=mine.value).count() + 1
    return Row(place=place, name=shown_name(member), score=mine.value, is_self=True)


def _name(member: Member, cycle: LeaderboardCycle, *, agreed: bool) -> str:
    """Another number in each cycle, so that nobody can be followed from one to the next."""
    if agreed and (name := shown_name(member)):
        return name
    digest = hashlib.sha256(f"{cycle.pk}:{member.public_id}".encode()).hexdigest()
    return _("Member %(number)s") % {"number": digest[:4].upper()}


def shown_name(member: Member) -> str:
    """“Anna K.” of “Anna Kuznetsova”."""
    parts = member.name.split()
    return f"{parts[0]} {parts[1][0]}." if len(parts) > 1 else "".join(parts[:1])


@transaction.atomic
def show_name(*, member: Member, agrees: bool, actor: Actor) -> bool:
    """The member agrees to be named in rankings, or no longer; whether that is new."""
    if agrees:
        is_new = LeaderboardName.objects.get_or_create(member=member)[1]
    else:
        is_new = bool(LeaderboardName.objects.filter(member=member).delete()[0])
    if is_new:
        audit.record(
            action="leaderboard.name_shown" if agrees else "leaderboard.name_hidden",
            object_type="member",
            object_id=str(member.public_id),
            actor=actor,
        )
    return is_new
