"""The life of a promotion, through the API: dates, pauses, ends, copies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from loyalty_crm.kernel import clock
from rewards.models import PromotionVersion
from rewards.tasks import move_promotions
from tests.factories.members import StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.state_tools import (
    ALL,
    DAY,
    HOUR,
    TEN_OFF,
    drafted,
    in_time,
    off,
    states,
    step,
    steps_of,
)
from tests.rewards.till_client import Till, basket, line

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def shop(programme):
    return StoreFactory(code="S1")


@pytest.fixture
def author(programme):
    return Till(*ALL)


@pytest.fixture
def other(programme):
    return Till(*ALL, "rules:approve")


# Dates


def test_a_scheduled_version_takes_over_by_the_clock_alone(author, shop):
    at = drafted(author)
    step(author, at, "publish")
    twenty = {"effects": [{"kind": "percent_off", "basis_points": 2000}]}
    author.post(f"{at}/versions", {"definition": twenty})

    scheduled = step(
        author, at, "schedule", 2, starts_at=in_time(HOUR), ends_at=in_time(2 * HOUR)
    ).json()

    assert scheduled["state"] == "scheduled"
    assert states(author, at) == {1: "live", 2: "scheduled"}
    # No job has run; the sale's own moment decides.
    assert off(author, shop) == 1_00
    assert off(author, shop, after=HOUR - timedelta(minutes=1)) == 1_00
    assert off(author, shop, after=HOUR + timedelta(minutes=1)) == 2_00
    assert off(author, shop, after=2 * HOUR + timedelta(minutes=1)) == 0


def test_the_first_moment_counts_and_the_last_does_not(author, shop):
    begins, ends = clock.now() + HOUR, clock.now() + 2 * HOUR
    at = drafted(author)
    step(author, at, "schedule", starts_at=begins.isoformat(), ends_at=ends.isoformat())

    def off_at(moment):
        body = basket(shop, line("tea", 10_00), occurred_at=moment.isoformat())
        return author.post("quotes", body, key=None).json()["totals"]["discount"]["amount"]

    instant = timedelta(microseconds=1)
    assert [off_at(begins - instant), off_at(begins)] == [0, 1_00]
    assert [off_at(ends - instant), off_at(ends)] == [1_00, 0]


def test_the_task_writes_down_once_what_the_clock_has_done(author, shop, monkeypatch):
    at = drafted(author)
    step(author, at, "publish")
    author.post(f"{at}/versions", {"definition": TEN_OFF})
    step(author, at, "schedule", 2, starts_at=in_time(HOUR), ends_at=in_time(2 * HOUR))
    assert move_promotions() == 0
    begun, over = clock.now() + HOUR + timedelta(minutes=1), clock.now() + 3 * HOUR

    monkeypatch.setattr(clock, "now", lambda: begun)
    assert states(author, at) == {1: "live", 2: "live"}  # by the clock, not yet written
    assert (move_promotions(), move_promotions()) == (1, 0)
    assert states(author, at) == {1: "ended", 2: "live"}
    first, second = PromotionVersion.objects.filter(promotion__code="tea").order_by("number")
    assert first.ends_at == second.starts_at
    monkeypatch.setattr(clock, "now", lambda: over)
    assert (move_promotions(), move_promotions()) == (1, 0)

    assert states(author, at) == {1: "ended", 2: "ended"}
    assert steps_of(at)[-4:] == ["scheduled", "ended", "live", "ended"]


def test_a_step_after_the_date_finds_the_version_live_without_the_task(author, monkeypatch):
    at = drafted(author)
    step(author, at, "schedule", starts_at=in_time(HOUR))
    later = clock.now() + 2 * HOUR

    monkeypatch.setattr(clock, "now", lambda: later)

    assert step(author, at, "withdraw").json()["code"] == "promotion_state"
    paused = author.post(f"{at}/pause", {}).json()
    assert (paused["state"], paused["number"]) == ("paused", 1)


def test_a_date_that_has_not_come_may_be_moved_or_called_off(author, shop):
    at = drafted(author)
    step(author, at, "schedule", starts_at=in_time(HOUR))

    step(author, at, "schedule", starts_at=in_time(3 * HOUR))
    assert off(author, shop, after=2 * HOUR) == 0
    assert off(author, shop, after=4 * HOUR) == 1_00
    back = step(author, at, "withdraw").json()

    assert (back["state"], back["starts_at"]) == ("draft", None)
    assert off(author, shop, after=4 * HOUR) == 0


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"starts_at": -1}, "/starts_at", "in_the_past"),
        ({"starts_at": 2, "ends_at": 1}, "/ends_at", "before_start"),
        ({"starts_at": 2, "ends_at": 2}, "/ends_at", "before_start"),
    ],
)
def test_dates_that_cannot_be(author, body, pointer, code):
    at = drafted(author)
    now = clock.now()

    dates = {name: (now + hours * HOUR).isoformat() for name, hours in body.items()}
    refused = step(author, at, "schedule", **dates)

    assert (refused.status_code, refused.json()["code"]) == (422, "definition_invalid")
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [(pointer, code)]
    assert states(author, at) == {1: "draft"}


def test_a_promotion_waits_for_one_date_at_a_time(author):
    at = drafted(author)
    step(author, at, "schedule", starts_at=in_time(HOUR))
    author.post(f"{at}/versions", {"definition": TEN_OFF})

    second = step(author, at, "schedule", 2, starts_at=in_time(2 * HOUR))

    assert (second.json()["code"], second.json()["params"]) == (
        "promotion_state", {"state": "scheduled"},
    )  # fmt: skip


def test_a_later_version_does_not_reach_back_into_the_days_of_an_earlier_one(author, shop):
    at = drafted(author)
    step(author, at, "publish")
    author.post(f"{at}/pause", {})
    author.post(f"{at}/versions", {"definition": TEN_OFF})

    live = step(author, at, "publish", 2, starts_at=in_time(-DAY)).json()

    first = author.get(at).json()["versions"][1]
    assert first["state"] == "ended"
    assert live["starts_at"] >= first["ends_at"]


# Pause, end, copies


def test_an_end_may_be_planned_moved_and_comes_by_the_clock(author, shop):
    at = drafted(author)
    step(author, at, "publish")

    author.post(f"{at}/end", {"at": in_time(HOUR)})
    planned = author.post(f"{at}/end", {"at": in_time(2 * HOUR)}).json()

    assert planned["state"] == "live"
    assert off(author, shop, after=HOUR + timedelta(minutes=1)) == 1_00
    assert off(author, shop, after=2 * HOUR + timedelta(minutes=1)) == 0
    past = author.post(f"{at}/end", {"at": in_time(-HOUR)})
    assert past.json()["errors"][0]["pointer"] == "/at"


def test_ending_now_calls_a_scheduled_version_off_too(author, shop):
    at = drafted(author)
    step(author, at, "publish")
    author.post(f"{at}/versions", {"definition": TEN_OFF})
    step(author, at, "schedule", 2, starts_at=in_time(HOUR))

    author.post(f"{at}/end", {})

    assert states(author, at) == {1: "ended", 2: "ended"}
    assert [off(author, shop), off(author, shop, after=2 * HOUR)] == [0, 0]


def test_a_copy_is_a_draft_of_a_promotion_of_its_own(author):
    at = drafted(author)
    step(author, at, "publish")

    copied = author.post(f"{at}/duplicate", {"code": "copy", "name": "Copy"})
    taken = author.post(f"{at}/duplicate", {"code": "copy", "name": "Copy"})
    missing = author.post(f"{at}/duplicate", {"code": "c2", "name": "C", "version": 9})

    body = copied.json()
    assert (copied.status_code, body["state"], len(body["versions"])) == (201, "draft", 1)
    assert body["versions"][0]["definition"] == TEN_OFF
    assert taken.json()["code"] == "promotion_code_taken"
    assert missing.status_code == 404
