"""Giving bonuses to many members at once: a fixed number of statements for each kind of reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection, transaction
from django.db.models import F

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.ids import uuid7
from members.models import MemberTag, Tag
from rewards.models import AwardMove, Bonus, Programme, Wallet
from rewards.rules.bonuses import Reward
from rewards.rules.expiry import life_of, start_of
from rewards.services.coupons.issuing import issue_coupon
from rewards.services.ledger import Earn, Event, post_many
from rewards.services.ledger.opening import unit_of
from rewards.services.rule_sets import lifetime_of

COUNTED = frozenset({"stamps", "draw_tickets", "game_plays"})

# A twin that gives the same waits at the unique key until the first is through, and gives nothing.
# In the order of the keys, so that two runs over the same members queue and never embrace.
_INSERT = """
    INSERT INTO rewards_bonus
           (public_id, programme_id, member_id, source, source_ref, kind, code, amount, day)
    SELECT b.*
      FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],
                  %s::text[], %s::bigint[], %s::date[])
           AS b (public_id, programme, member, source, source_ref, kind, code, amount, day)
     ORDER BY b.source, b.source_ref
    ON CONFLICT (source, source_ref) DO NOTHING
    RETURNING id, source, source_ref
"""
_OPEN = """
    INSERT INTO rewards_wallet (programme_id, member_id, kind, unit, debt_limit)
    SELECT %(programme)s, m, 'points', %(unit)s, %(debt)s FROM unnest(%(members)s::bigint[]) AS m
     WHERE NOT EXISTS (SELECT FROM rewards_wallet w WHERE w.member_id = m AND w.unit = %(unit)s)
     ORDER BY m ON CONFLICT DO NOTHING
"""
_POSTED = """
    UPDATE rewards_bonus b SET tx_id = p.tx
      FROM unnest(%s::bigint[], %s::bigint[]) AS p (id, tx) WHERE b.id = p.id
