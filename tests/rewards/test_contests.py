"""Contests: works are let in, several judges mark them, places follow the rule for ties."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from rewards.errors import ContestInvalid, ContestState
from rewards.models import Contest, ContestMark, PrizeWin
from rewards.services import contests
from rewards.services.contests import ContestPrizePlan
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.game_tools import TERMS

pytestmark = pytest.mark.django_db

JUDGES = [Actor("user", str(number)) for number in range(3)]


TRIP = (ContestPrizePlan(1, "A trip", value_minor=100),)


def make_contest(start=True, prizes=TRIP, **values):
    now = clock.now()
    values = {
        "code": "photo", "title": "Photo of the year", "starts_at": now - timedelta(days=1),
        "ends_at": now + timedelta(days=1), "results_at": now + timedelta(days=2),
        **TERMS, **values,
    }  # fmt: skip
    contest = Contest(programme=make_programme(), **values)
    contests.save_contest(contest=contest, prizes=prizes, actor=SYSTEM)
    return contests.open_contest(contest=contest, actor=SYSTEM) if start else contest


def send(contest, reference="w", member=None, **details):
    asked = {"title": "Sunset", "body": "A sunset.", **details}
    return contests.send_work(
        contest=contest, member=member or MemberFactory(), source_ref=reference, actor=SYSTEM,
        **asked,
    )  # fmt: skip


def judged(*marks, **values):
    """A contest with a work for each tuple of marks, all of them marked."""
    contest = make_contest(**values)
    works = [send(contest, f"w{number}") for number in range(len(marks))]
    for work in works:
        contests.let_in(work=work, actor=SYSTEM)
    contests.close_entries(contest=contest, actor=SYSTEM)
    for work, given in zip(works, marks, strict=True):
        work.refresh_from_db()
        for judge, mark in zip(JUDGES, given, strict=False):
            contests.give_mark(work=work, mark=mark, actor=judge)
    return contest, works


def places(contest):
    return [(row.work.source_ref, row.place, row.result) for row in contests.standing(contest)]


def test_a_contest_tells_all_before_it_opens():
    contest = make_contest(start=False, organiser="", prizes=())

    with pytest.raises(ContestInvalid) as refusal:
        contests.open_contest(contest=contest, actor=SYSTEM)

    pointers = {one["pointer"] for one in refusal.value.detail["errors"]}
    assert pointers == {"/organiser", "/prizes"}
    with pytest.raises(IntegrityError, match="open_contest_tells_all"), transaction.atomic():
        Contest.objects.update(state="open")


def test_a_work_comes_in_once_for_each_reference():
    contest, member = make_contest(), MemberFactory()

    first, second = send(contest, member=member), send(contest, member=member)

    assert first == second
    with pytest.raises(SourceRefConflict):
        send(contest)
    with pytest.raises(ContestState):
        send(contest, "another", member=member)


def test_a_work_that_was_turned_away_makes_room_for_another():
    contest, member = make_contest(), MemberFactory()
    work = send(contest, member=member)
    with pytest.raises(ValidationFailed):
        contests.reject(work=work, reason="", actor=SYSTEM)

    contests.reject(work=work, reason="no photo", actor=SYSTEM)

    assert send(contest, "again", member=member).state == "submitted"


def test_a_work_is_something():
    with pytest.raises(ValidationFailed):
        send(make_contest(), body=" ")


def test_no_work_comes_in_before_or_after():
    contest = make_contest(start=False)
    with pytest.raises(ContestState):
        send(contest)


def test_the_jury_waits_for_every_work_to_be_looked_at():
    contest = make_contest()
    send(contest)

    with pytest.raises(ContestState):
        contests.close_entries(contest=contest, actor=SYSTEM)


def test_the_average_of_the_judges_decides():
    contest, _works = judged((7, 8, 9), (10, 10, 1), (8, 8, 9))

    assert places(contest) == [("w2", 1, 8_333), ("w0", 2, 8_000), ("w1", 3, 7_000)]


@pytest.mark.parametrize(("ties", "expected"), [("earlier", [1, 2, 3]), ("shared", [1, 1, 3])])
def test_equal_results_follow_the_rule(ties, expected):
    contest, _works = judged((8,), (8,), (5,), ties=ties)

    assert [place for _ref, place, _result in places(contest)] == expected


def test_a_judge_may_think_again_until_the_results_are_out():
    contest, [work] = judged((3,))

    contests.give_mark(work=work, mark=9, actor=JUDGES[0])

    assert ContestMark.objects.get().mark == 9
    contests.publish_results(contest=contest, actor=SYSTEM)
    with pytest.raises(ContestState):
        contests.give_mark(work=work, mark=1, actor=JUDGES[0])
    with pytest.raises(IntegrityError, match="a mark needs"), transaction.atomic():
        ContestMark.objects.update(mark=1)


def test_a_mark_stays_within_the_scale():
    _contest, [work] = judged((3,))

    with pytest.raises(ValidationFailed):
        contests.give_mark(work=work, mark=11, actor=JUDGES[0])


def test_results_give_the_prizes_once():
    contest, [first, _second] = judged((9,), (4,))

    contest = contests.publish_results(contest=contest, actor=SYSTEM)

    first.refresh_from_db()
    assert (first.place, first.result, first.win.state) == (1, 9_000, "due")
    assert PrizeWin.objects.count() == 1
    with pytest.raises(ContestState):
        contests.publish_results(contest=contest, actor=SYSTEM)


def test_results_wait_for_every_work():
    contest, _works = judged((9,), ())

    with pytest.raises(ContestState):
        contests.publish_results(contest=contest, actor=SYSTEM)


def test_a_score_may_decide_instead():
    contest, works = judged((), (), method="score")
    contests.give_score(work=works[0], score=120, actor=SYSTEM)
    contests.give_score(work=works[1], score=140, actor=SYSTEM)

    assert places(contest) == [("w1", 1, 140), ("w0", 2, 120)]
    with pytest.raises(ContestState):
        contests.give_mark(work=works[0], mark=1, actor=SYSTEM)


def test_a_contest_is_called_off_with_a_reason():
    contest = make_contest()

    with pytest.raises(ValidationFailed):
        contests.cancel_contest(contest=contest, reason=" ", actor=SYSTEM)
    assert contests.cancel_contest(contest=contest, reason="rain", actor=SYSTEM).state == (
        "cancelled"
    )
