"""The night's work: stamps past their day, page by page, and the cards they leave."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from loyalty_crm.kernel import outbox
from rewards.models import AwardBalance, StampProgramme, Wallet
from rewards.services.ledger.locks import lock_free_wallets
from rewards.services.stamps import books

PAGE = 200


def expire_stamps(*, as_of: datetime) -> int:
    """Take what is too old; how many stamps. Call it outside of a transaction.

    Each page of members is a transaction of its own under their wallets; members who
    stand at a till just now are left for the next run. A repeat finds nothing.
    """
    mortal = StampProgramme.objects.filter(stamp_days__isnull=False, programme__is_default=True)
    return sum(_expire(one, as_of) for one in mortal.select_related("programme"))


def _expire(programme: StampProgramme, as_of: datetime) -> int:
    total, after = 0, 0
    while members := _page(programme, after):
        after = members[-1][0]
        total += _expire_page(programme, [member for _, member in members], as_of)
    return total


def _page(programme: StampProgramme, after: int) -> list[tuple[int, int]]:
    some = AwardBalance.objects.filter(
        kind=books.KIND, code=programme.code, balance__gt=0, pk__gt=after
    )
    return list(some.order_by("pk").values_list("pk", "member_id")[:PAGE])


@transaction.atomic
def _expire_page(programme: StampProgramme, members: list[int], as_of: datetime) -> int:
    known = Wallet.objects.points().open().filter(
        member__in=members, programme=programme.programme_id
    )  # fmt: skip
    wallets = dict(known.values_list("pk", "member_id"))
    free = lock_free_wallets(wallets, ["active", "frozen"])
    gone = books.expire(programme, sorted(wallets[pk] for pk in free), as_of)
    if gone:
        data: dict[str, object] = {"stamps": sum(gone.values()), "members": len(gone)}
        outbox.emit(
            "stamps.expired",
            object_type="stamp_programme",
            object_id=str(programme.public_id),
            data=data,
        )
    return sum(gone.values())
