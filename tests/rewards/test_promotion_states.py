"""The life of a promotion, through the API: steps, reviews, edits, lists."""

from __future__ import annotations

from itertools import count

import pytest

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry, OutboxEvent
from rewards.models import Programme, PromotionVersion
from rewards.services import promotions
from tests.factories.members import StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.state_tools import (
    ALL,
    DAY,
    HOUR,
    TEN_OFF,
    drafted,
    in_time,
    off,
    review_on,
    states,
    step,
    steps_of,
)
from tests.rewards.till_client import Till

pytestmark = pytest.mark.django_db

_keys = count(1)


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


# From draft to ended


def test_a_whole_life_leaves_a_trail_and_an_event_for_each_step(author, other, shop, programme):
    review_on(programme)
    at = drafted(author)

    assert step(author, at, "submit").json()["state"] == "in_review"
    approved = step(other, at, "approve").json()
    assert (approved["state"], approved["approved_by"] != approved["created_by"]) == (
        "in_review", True,
    )  # fmt: skip
    assert step(author, at, "publish").json()["state"] == "live"
    assert off(author, shop) == 1_00
    assert author.post(f"{at}/pause", {"reason": "typo"}).json()["state"] == "paused"
    assert off(author, shop) == 0
    resumed = author.post(f"{at}/resume", {}).json()
    assert (resumed["number"], resumed["state"]) == (2, "live")
    assert off(author, shop) == 1_00
    assert author.post(f"{at}/end", {"reason": "over"}).json()["state"] == "ended"
    assert off(author, shop) == 0

    assert states(author, at) == {1: "ended", 2: "ended"}
    assert author.get(at).json()["state"] == "ended"
    walked = [
        "created", "drafted", "submitted", "approved", "live", "paused", "resumed", "ended",
        "live", "ended",
    ]  # fmt: skip
    assert steps_of(at) == walked
    events = OutboxEvent.objects.filter(object_id=at.removeprefix("promotions/")).order_by("id")
    assert [one.kind for one in events] == [f"promotion.{word}" for word in walked]
    assert [one.version for one in events] == list(range(2, 2 + len(walked)))
    assert AuditEntry.objects.get(action="promotion.paused").reason == "typo"


#: What each state lets somebody do with the version; all else is refused.
ALLOWED = {
    "draft": ["submit", "discard", "schedule", "publish"],
    "in_review": ["withdraw", "approve", "reject"],
    "approved": ["withdraw", "reject", "schedule", "publish"],
    "scheduled": ["withdraw", "schedule", "publish", "end"],
    "live": ["pause", "end"],
    "paused": ["resume", "end"],
    "ended": [],
}
STEPS = ["submit", "withdraw", "discard", "approve", "reject", "schedule", "publish"]


def brought_to(state, author, other):
    at = drafted(author)
    ways = {
        "draft": [],
        "in_review": [(author, "submit")],
        "approved": [(author, "submit"), (other, "approve")],
        "scheduled": [(author, "schedule")],
        "live": [(author, "publish")],
        "paused": [(author, "publish"), (author, "pause")],
        "ended": [(author, "publish"), (author, "end")],
    }
    for who, word in ways[state]:
        assert doing(who, at, word).status_code == 200
    return at


def doing(who, at, word):
    if word not in STEPS:
        return who.post(f"{at}/{word}", {})
    body = {"starts_at": in_time(HOUR)} if word == "schedule" else {}
    return step(who, at, word, **body)


WORDS = [*STEPS, "pause", "resume", "end"]


@pytest.mark.parametrize(
    ("state", "word"), [(state, word) for state, words in ALLOWED.items() for word in words]
)
def test_what_each_state_allows(author, other, state, word):
    assert doing(other, brought_to(state, author, other), word).status_code == 200


@pytest.mark.parametrize("state", ALLOWED)
def test_what_each_state_refuses(author, other, state):
    at = brought_to(state, author, other)
    before = states(author, at)

    for word in WORDS:
        if word not in ALLOWED[state]:
            answer = doing(other, at, word)
            assert (answer.status_code, answer.json()["code"]) == (409, "promotion_state"), word

    assert states(author, at) == before


