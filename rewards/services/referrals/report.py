"""What friends brought and cost: counted over a period of joining, in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Sum, Value, When

from members.models import Member
from rewards.models import Bonus, Programme, Referral, ReferralCode

State = Referral.State
TOP = 10


@dataclass(frozen=True, slots=True)
class Top:
    """One who brings friends."""

    member: Member
    friends: int
    rewarded: int


@dataclass(frozen=True, slots=True)
class Report:
    """``cost_minor``: points given and not taken back, at the programme's value of a point."""

    opened: int
    joined: int
    bought: int
    rewarded: int
    refused: int
    held: int
    clawed_back: int
    spent_minor: int
    cost_minor: int
    top: list[Top]

    @property
    def per_member_minor(self) -> int | None:
        """What one friend who stayed has cost."""
        return -(-self.cost_minor // self.rewarded) if self.rewarded else None


def report(*, programme: Programme, since: datetime) -> Report:
    """Of friends who joined since the moment; looks at links are counted for ever."""
    rows = Referral.objects.filter(programme=programme, created_at__gte=since)
    counted = rows.aggregate(
        joined=Count("pk"),
        bought=Count("pk", filter=Q(receipt__isnull=False)),
        spent=Sum("receipt__total_minor"),
        **{
            state.value: Count("pk", filter=Q(state=state))
            for state in (State.REWARDED, State.REFUSED, State.HELD, State.CLAWED_BACK)
        },
    )
    opened = ReferralCode.objects.aggregate(n=Sum("opened"))["n"] or 0
    given = _points(rows)
    return Report(
        opened=opened,
        joined=counted["joined"],
        bought=counted["bought"],
        rewarded=counted["rewarded"],
        refused=counted["refused"],
        held=counted["held"],
        clawed_back=counted["clawed_back"],
        spent_minor=counted["spent"] or 0,
        cost_minor=given * programme.point_value_minor // 10**programme.points_scale,
        top=_top(rows),
    )


def _points(rows: QuerySet[Referral]) -> int:
    sides = rows.filter(state=State.REWARDED).values_list("referrer_bonus", "friend_bonus")
    ids = [pk for pair in sides.iterator() for pk in pair if pk]
    bonuses = Bonus.objects.filter(pk__in=ids, kind="points", taken_back_at=None)
    return bonuses.aggregate(n=Sum("amount"))["n"] or 0


def _top(rows: QuerySet[Referral]) -> list[Top]:
    paid = Case(When(state=State.REWARDED, then=Value(1)), default=Value(0))
    best = (
        rows.values("referrer")
        .annotate(friends=Count("pk"), rewarded=Sum(paid, output_field=IntegerField()))
        .order_by(F("rewarded").desc(), F("friends").desc(), "referrer")[:TOP]
    )
    found = list(best)
    members = Member.objects.in_bulk([one["referrer"] for one in found])
    return [Top(members[one["referrer"]], one["friends"], one["rewarded"]) for one in found]
