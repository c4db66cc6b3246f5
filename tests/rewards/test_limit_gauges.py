"""Gauges of limits: over the API, on the promotion's page, and the proof behind them."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rewards.models import LimitCounter
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.limit_tools import BONUS, TEN_OFF, limit, limited, reserve, sell
from tests.rewards.till_client import Till
from tests.till import make_staff, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1", name="High Street")


@pytest.fixture
def till():
    return Till()


def gauges(till, promotion):
    answer = till.get(f"promotions/{promotion.public_id}/limits")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_budget_shows_used_held_and_free(shop, till):
    promo = limited("promo", TEN_OFF, limit("total", "money", 40_00, alerts=[50, 80]))
    for number in ("R-1", "R-2"):
        sell(till, shop, number)
    reserve(till, shop)

    said = gauges(till, promo)

    assert (said["promotion"], said["version"]) == ("promo", 1)
    [one] = said["limits"]
    assert (one["used"], one["held"], one["free"], one["percent"]) == (20_00, 10_00, 10_00, 50)
    reached = {each["percent"]: each["reached_at"] is not None for each in one["thresholds"]}
    assert reached == {50: True, 80: False}


def test_every_kind_has_its_gauge(shop, till):
    promo = limited(
        "promo",
        BONUS,
        limit("receipt", "points", 100),
        limit("member", "points", 30),
        limit("member_day", "uses", 5),
        limit("day", "uses", 5),
        limit("week", "points", 300),
        limit("store", "uses", 4),
    )
    card, other = CardFactory(), CardFactory()
    for number, who in (("R-1", card), ("R-2", other)):
        sell(till, shop, number, 10_00, card=who)

    found = {one["period"] or one["per"]: one for one in gauges(till, promo)["limits"]}

    assert set(found) == {"member", "member_day", "day", "week", "store"}
    assert found["member"]["members"] == {"counted": 2, "at_limit": 2}
    assert found["member_day"]["members"] == {"counted": 2, "at_limit": 0}
    assert (found["day"]["used"], found["day"]["percent"]) == (2, 40)
    assert (found["week"]["used"], found["week"]["free"]) == (60, 240)
    [store] = found["store"]["stores"]
    assert (store["store"], store["used"], store["free"]) == ("S1", 2, 2)


def test_a_lowered_limit_shows_what_is_beyond_it(shop, till):
    promo = limited("promo", TEN_OFF, limit("total", "uses", 5))
    for number in ("R-1", "R-2", "R-3"):
        sell(till, shop, number)
    body = {"effects": [TEN_OFF], "limits": [limit("total", "uses", 2)]}
    till.post(f"promotions/{promo.public_id}/versions", {"definition": body})
    till.post(f"promotions/{promo.public_id}/versions/2/publish", {})

    [one] = gauges(till, promo)["limits"]

    assert (one["max"], one["used"], one["free"], one["over"], one["percent"]) == (2, 3, 0, 1, 150)


def test_gauges_cost_the_same_however_much_was_counted(shop, till):
    promo = limited("promo", TEN_OFF, limit("store", "uses", 9), limit("member", "uses", 9))
    sell(till, shop, "R-1", card=CardFactory())
    with CaptureQueriesContext(connection) as few:
        gauges(till, promo)
    for number in range(5):
        sell(till, StoreFactory(), f"R-{number}", card=CardFactory())
    with CaptureQueriesContext(connection) as more:
        gauges(till, promo)

    assert len(few) == len(more)


def test_who_may_not_read_rules_sees_no_gauges(shop):
    promo = limited("promo", TEN_OFF, limit("total", "uses", 1))
    address = f"promotions/{promo.public_id}/limits"

    assert Till("sales:write").get(address).status_code == 403
    assert (
        Till("rules:read").get(address.replace(str(promo.public_id)[:8], "00000000")).status_code
        == 404
    )
    assert Till("rules:read").get(f"{address}?x=1").status_code == 400


def test_a_promotion_without_limits_has_none(shop, till):
    promo = limited("promo", TEN_OFF)

    assert gauges(till, promo)["limits"] == []


def test_the_page_of_the_promotion_shows_its_gauges(shop, till, client):
    promo = limited("promo", TEN_OFF, limit("total", "money", 20_00), limit("store", "uses", 2),
                    limit("member", "uses", 1))  # fmt: skip
    sell(till, shop, "R-1", card=CardFactory())
    sell(till, shop, "R-2", card=CardFactory())
    client.force_login(make_staff("mary", "marketer"))

    page = client.get(reverse("admin:rewards_promotion_change", args=[promo.pk]))

    said = text_of(page)
    assert page.status_code == 200
    assert "Limits and budgets" in said
    assert "In all: money at most $20.00 100 % · used $20.00, free $0.00 · 50 % reached" in said
    assert "High Street 100 % · used 2, free 0" in said
    assert "2 members, 2 of them have had all" in said
    assert b"<script" not in page.content.split(b"lc-gauge")[1].split(b"</section>")[0]


def test_a_budget_that_ends_is_told_on_the_first_page(shop, till, client):
    limited("promo", TEN_OFF, limit("total", "money", 20_00), limit("day", "uses", 4))
    client.force_login(make_staff("mary", "marketer"))
    panel = reverse("admin:rewards_attention")
    for number in ("R-1", "R-2"):
        sell(till, shop, number)

    said = text_of(client.get(panel))

    # Half of the day's uses is no reason to worry.
    assert said.count("Budget of promo") == 2
    assert "Needs a hand" in said
    assert "100 % Budget of promo" in said


def test_the_proof_finds_a_counter_that_somebody_changed(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 9))
    sell(till, shop, "R-1")
    said = io.StringIO()
    call_command("audit_limits", stdout=said)
    assert "0  L1" in said.getvalue()

    LimitCounter.objects.update(used=2)

    with pytest.raises(CommandError):
        call_command("audit_limits", stdout=said)
    assert '"moves_used": 1' in said.getvalue()