# Review


def test_where_review_is_wanted_nothing_starts_without_another_person(author, other, programme):
    at = drafted(author)
    review_on(programme)

    for word, body in (("publish", {}), ("schedule", {"starts_at": in_time(HOUR)})):
        refused = step(author, at, word, **body)
        assert (refused.status_code, refused.json()["code"]) == (409, "review_required")
    step(author, at, "submit")
    assert step(author, at, "approve").status_code == 403  # without the scope
    step(other, at, "approve")
    assert step(author, at, "publish").json()["state"] == "live"


def test_an_author_with_the_scope_may_not_approve_either(other, programme):
    at = drafted(other)
    step(other, at, "submit")

    refused = step(other, at, "approve")

    assert (refused.status_code, refused.json()["code"]) == (409, "own_approval")
    assert PromotionVersion.objects.get(promotion__code="tea").approved_by == ""


def test_a_rejected_version_is_a_draft_again_and_says_why(author, other):
    at = drafted(author)
    step(author, at, "submit")

    assert step(other, at, "reject", reason="too dear").json()["state"] == "draft"

    assert AuditEntry.objects.get(action="promotion.rejected").reason == "too dear"
    assert step(author, at, "submit").json()["state"] == "in_review"


def test_withdrawing_loses_the_approval(author, other, programme):
    at = drafted(author)
    step(author, at, "submit")
    step(other, at, "approve")

    back = step(author, at, "withdraw").json()

    assert (back["state"], back["approved_by"], back["approved_at"]) == ("draft", "", None)
    review_on(programme)
    assert step(author, at, "publish").json()["code"] == "review_required"


def test_a_pause_ends_with_the_approval_of_the_wording(author, other, programme):
    review_on(programme)
    at = drafted(author)
    for who, word in ((author, "submit"), (other, "approve"), (author, "publish")):
        step(who, at, word)
    author.post(f"{at}/pause", {})

    resumed = other.post(f"{at}/resume", {}).json()

    approved = author.get(at).json()["versions"][1]
    for name in ("created_by", "approved_by", "approved_at", "definition"):
        assert resumed[name] == approved[name]
    assert AuditEntry.objects.get(action="promotion.resumed").actor != approved["created_by"]


# Edits by two people


def test_a_step_on_what_has_changed_meanwhile_is_refused(author):
    at = drafted(author)
    step(author, at, "publish")
    read = author.get(at)

    def call(word, key, tag):
        return author.integrator.post(f"/api/v1/{at}/{word}", {}, key, If_Match=tag)

    first = call("pause", "k1", read["ETag"])
    late = call("resume", "k2", read["ETag"])
    again = call("pause", "k1", read["ETag"])

    assert first.status_code == 200
    assert (late.status_code, late.json()["code"]) == (409, "conflict_version")
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])
    assert again["Idempotent-Replayed"] == "true"
    assert call("resume", "k3", first["ETag"]).status_code == 200
    assert call("pause", "k4", "nonsense").json()["errors"][0]["pointer"] == "/header/If-Match"


def test_a_promotion_is_renamed(author):
    at = drafted(author)

    renamed = author.integrator.patch(f"/api/v1/{at}", {"name": "Tea week"}, f"r{next(_keys)}")

    assert (renamed.status_code, renamed.json()["name"]) == (200, "Tea week")
    assert steps_of(at)[-1] == "renamed"


# Lists and warnings


