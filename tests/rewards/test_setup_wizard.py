"""The set-up wizard: plans by hand figures, every trade and goal, and what the page makes."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from loyalty_crm.kernel import clock
from rewards.models import (
    EventKind,
    Occasion,
    Programme,
    ProgrammeSetup,
    Promotion,
    PromotionVersion,
    StampProgramme,
    TierStructure,
)
from rewards.rules.setup import GOALS, TRADES, Answers, plan_for, usual_year
from rewards.rules.terms import Terms
from rewards.services.setup import draft_of
from tests.factories.members import CardFactory, CategoryFactory, ProductFactory, StoreFactory
from tests.factories.rewards import ProgrammeFactory
from tests.staff import at_desk

CENTS = Terms(units_per_point=1, point_value_minor=1)
WIZARD = "admin:rewards_programme_setup"


def answers(trade="cafe", goal="return", **more):
    usual = {"receipt_minor": 1_000, "visits_a_year": 52, "give_back": 500, "goods": "coffee"}
    return Answers(trade=trade, goal=goal, **{**usual, **more})


def plan(asked, scale=0, value=1):
    return plan_for(asked, points_scale=scale, point_value_minor=value)


# Plans


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("trade", TRADES)
def test_every_trade_and_goal_makes_a_sound_plan(trade, goal):
    asked = answers(trade, goal)
    made = plan(asked)
    assert made.base + made.extra == 500
    assert made == plan(asked)
    assert len({one.code for one in made.documents}) == len(made.documents)
    year = usual_year(asked, made, CENTS)
    assert year.sales_minor == 52_000
    assert 250 <= year.share <= 1_300
    assert plan(answers(trade, goal, goods="")).stamps is None


def test_a_cafe_by_hand():
    # 5 % given back, half of it by every purchase: 2.5 % of 52 receipts of 10.00 are 1 300.
    asked = answers()
    made = plan(asked)
    assert made.earning["effects"][0]["basis_points"] == 250
    assert (made.stamps.code, made.stamps.needed) == ("cafe-card", 6)
    # Of 52 weekly purchases eight fall on a Wednesday and earn five times 25 points; one is
    # the second visit, 10 % off: 22 points. The birthday brings a tenth of a receipt.
    assert [one.code for one in made.offers] == ["second-visit", "double-day", "quiet-hours"]
    year = usual_year(asked, made, CENTS)
    free = 52 // 6 * 333
    assert year.discount_minor == 100 + free
    assert year.points == 43 * 25 + 8 * 125 + 22 + 100


def test_tiers_by_a_usual_year():
    made = plan(answers("fashion", "status", receipt_minor=5_000, visits_a_year=6))
    assert [(one.code, one.threshold_minor, one.tenths) for one in made.tiers] == [
        ("member", 0, 10), ("silver", 30_000, 12), ("gold", 60_000, 15),
    ]  # fmt: skip
    assert [one.code for one in made.offers] == ["second-item", "silver-points", "gold-points"]


def test_gifts_are_worth_a_share_of_a_receipt_whatever_a_point_is():
    for scale, value, units in ((0, 1, 100), (2, 1, 10_000), (0, 5, 20)):
        birthday = plan(answers(), scale, value).gifts[0]
        assert (birthday.kind, birthday.points) == ("birthday", units)


def test_offers_that_cost_more_than_their_share_lower_what_every_purchase_earns():
    programme = Programme(points_scale=0, point_value_minor=1, currency="USD")
    dear = draft_of(programme=programme, answers=answers(give_back=900))
    assert dear.plan.base < 450
    assert 800 <= dear.year.share <= 900
    least = draft_of(programme=programme, answers=answers())
    assert (least.plan.base, least.year.share > 500) == (50, True)


# The page


@pytest.fixture
def shop(db):
    CategoryFactory(code="coffee", name="Coffee")
    return ProgrammeFactory(is_default=True, currency="USD", time_zone="UTC", points_scale=0)


desk = at_desk


def form(**more):
    values = {
        "key": str(uuid.uuid4()), "trade": "cafe", "goal": "return", "receipt": "10",
        "visits": "52", "give_back": "5", "goods": "coffee", "owner": "Ann", "aim": "a third",
    }  # fmt: skip
    return {**values, **more}


def test_a_look_says_what_would_be_made_and_makes_nothing(shop):
    page = desk("marketer").post(reverse(WIZARD), form(look="1")).content.decode()
    assert "A year of a usual member" in page
    assert "Every seventh is free" in page
    assert "$520.00" in page
    assert not Promotion.objects.exists()
    assert not ProgrammeSetup.objects.exists()


def test_drafts_are_made_once_however_often_it_is_pressed(shop):
    client, pressed = desk("marketer"), form(make="1")
    first, again = (client.post(reverse(WIZARD), pressed) for _ in range(2))
    assert (first.status_code, again.status_code) == (302, 302)
    assert first.url == again.url

    setup = ProgrammeSetup.objects.get()
    assert (setup.owner, setup.answers["trade"], setup.made["started"]) == ("Ann", "cafe", False)
    assert set(setup.messages) == {"en", "ru"}
    states = set(PromotionVersion.objects.values_list("state", flat=True))
    assert states == {"draft"}
    codes = set(Promotion.objects.values_list("code", flat=True))
    assert codes == {"base", "second-visit", "double-day", "quiet-hours", "cafe-card", "free-piece"}
    assert not StampProgramme.objects.get().is_active
    assert not Occasion.objects.get(kind="birthday").is_active
    told = client.get(first.url).content.decode()
    assert "Second visit, 10 % off" in told
    assert "{name}" in told


def test_started_it_earns_and_stamps_at_the_next_sale(shop, api):
    assert desk("admin").post(reverse(WIZARD), form(make="1", start="on")).status_code == 302
    shop.refresh_from_db()
    assert (shop.expiry_days, shop.max_points_share_percent) == (182, 100)
    StoreFactory(code="S")
    ProductFactory(sku="latte", category=CategoryFactory._meta.model.objects.get(code="coffee"))
    till, card = api("sales:write", "sales:read", "members:read"), CardFactory()
    line = {"sku": "latte", "quantity": "1", "price": {"amount": 400, "currency": "USD"}}
    body = {"store": "S", "number": "R1", "member": {"card": card.number}, "lines": [line]}
    body["occurred_at"] = (clock.now() + timedelta(seconds=1)).isoformat()
    sold = till.post("/api/v1/purchases", body, key="p")
    assert sold.status_code == 201, sold.content
    kinds = {award["kind"] for award in sold.json()["awards"]}
    assert sold.json()["lines"][0]["points"] >= 2
    assert "stamps" in kinds


def test_what_is_there_already_stays(shop):
    client = desk("marketer")
    client.post(reverse(WIZARD), form(make="1", trade="fashion", goal="status"))
    ladder = TierStructure.objects.get()
    client.post(reverse(WIZARD), form(make="1", trade="salon", goal="status", receipt="99"))
    assert TierStructure.objects.get() == ladder
    newest = ProgrammeSetup.objects.first()
    assert newest.made["kept"]["tiers"] == ["club"]
    assert EventKind.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        ProgrammeSetup.objects.update(owner="x")


def test_a_shop_without_a_programme_makes_its_first_one(db):
    client = desk("marketer")
    page = client.get(reverse(WIZARD))
    assert b"What is the programme called?" in page.content
    asked = {"name": "Club", "currency": "EUR", "time_zone": "Europe/Paris", "goods": ""}
    assert (
        client.post(
            reverse(WIZARD),
            form(
                make="1",
                **asked,
            ),
        ).status_code
        == 302
    )
    made = Programme.objects.get()
    assert (made.name, made.currency, made.time_zone) == ("Club", "EUR", "Europe/Paris")
    assert b"What is the programme called?" not in client.get(reverse(WIZARD)).content


@pytest.mark.parametrize("wrong", [{"currency": "euro"}, {"time_zone": "Mars"}, {"name": ""}])
def test_a_first_programme_needs_a_real_currency_and_zone(db, wrong):
    asked = {"name": "Club", "currency": "EUR", "time_zone": "Europe/Paris", "goods": "", **wrong}
    assert desk("marketer").post(reverse(WIZARD), form(make="1", **asked)).status_code == 422
    assert not Programme.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"receipt": "0"}, {"receipt": "x"}, {"visits": "401"}, {"give_back": "51"},
     {"trade": "pets"}, {"goods": "nothing"}, {"key": "no"}],
)  # fmt: skip
def test_senseless_answers_are_refused_and_nothing_is_made(shop, wrong):
    assert desk("marketer").post(reverse(WIZARD), form(make="1", **wrong)).status_code == 422
    assert not ProgrammeSetup.objects.exists()


def test_who_may_not_change_the_programme_may_not_set_one_up(shop):
    for role in ("analyst", "cashier"):
        assert desk(role).get(reverse(WIZARD)).status_code in (302, 403)


def test_a_look_costs_the_same_for_every_plan(shop, django_assert_max_num_queries):
    client = desk("marketer")
    client.get(reverse(WIZARD))
    with django_assert_max_num_queries(16):
        client.post(reverse(WIZARD), form(look="1", trade="fashion", goal="status"))
