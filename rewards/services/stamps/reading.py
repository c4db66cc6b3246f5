"""Cards as they are shown: the one that is filling, and those that were full."""

from __future__ import annotations

from datetime import date

import msgspec
from django.db.models import Count, Q

from members.models import Member
from rewards.models import AwardBalance, Programme, StampCard, StampProgramme
from rewards.services.stamps import books

MOST_PROGRAMMES = 100


class CardView(msgspec.Struct, frozen=True, kw_only=True):
    """One programme's card of a member. ``stamps`` below zero are owed."""

    programme: StampProgramme
    stamps: int
    full: int
    next_gone: books.Ageing | None = None

    @property
    def left(self) -> int:
        return max(self.programme.needed - self.stamps, 0)

    @property
    def is_used_up(self) -> bool:
        """The member has had all the cards there are."""
        most = self.programme.cards_per_member
        return most is not None and self.full >= most

    @property
    def gone_on(self) -> date | None:
        return self.next_gone.last_day if self.next_gone else None

    @property
    def percent(self) -> int:
        return min(max(self.stamps, 0) * 100 // self.programme.needed, 100)


def cards_of(*, member: Member, programme: Programme) -> list[CardView]:
    """Every programme in use, and those in which the member still has stamps. Four queries."""
    balances = dict(
        AwardBalance.objects.filter(member=member, kind=books.KIND).values_list("code", "balance")
    )
    own = Q(is_active=True) | Q(code__in=[code for code, left in balances.items() if left])
    shown = StampProgramme.objects.filter(own, programme=programme).select_related("programme")
    programmes = list(shown[:MOST_PROGRAMMES])
    full = dict(
        StampCard.objects.filter(member=member, state=StampCard.State.FULL)
        .values_list("programme")
        .annotate(n=Count("pk"))
    )
    gone = books.ageing(programmes, member.pk)
    return [
        CardView(
            programme=one,
            stamps=balances.get(one.code, 0),
            full=full.get(one.pk, 0),
            next_gone=gone.get(one.code),
        )
        for one in programmes
    ]