def test_promotions_are_found_by_state_code_and_text(author, other):
    for state in ("draft", "in_review", "scheduled", "live", "paused", "ended"):
        promotion = promotions.create(
            programme=Programme.objects.get(), code=f"p-{state}", name=f"Week {state}",
            actor=SYSTEM,
        )  # fmt: skip
        version = promotions.draft(promotion=promotion, definition=TEN_OFF, actor=SYSTEM)
        if state == "in_review":
            promotions.submit(version=version, actor=SYSTEM)
        if state == "scheduled":
            promotions.schedule(version=version, starts_at=clock.now() + DAY, actor=SYSTEM)
        if state in ("live", "paused", "ended"):
            promotions.go_live(version=version, starts_at=None, actor=SYSTEM)
        if state == "paused":
            promotions.pause(promotion=promotion, actor=SYSTEM)
        if state == "ended":
            promotions.end(promotion=promotion, actor=SYSTEM)

    def found(query):
        return {one["code"] for one in author.get(f"promotions?{query}").json()["data"]}

    assert found("state=paused") == {"p-paused"}
    assert found("state=live") == {"base", "p-live"}
    assert found("state=ended&text=WEEK") == {"p-ended"}
    assert found("code=p-draft") == {"p-draft"}
    assert found("text=week%20s") == {"p-scheduled"}
    assert author.get("promotions?state=odd").status_code == 400
    assert author.get("promotions?colour=red").status_code == 400


def test_the_list_costs_the_same_for_many_versions(author, django_assert_max_num_queries):
    at = drafted(author)
    for _ in range(30):
        author.post(f"{at}/versions", {"definition": TEN_OFF})

    with django_assert_max_num_queries(4):
        page = author.get("promotions").json()
    with django_assert_max_num_queries(4):
        versions = author.get(f"{at}/versions?limit=10").json()

    assert [len(one["versions"]) for one in page["data"]] == [20, 1]
    assert [one["number"] for one in versions["data"]] == list(range(31, 21, -1))
    following = author.get(f"{at}/versions?limit=200&after={versions['next']}").json()
    assert [one["number"] for one in following["data"]] == list(range(21, 0, -1))


def test_what_is_odd_is_said_with_the_version_and_stops_nothing(author, shop):
    at = drafted(author)
    odd = {
        "goods": {"include": {"skus": ["no-tea"], "lists": ["no-list"]}},
        "when": {"all": [{"kind": "stores", "codes": ["S1", "S9"]},
                         {"kind": "coupon", "codes": ["no-promotion"]}]},
        "effects": [{"kind": "percent_off", "basis_points": 1000}],
    }  # fmt: skip

    said = author.post(f"{at}/versions", {"definition": odd}).json()["warnings"]

    assert [(one["code"], one["params"].get("code")) for one in said] == [
        ("may_go_below_cost", None),
        ("unknown_code", "no-list"),
        ("unknown_code", "no-tea"),
        ("unknown_code", "no-promotion"),
        ("unknown_code", "S9"),
    ]
    assert said[4]["text"] == "It names S9, which is not among the stores."
    assert step(author, at, "publish", 2).status_code == 200
    listed = author.get("promotions/lint").json()["data"]
    assert [(one["code"], one["version"], len(one["warnings"])) for one in listed] == [
        ("tea", 2, 5)
    ]
    assert len(author.get(at).json()["versions"][0]["warnings"]) == 5


def test_overlapping_discounts_are_told_of_each_other(author, programme, shop):
    cap = {"caps": {"above_cost": True}}
    make_promotion(programme, "one", TEN_OFF["effects"][0], stacking=cap)

    at = drafted(author, "two", {**TEN_OFF, "stacking": cap})

    [said] = author.get(at).json()["versions"][0]["warnings"]
    assert (said["code"], said["params"]) == ("overlap", {"with": "one"})


@pytest.mark.parametrize("scope", ["rules:read", "rules:approve", "sales:write"])
def test_steps_are_closed_without_the_scope(author, scope):
    at = drafted(author)
    step(author, at, "publish")
    stranger = Till(scope)

    for word in ("pause", "resume", "end", "duplicate", "versions"):
        assert stranger.post(f"{at}/{word}", {}).json()["code"] == "forbidden_scope"
    for word in STEPS:
        mine = scope == "rules:approve" and word in ("approve", "reject")
        code = "promotion_state" if mine else "forbidden_scope"
        assert step(stranger, at, word).json()["code"] == code
    assert states(author, at) == {1: "live"}
