"""Tiers over the API: ladders, standings, hands."""

from __future__ import annotations

import itertools

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rewards.models import TierStructure
from rewards.services import tiers
from tests.factories.members import MemberFactory
from tests.factories.rewards import ProgrammeFactory

pytestmark = pytest.mark.django_db

_keys = itertools.count(1)
LADDER = {
    "code": "club",
    "name": "Club",
    "is_primary": True,
    "tiers": [
        {"code": "base", "name": "Base", "threshold": 0},
        {"code": "gold", "name": "Gold", "threshold": 50_000},
    ],
}


@pytest.fixture
def owner(api):
    ProgrammeFactory(is_default=True, currency="USD", time_zone="UTC")
    return api("rules:read", "rules:write", "members:read", "members:write")


def send(owner, method, path, body):
    return owner.request(method, f"/api/v1/{path}", body, key=f"k{next(_keys)}")


def new(owner, **more):
    return send(owner, "POST", "tier-structures", {**LADDER, **more})


def test_a_ladder_is_made_and_read(owner):
    made = new(owner)
    assert made.status_code == 201, made.content
    (found,) = owner.get("/api/v1/tier-structures").json()["data"]
    assert found == made.json()
    assert [tier["code"] for tier in found["tiers"]] == ["base", "gold"]
    assert (found["metric"], found["window"], found["landing"]) == ("spend", "rolling", "one_step")


def test_a_code_is_taken_once_and_thresholds_rise(owner):
    new(owner)
    assert new(owner).json()["code"] == "tier_structure_code_taken"
    level = {"code": "x", "name": "X", "threshold": 0}
    refused = new(owner, code="other", tiers=[*LADDER["tiers"], level]).json()
    assert refused["code"] == "tiers_invalid"
    assert refused["errors"][0]["pointer"] == "/tiers/2/threshold"
    assert new(owner, code="other", grace_days=-1).json()["code"] == "validation_failed"


def test_a_ladder_is_worded_anew_and_one_is_primary(owner):
    first = new(owner).json()
    second = new(owner, code="second").json()
    assert list(TierStructure.objects.filter(is_primary=True).values_list("code", flat=True)) == [
        "second"
    ]
    body = {**LADDER, "name": "Club of friends", "grace_days": 14}
    changed = send(owner, "PUT", f"tier-structures/{first['id']}", body).json()
    assert (changed["name"], changed["grace_days"], changed["id"]) == (
        "Club of friends", 14, first["id"],
    )  # fmt: skip
    taken = {**LADDER, "code": "second"}
    refused = send(owner, "PUT", f"tier-structures/{first['id']}", taken).json()
    assert refused["code"] == "tier_structure_code_taken"
    missing = f"tier-structures/{MemberFactory().public_id}"
    assert send(owner, "PUT", missing, body).status_code == 404
    assert second["code"] == "second"


@time_machine.travel("2030-03-01T12:00:00Z", tick=False)
def test_a_tier_is_given_and_taken_with_a_reason(owner):
    new(owner)
    member = MemberFactory()
    path = f"members/{member.public_id}/tier"
    given = send(
        owner, "POST", path,
        {"tier": "gold", "until": "2030-12-31T00:00:00Z", "reason": "our best friend"},
    ).json()  # fmt: skip
    assert (given["tier"], given["missing_to_keep"], given["next_tier"]) == ("gold", 50_000, None)
    assert given["decisions"][0]["reason"] == "our best friend"
    unknown = {"tier": "platinum", "until": "2030-12-31T00:00:00Z", "reason": "x"}
    assert send(owner, "POST", path, unknown).json()["code"] == "tier_unknown"
    past = {"tier": "gold", "until": "2030-01-01T00:00:00Z", "reason": "x"}
    assert send(owner, "POST", path, past).json()["errors"][0]["pointer"] == "/until"
    endless = {"tier": "gold", "reason": "x"}
    assert send(owner, "POST", path, endless).json()["errors"][0]["pointer"] == "/until"
    taken = send(owner, "POST", path, {"tier": None, "reason": "a mistake"}).json()
    assert (taken["tier"], taken["next_tier"], taken["missing"]) == (None, "base", 0)
    causes = [one["cause"] for one in taken["decisions"]]
    assert causes == ["ended", "granted"]


def test_other_ladders_by_code(owner):
    new(owner)
    new(owner, code="visits", metric="visits", is_primary=False)
    member = MemberFactory()
    path = f"members/{member.public_id}/tier"
    body = {"tier": "gold", "until": "2090-01-01T00:00:00Z", "reason": "x", "structure": "visits"}
    assert send(owner, "POST", path, body).json()["structure"] == "visits"
    standings = owner.get(f"/api/v1/{path}").json()["data"]
    assert [(one["structure"], one["tier"]) for one in standings] == [
        ("club", None), ("visits", "gold"),
    ]  # fmt: skip
    body["structure"] = "nowhere"
    assert send(owner, "POST", path, body).status_code == 404


def test_reading_a_standing_costs_the_same_however_long_the_story(owner):
    new(owner)
    member = MemberFactory()
    path = f"/api/v1/members/{member.public_id}/tier"
    structure = TierStructure.objects.select_related("programme").get()
    tiers.rise_all(structure=structure)
    owner.get(path)
    with CaptureQueriesContext(connection) as short:
        owner.get(path)
    for no in range(10):
        body = {"tier": "gold", "until": "2090-01-01T00:00:00Z", "reason": f"time {no}"}
        send(owner, "POST", path.removeprefix("/api/v1/"), body)
    with CaptureQueriesContext(connection) as long:
        assert len(owner.get(path).json()["data"][0]["decisions"]) == 11
    assert len(short) == len(long)


def test_scopes(api, owner):
    new(owner)
    reader = api("members:read")
    member = MemberFactory()
    path = f"/api/v1/members/{member.public_id}/tier"
    assert reader.get(path).status_code == 200
    assert reader.post(path, {"tier": None, "reason": "x"}, key="a").status_code == 403
    assert reader.get("/api/v1/tier-structures").status_code == 403
