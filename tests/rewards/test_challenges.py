"""Challenges, streaks, badges and leaderboards: counted from receipts, by the outbox."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from rewards.models import (
    Badge,
    Challenge,
    ChallengeProgress,
    ChallengeReward,
    ChallengeStep,
    Leaderboard,
    LeaderboardCycle,
    LeaderboardScore,
    MemberBadge,
    Wallet,
)
from rewards.services import claims
from rewards.services.audit_ledger import audit_ledger
from rewards.services.challenges.counting import count_member
from rewards.services.leaderboards import scoring
from rewards.services.leaderboards.standing import show_name, standing
from rewards.services.programmes import default_programme
from tests.concurrency import race
from tests.factories.members import CardFactory, MemberFactory
from tests.rewards.shop import Shop, days_ago
from tests.rewards.till_client import line


@pytest.fixture
def shop(db):
    shop = Shop()
    shop.sells("drinks", "coffee", "tea")
    shop.sells("food", "bun")
    return shop


def challenge(metric, *steps, code="c", **terms):
    made = Challenge.objects.create(
        programme=default_programme(), code=code, name=code, metric=metric,
        **{"starts_on": clock.now().date() - timedelta(days=100), **terms},
    )  # fmt: skip
    for step in steps:
        parts = {"target": step} if isinstance(step, int) else step
        ChallengeStep.objects.create(challenge=made, **parts)
    return made


def delivered():
    while outbox.drain():
        pass


def value_of(made, member):
    found = ChallengeProgress.objects.filter(challenge=made, member=member).first()
    return found.value if found else 0


def points_of(member):
    return sum(Wallet.objects.filter(member=member).values_list("posted", flat=True))


def fifty(target, **more):
    return {"target": target, "reward_kind": "points", "reward_amount": 50, **more}


def test_steps_are_reached_by_events_and_undone_by_returns(shop):
    badge = Badge.objects.create(programme=default_programme(), code="b", name="b")
    made = challenge("spend", 10_00, fifty(20_00, badge=badge))
    member = shop.card.member
    shop.sell(line("tea", 15_00))
    assert value_of(made, member) == 0  # not on the till's path
    delivered()
    assert value_of(made, member) == 15_00
    sold = shop.sell(line("tea", 6_00), line("bun", 1_00))
    delivered()
    assert (value_of(made, member), points_of(member)) == (22_00, 15 + 7 + 50)
    assert MemberBadge.objects.filter(member=member, badge=badge).exists()

    shop.take_back(sold, line_1="1")
    delivered()

    assert (value_of(made, member), points_of(member)) == (16_00, 15 + 1)
    assert not MemberBadge.objects.exists()
    shop.sell(line("tea", 4_00))
    delivered()
    assert points_of(member) == 16 + 4 + 50
    assert ChallengeReward.objects.filter(step__target=20_00).count() == 2  # lost, and won again
    assert all(finding.count == 0 for finding in audit_ledger())


def test_an_event_that_comes_twice_changes_nothing(shop):
    made = challenge("purchases", fifty(1))
    shop.sell(line("tea", 1_00))
    delivered()
    before = points_of(shop.card.member)
    OutboxEvent.objects.update(published_at=None)
    delivered()
    assert (value_of(made, shop.card.member), points_of(shop.card.member)) == (1, before)


def test_what_counts(shop):
    kinds = ("purchases", "categories", "days", "spend")
    made = {kind: challenge(kind, 1, code=kind) for kind in kinds}
    large = challenge("purchases", 1, code="large", least_minor=5_00)
    over = challenge("purchases", 1, code="over", ends_on=clock.now().date() - timedelta(days=2))
    shop.sell(line("tea", 2_00), line("coffee", 2_00), occurred_at=days_ago(3))
    shop.sell(line("bun", 6_00))
    sold = shop.sell(line("bun", 6_00))
    shop.sell(line("tea", 2_00), card=False)
    delivered()
    shop.take_back(sold, line_1="1")
    delivered()

    member = shop.card.member
    assert {kind: value_of(one, member) for kind, one in made.items()} == {
        "purchases": 2, "categories": 2, "days": 2, "spend": 10_00,
    }  # fmt: skip
    assert (value_of(large, member), value_of(over, member)) == (1, 1)


@pytest.mark.parametrize(("grace", "best"), [(0, 2), (1, 4)])
def test_a_streak_counts_weeks_in_a_row_and_grace_bridges_a_gap(shop, grace, best):
    made = challenge("streak", 3, grace_weeks=grace)
    for weeks in (5, 4, 2, 1):  # the third week ago is empty
        shop.sell(line("tea", 1_00), occurred_at=days_ago(weeks * 7))
    delivered()
    assert value_of(made, shop.card.member) == best


def test_claimed_receipts_count(shop):
    made = challenge("purchases", 1)
    claims.change_terms(programme=default_programme(), terms={"is_open": True}, actor=SYSTEM)
    sold = shop.sell(line("tea", 1_00), card=False)
    member = MemberFactory()
    shown = claims.Shown(qr=sold.body["id"])
    receipt = claims.find_claimable(shown=shown, member=member, actor=SYSTEM)
    claims.claim_receipt(receipt=receipt, member=member, actor=SYSTEM)
    delivered()
    assert value_of(made, member) == 1


def test_the_command_proves_and_puts_right(shop):
    made = challenge("purchases", fifty(2))
    shop.sell(line("tea", 1_00))
    shop.sell(line("tea", 1_00))
    delivered()
    call_command("rebuild_challenges", "--check")
    ChallengeProgress.objects.update(value=7)
    with pytest.raises(CommandError):
        call_command("rebuild_challenges", "--check")
    call_command("rebuild_challenges")
    call_command("rebuild_challenges", "--check")
    assert (value_of(made, shop.card.member), points_of(shop.card.member)) == (2, 52)


@pytest.mark.django_db(transaction=True)
def test_two_workers_reward_a_step_once():
    shop = Shop()
    made = challenge("purchases", fifty(1))
    shop.sell(line("tea", 1_00))
    member = shop.card.member

    raced = race([partial(count_member, challenge=made, member_id=member.pk)] * 4)

    assert not raced.errors
    assert points_of(member) == 51
    [given] = ChallengeReward.objects.all()
    with pytest.raises(IntegrityError, match="one_standing_challenge_reward"), transaction.atomic():
        ChallengeReward.objects.create(step=given.step, member=member, turn=2, given_at=clock.now())


# Leaderboards


def board(score="spend", cycle="week", **terms):
    return Leaderboard.objects.create(
        programme=default_programme(), code=score, name=score, score=score, cycle=cycle, **terms
    )


def test_places_names_and_ties(shop):
    ranking = board(places=3)
    members = [CardFactory(member=MemberFactory(name=name)) for name in
               ("Anna Kuznetsova", "Boris Orlov", "Clara", "Dora Stein")]  # fmt: skip
    for card, spent in zip(members, (5_00, 9_00, 5_00, 1_00), strict=True):
        shop.card = card
        shop.sell(line("tea", spent))
    delivered()
    show_name(member=members[0].member, agrees=True, actor=SYSTEM)
    today = clock.now().date()

    seen = standing(board=ranking, day=today, member=members[3].member)

    assert [(one.place, one.score) for one in seen.rows] == [(1, 9_00), (2, 5_00), (2, 5_00)]
    names = [one.name for one in seen.rows]
    assert "Anna K." in names
    assert not any("Boris" in name or "Clara" in name or "Kuz" in name for name in names)
    assert (seen.own.place, seen.own.score, seen.is_final) == (4, 1_00, False)
    show_name(member=members[0].member, agrees=False, actor=SYSTEM)
    assert "Anna K." not in [one.name for one in standing(board=ranking, day=today).rows]


def test_a_frozen_cycle_stands_whatever_comes_back(shop):
    ranking = board("points", freeze_after_hours=0)
    sold = shop.sell(line("tea", 9_00))
    delivered()
    cycle = LeaderboardCycle.objects.get()
    assert scoring.freeze_due(now=clock.now()) == 0
    later = clock.now() + timedelta(days=8)

    assert scoring.freeze_due(now=later) == 1
    assert scoring.freeze_due(now=later) == 0
    shop.take_back(sold, line_1="1")
    delivered()

    seen = standing(board=ranking, day=cycle.begins_on)
    assert seen.is_final
    assert [(one.place, one.score) for one in seen.rows] == [(1, 9)]
    for change in (
        lambda: LeaderboardScore.objects.update(value=0),
        lambda: LeaderboardScore.objects.all().delete(),
        lambda: LeaderboardScore.objects.create(cycle=cycle, member=MemberFactory(), value=1),
        lambda: LeaderboardCycle.objects.update(frozen_at=None),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_scores_fall_with_returns_before_the_cycle_is_frozen(shop):
    ranking = board("visits", cycle="month")
    sold = shop.sell(line("tea", 9_00))
    shop.sell(line("tea", 9_00))
    delivered()
    shop.take_back(sold, line_1="1")
    delivered()
    [row] = standing(board=ranking, day=clock.now().date()).rows
    assert row.score == 1


def test_cycles_are_weeks_from_monday_and_whole_months():
    week, month = Leaderboard.Cycle.WEEK, Leaderboard.Cycle.MONTH
    assert scoring.cycle_days(week, date(2026, 3, 1)) == (date(2026, 2, 23), date(2026, 3, 1))
    assert scoring.cycle_days(month, date(2028, 2, 29)) == (date(2028, 2, 1), date(2028, 2, 29))
