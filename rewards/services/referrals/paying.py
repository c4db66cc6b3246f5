"""Referrals whose return window is over: looked at once more, then both sides are rewarded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Q

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Programme, Referral, ReferralCode, ReferralTerms, Wallet
from rewards.rules.bonuses import checked
from rewards.services import bonuses
from rewards.services.bonuses import Due
from rewards.services.referrals.attaching import trace
from rewards.services.referrals.qualifying import is_enough
from rewards.services.referrals.signals import signs
from rewards.services.referrals.terms import terms_of

State = Referral.State
LIMIT = "limit"
BATCH = 100


def pay_due(*, now: datetime, limit: int = BATCH) -> int:
    """Reward one batch; how many were decided. Safe to repeat and to run side by side.

    A batch is one transaction: its referrals are locked (those that another run has
    are skipped), then the codes of who invited, then bonuses and wallets.
    """
    return sum(
        _pay(programme, now, limit) for programme in Programme.objects.filter(is_default=True)
    )


@transaction.atomic
def _pay(programme: Programme, now: datetime, limit: int) -> int:
    terms = terms_of(programme)
    due = Referral.objects.filter(state=State.QUALIFIED, due_at__lte=now, programme=programme)
    rows = list(
        due.order_by("due_at", "id")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .select_related("referrer", "friend", "receipt")[:limit]
    )
    fine = [row for row in rows if _still_fine(row, terms)]
    _reward(fine, programme, terms, now)
    return len(rows)


def _still_fine(row: Referral, terms: ReferralTerms) -> bool:
    assert row.receipt is not None
    if not is_enough(row.receipt, terms):
        return _end(row, State.REFUSED, "refund", [])
    if Wallet.objects.filter(
        member__in=[row.referrer_id, row.friend_id], status__in=["frozen", "closed"], kind="points"
    ).exists():
        return _end(row, State.HELD, "", ["frozen"])
    # What a person has decided is not asked again.
    if row.decided_by:
        return True
    if not (seen := signs(row.referrer, row.friend)):
        return True
    refuses = terms.on_suspicion == ReferralTerms.Suspicion.REFUSE
    return _end(row, State.REFUSED if refuses else State.HELD, ",".join(seen), seen)


def _end(row: Referral, state: State, reason: str, seen: list[str]) -> bool:
    row.state, row.reason, row.signals = state, reason, [*row.signals, *seen]
    row.save(update_fields=["state", "reason", "signals"])
    trace(row, reason, SYSTEM)
    return False


def _reward(
    rows: Sequence[Referral], programme: Programme, terms: ReferralTerms, now: datetime
) -> None:
    """Beyond the limits of who invited the friend is rewarded alone."""
    within = _within_limits(rows, terms, now)
    day = now.astimezone(ZoneInfo(programme.time_zone)).date()
    dues: list[Due] = []
    for row in rows:
        sides = (("referrer", row.referrer_id), ("friend", row.friend_id))
        for side, member_id in sides:
            reward = getattr(terms, f"{side}_reward")
            if reward and (side == "friend" or row.pk in within):
                ref = f"{row.public_id}:{side}"
                dues.append(Due(member_id, "referral", ref, checked(reward), day, side))
    given = bonuses.give(dues, programme=programme, actor=SYSTEM)
    for row in rows:
        row.referrer_bonus = given.get(("referral", f"{row.public_id}:referrer"))
        row.friend_bonus = given.get(("referral", f"{row.public_id}:friend"))
        row.state, row.rewarded_at = State.REWARDED, now
        row.reason = row.reason if row.pk in within else LIMIT
    fields = ["referrer_bonus", "friend_bonus", "state", "rewarded_at", "reason"]
    Referral.objects.bulk_update(rows, fields)
    for row in rows:
        trace(row, row.reason, SYSTEM)


def _within_limits(rows: Sequence[Referral], terms: ReferralTerms, now: datetime) -> set[int]:
    """Counted under the locks of the codes: two runs count one after the other."""
    referrers = sorted({row.referrer_id for row in rows})
    list(
        ReferralCode.objects.filter(member__in=referrers)
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    since = now - timedelta(days=terms.period_days)
    paid = Referral.objects.filter(referrer__in=referrers, referrer_bonus__isnull=False)
    counted = paid.values("referrer").annotate(
        ever=Count("pk"), lately=Count("pk", filter=Q(rewarded_at__gt=since))
    )
    ever, lately = Counter[int](), Counter[int]()
    for one in counted:
        ever[one["referrer"]], lately[one["referrer"]] = one["ever"], one["lately"]
    within = set()
    for row in rows:
        who = row.referrer_id
        if ever[who] < terms.most_ever and lately[who] < terms.most_per_period:
            ever[who] += 1
            lately[who] += 1
            within.add(row.pk)
    return within