"""


@dataclass(frozen=True, slots=True)
class Due:
    """One bonus to give. (source, source_ref) is its cause: it gives once, for ever."""

    member_id: int
    source: str
    source_ref: str
    reward: Reward
    day: date
    reason: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return (self.source, self.source_ref)


@transaction.atomic
def give(
    dues: Sequence[Due], *, programme: Programme, actor: Actor
) -> dict[tuple[str, str], Bonus]:
    """Give what was not given before; the new bonuses by their cause.

    Locks the members' wallets in the order of their ids, after the keys of the
    bonuses. Points are active at once: the delay of the programme waits for
    returns, and a bonus has none.
    """
    fresh = _write(list({due.key: due for due in dues}.values()), programme)
    if not fresh:
        return {}
    by_key = {due.key: due for due in dues}
    given = [(by_key[key], pk) for key, pk in fresh.items()]
    _points([one for one in given if one[0].reward.kind == "points"], programme, actor)
    _counted([one for one in given if one[0].reward.kind in COUNTED])
    _tags([one for one in given if one[0].reward.kind == "tag"])
    _coupons([one for one in given if one[0].reward.kind == "coupon"], actor)
    bonuses = Bonus.objects.filter(pk__in=list(fresh.values())).select_related("member")
    found = {(one.source, one.source_ref): one for one in bonuses}
    outbox.emit_many(
        "bonus.given",
        object_type="bonus",
        events=[(str(one.public_id), _told(one)) for one in found.values()],
    )
    return found


def _told(bonus: Bonus) -> dict[str, object]:
    own: dict[str, object] = {"member": str(bonus.member.public_id), "cause": bonus.source}
    return own | {"kind": bonus.kind, "code": bonus.code, "amount": bonus.amount}


def _write(dues: Sequence[Due], programme: Programme) -> dict[tuple[str, str], int]:
    rows = [
        (
            uuid7(),
            programme.pk,
            due.member_id,
            due.source,
            due.source_ref,
            due.reward.kind,
            due.reward.code,
            due.reward.amount,
            due.day,
        )
        for due in dues
    ]
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
        return {(source, ref): pk for pk, source, ref in cursor.fetchall()}


def _points(given: Sequence[tuple[Due, int]], programme: Programme, actor: Actor) -> None:
    if not given:
        return
    wallets = wallets_of([due.member_id for due, _ in given], programme)
    now = clock.now()
    earns = [
        Earn(
            wallet_id=wallets[due.member_id],
            event=Event("bonus", "bonus", str(pk), now, actor.label, due.reason),
            amount=due.reward.amount,
            expires_at=expiry_of(due.reward, programme, now),
        )
        for due, pk in given
    ]
    posted = post_many(earns)
    with connection.cursor() as cursor:
        cursor.execute(_POSTED, [[pk for _, pk in given], posted.tx_ids])


def wallets_of(member_ids: Sequence[int], programme: Programme) -> dict[int, int]:
    """Points accounts by member, opened where there is none. Two statements.

    Of a merged account comes the old id: whoever locks it gets the one that took over.
    """
    unit = unit_of(programme)
    debt = programme.debt_limit_points if programme.debt == Programme.Debt.ALLOW else 0
    values: dict[str, Any] = {"programme": programme.pk, "unit": unit, "debt": debt}
    values["members"] = list(member_ids)
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, values)
    known = Wallet.objects.filter(member__in=member_ids, unit=unit)
    # An open account comes last, so it is the one that stays.
    order = F("merged_into").desc(nulls_last=True)
    return dict(known.order_by(order, "pk").values_list("member_id", "pk"))


def expiry_of(reward: Reward, programme: Programme, now: datetime) -> datetime:
    """By the programme's rule, or the end of the last of the reward's own days."""
    if reward.valid_days is None:
        lifetime = msgspec.structs.replace(lifetime_of(programme), activation_delay_days=0)
        return life_of(lifetime, now).expires_at
    zone = ZoneInfo(programme.time_zone)
    last = now.astimezone(zone).date() + timedelta(days=reward.valid_days)
    return start_of(last + timedelta(days=1), zone)


def _counted(given: Sequence[tuple[Due, int]]) -> None:
    """In the order of the balances that they move: others move them in the same order."""
    rows = sorted(given, key=lambda one: (one[0].member_id, one[0].reward.kind, one[0].reward.code))
    AwardMove.objects.bulk_create(
        [
            AwardMove(
                member_id=due.member_id,
                kind=due.reward.kind,
                code=due.reward.code,
                amount=due.reward.amount,
                reason=f"bonus:{pk}",
            )
            for due, pk in rows
        ]
    )


def _tags(given: Sequence[tuple[Due, int]]) -> None:
    codes = sorted({due.reward.code for due, _ in given})
    Tag.objects.bulk_create([Tag(code=code, name=code) for code in codes], ignore_conflicts=True)
    now = clock.now()
    MemberTag.objects.bulk_create(
        [
            MemberTag(
                member_id=due.member_id,
                tag_id=due.reward.code,
                source=f"bonus:{pk}",
                since=now,
                until=_until(due.reward, now),
            )
            for due, pk in sorted(given, key=lambda one: one[0].member_id)
        ]
    )


def _until(reward: Reward, now: datetime) -> datetime | None:
    days = reward.valid_days
    return (now + timedelta(days=days)).astimezone(UTC) if days else None


def _coupons(given: Sequence[tuple[Due, int]], actor: Actor) -> None:
    """Coupons are drawn one by one. One that can't be had does not keep back the others."""
    for due, pk in given:
        problem = _issue(due, pk, actor)
        if problem:
            Bonus.objects.filter(pk=pk).update(detail={"problem": problem})


def _issue(due: Due, pk: int, actor: Actor) -> str:
    try:
        with transaction.atomic():
            for number in range(due.reward.amount):
                issue_coupon(
                    promotion=due.reward.code,
                    member_id=due.member_id,
                    valid_days=due.reward.valid_days,
                    source=f"bonus:{pk}",
                    source_ref=str(number),
                    actor=actor,
                )
    except DomainError as refusal:
        return refusal.code
    return ""
