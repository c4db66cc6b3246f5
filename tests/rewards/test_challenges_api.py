"""Challenges, badges and leaderboards through the API."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from loyalty_crm.kernel import clock
from rewards.models import Badge
from rewards.services.programmes import default_programme
from tests.rewards.shop import Shop
from tests.rewards.test_challenges import board, challenge, delivered, fifty
from tests.rewards.till_client import Till, line

SCOPES = ["wallets:read", "members:write", "members:read"]


@pytest.fixture
def shop(db):
    shop = Shop()
    shop.sells("drinks", "tea")
    return shop


@pytest.fixture
def app():
    return Till(*SCOPES)


def test_challenges_and_badges_of_a_member(shop, app, django_assert_max_num_queries):
    badge = Badge.objects.create(programme=default_programme(), code="b", name="Regular")
    challenge("purchases", fifty(1, badge=badge), 3)
    challenge("spend", 1, code="old", ends_on=clock.now().date() - timedelta(days=1))
    shop.sell(line("tea", 5_00))
    delivered()
    at = f"members/{shop.card.member.public_id}"

    with django_assert_max_num_queries(12):
        [answer] = app.get(f"{at}/challenges").json()["data"]

    assert (answer["challenge"], answer["value"], answer["ends_on"]) == ("c", 1, None)
    assert [(one["target"], one["is_reached"], one["badge"]) for one in answer["steps"]] == [
        (1, True, "b"), (3, False, None),
    ]  # fmt: skip
    assert answer["steps"][0]["reward"]["amount"] == 50
    [worn] = app.get(f"{at}/badges").json()["data"]
    assert (worn["badge"], worn["name"]) == ("b", "Regular")
    assert app.get(f"members/{uuid.uuid4()}/challenges").status_code == 404


def test_a_leaderboard_with_ones_own_place_and_name(shop, app):
    ranking = board()
    member = shop.card.member
    member.name = "Anna Kuznetsova"
    member.save()
    shop.sell(line("tea", 5_00))
    delivered()
    [known] = app.get("leaderboards").json()["data"]
    assert (known["code"], known["cycle"]) == ("spend", "week")
    at = f"leaderboards/{ranking.public_id}"

    before = app.get(f"{at}?member={member.public_id}").json()
    agreed = app.post(f"members/{member.public_id}/leaderboard-name", {"agrees": True})
    after = app.get(at).json()

    assert agreed.json() == {"agrees": True}
    assert before["own"] == {"place": 1, "name": "Anna K.", "score": 500, "is_self": True}
    assert "Anna" not in before["places"][0]["name"]
    assert (after["places"][0]["name"], after["own"], after["is_final"]) == ("Anna K.", None, False)
    assert app.get(f"{at}?on=2020-01-01").json()["places"] == []
    for wrong in ("on=x", "member=x", "what=1"):
        assert app.get(f"{at}?{wrong}").status_code == 400
    assert app.get(f"leaderboards/{uuid.uuid4()}").status_code == 404


def test_scopes(shop):
    poor, member = Till("sales:read"), shop.card.member
    ranking = board()
    for address in ("challenges", "badges"):
        assert poor.get(f"members/{member.public_id}/{address}").status_code == 403
    assert poor.get("leaderboards").status_code == 403
    assert poor.get(f"leaderboards/{ranking.public_id}").status_code == 403
    named = poor.post(f"members/{member.public_id}/leaderboard-name", {"agrees": True})
    assert named.status_code == 403
