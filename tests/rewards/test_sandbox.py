"""The sandbox: one basket under two sets of rules, through the API; nothing is written."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel.actors import SYSTEM
from rewards.services import promotions
from tests.rewards.tryout_shop import DOUBLE, TryoutShop

pytestmark = pytest.mark.django_db
URL = "/api/v1/simulations"
TEN_OFF_FOOD = {
    "goods": {"include": {"categories": ["food"]}},
    "effects": [{"kind": "percent_off", "basis_points": 1000}],
}


@pytest.fixture
def shop():
    return TryoutShop()


@pytest.fixture
def ask(api, shop):
    """Ask about two teas and a soap in the north: 25.00, unless told otherwise."""
    client = api("rules:read")

    def simulate(status=200, **parts):
        body = {
            "store": "north",
            "lines": [line("tea", 1000, "2"), line("soap", 500)],
            **parts,
        }
        answer = client.post(URL, body)
        assert answer.status_code == status, answer.content
        return answer.json()

    return simulate


def line(sku, price, quantity="1"):
    return {"sku": sku, "quantity": quantity, "price": {"amount": price, "currency": "USD"}}


def draft_of(code, number=1):
    return [{"promotion": code, "version": number}]


def differences(answer):
    return {
        (one["line"], one["what"]): (one["live"], one["trial"]) for one in answer["differences"]
    }


def test_a_draft_beside_the_live_rules(shop, ask):
    shop.draft("tea10", TEN_OFF_FOOD)

    answer = ask(draft_versions=draft_of("tea10"), member={"card": shop.anna.number})

    assert answer["live"]["totals"]["total"]["amount"] == 2500
    assert answer["trial"]["totals"]["total"]["amount"] == 2300
    assert differences(answer) == {
        (1, "discount_minor"): (0, 200), (1, "net_minor"): (2000, 1800), (1, "points"): (20, 18),
        (None, "discount_minor"): (0, 200), (None, "total_minor"): (2500, 2300),
        (None, "points"): (25, 23),
    }  # fmt: skip
    said = {one["promotion"]: one for one in answer["trial"]["decisions"]}
    assert said["tea10"]["outcome"] == "applied"
    assert said["tea10"]["text"] == "Tea10: discount $2.00"


def test_a_draft_takes_the_place_of_its_live_version(shop, ask):
    shop.live("tea10", TEN_OFF_FOOD)
    twenty = {**TEN_OFF_FOOD, "effects": [{"kind": "percent_off", "basis_points": 2000}]}
    again = shop.programme.promotions.get(code="tea10")
    promotions.draft(promotion=again, definition=twenty, actor=SYSTEM)

    answer = ask(draft_versions=draft_of("tea10", 2))

    assert answer["live"]["totals"]["discount"]["amount"] == 200
    assert answer["trial"]["totals"]["discount"]["amount"] == 400


def test_without_a_promotion(shop, ask):
    shop.live("tea10", TEN_OFF_FOOD)

    answer = ask(without=["tea10"])

    assert differences(answer)[None, "total_minor"] == (2300, 2500)


def test_a_buyer_who_does_not_exist(shop, ask):
    shop.draft("third", {
        "when": {"all": [{"kind": "nth_purchase", "numbers": [3]},
                         {"kind": "tags", "codes": ["vip"]},
                         {"kind": "window", "metric": "spend", "days": 30, "at_least": 5000}]},
        "effects": [{"kind": "fixed_points", "points": 100}],
    })  # fmt: skip
    right = {"purchases": 2, "tags": ["vip"], "spend": 5000}

    def gain(**invented):
        answer = ask(draft_versions=draft_of("third"), invented_member=invented)
        return answer["trial"]["points"]["earn"] - answer["live"]["points"]["earn"]

    assert gain(**right) == 100
    assert gain(**{**right, "purchases": 3}) == 0
    assert gain(**{**right, "tags": []}) == 0
    assert gain(**{**right, "spend": 4999}) == 0


def test_a_coupon_that_nobody_has_issued_yet(shop, ask):
    shop.draft("tea10", {**TEN_OFF_FOOD, "coupon": {"required": True}})

    assert differences(ask(draft_versions=draft_of("tea10"))) == {}
    shown = ask(draft_versions=draft_of("tea10"), coupons_of=["tea10"])

    assert differences(shown)[None, "discount_minor"] == (0, 200)


def test_tenders_and_the_moment_count(shop, ask):
    shop.draft("cash", {
        "when": {"all": [{"kind": "tender", "kinds": ["cash"]},
                         {"kind": "schedule", "weekdays": [3]}]},
        "effects": [{"kind": "amount_off", "amount_minor": 100}],
    })  # fmt: skip
    wednesday, thursday = "2026-03-04T12:00:00Z", "2026-03-05T12:00:00Z"

    def off(moment, *kinds):
        answer = ask(draft_versions=draft_of("cash"), occurred_at=moment, pay_by=list(kinds))
        return answer["trial"]["totals"]["discount"]["amount"]

    assert off(wednesday, "cash") == 100
    assert off(wednesday, "card") == 0
    assert off(thursday, "cash") == 0


def test_a_pilot_gives_only_where_and_to_whom_it_is_meant(shop, ask):
    anna = str(shop.anna.member.public_id)
    shop.draft("store", {**TEN_OFF_FOOD, "pilot": {"stores": ["south"]}})
    shop.draft("member", {**TEN_OFF_FOOD, "pilot": {"members": [anna]}})
    shop.draft("tag", {**TEN_OFF_FOOD, "pilot": {"tags": ["vip"]}})

    def off(code, **parts):
        answer = ask(draft_versions=draft_of(code), **parts)
        return answer["trial"]["totals"]["discount"]["amount"]

    cards = [{"card": card.number} for card in (shop.anna, shop.boris)]
    assert (off("store", store="south"), off("store", store="north")) == (200, 0)
    assert [off("member", member=card) for card in cards] == [200, 0]
    assert off("tag", invented_member={"tags": ["vip"]}) == 200
    assert off("tag", invented_member={"tags": ["other"]}) == 0


def test_the_nearest_miss_is_told(shop, ask):
    shop.draft("fifty", {
        "when": {"all": [{"kind": "min_spend", "amount_minor": 6200}]},
        "effects": [{"kind": "amount_off", "amount_minor": 500}],
    })  # fmt: skip

    answer = ask(draft_versions=draft_of("fifty"))

    [missed] = [one for one in answer["trial"]["decisions"] if one["promotion"] == "fifty"]
    assert (missed["outcome"], missed["near"]) == ("not_matched", True)
    assert "$37.00" in missed["text"]


@pytest.mark.parametrize(
    ("parts", "status", "pointer"),
    [
        ({"draft_versions": draft_of("nothing")}, 404, "/versions/0"),
        ({"without": ["nothing"]}, 404, "/without/0"),
        ({"store": "nowhere"}, 404, "/store"),
        ({"draft_versions": [*draft_of("x"), *draft_of("x", 2)]}, 422, "/versions"),
        ({"member": {"card": "1"}, "invented_member": {}}, 400, "/invented_member"),
    ],
)
def test_what_cannot_be_tried_is_refused(ask, parts, status, pointer):
    problem = ask(status=status, **parts)

    pointers = [fault["pointer"] for fault in problem.get("errors", [])]
    assert pointer in [*pointers, problem.get("params", {}).get("pointer")]


def test_nothing_is_written_and_the_number_of_queries_is_fixed(shop, ask):
    shop.draft("double", DOUBLE)
    parts = {"draft_versions": draft_of("double"), "member": {"card": shop.anna.number}}
    ask(**parts)

    def cost(**more):
        with CaptureQueriesContext(connection) as queries:
            ask(**parts, **more)
        return [query["sql"] for query in queries]

    few = cost()
    many = cost(lines=[line(f"p{n}", 100) for n in range(100)])

    assert len(many) == len(few) <= 6
    assert not [sql for sql in few if str(sql).lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]


def test_a_key_without_the_scope_or_the_store_sees_nothing(api, shop):
    body = {"store": "north", "lines": [line("tea", 100)]}

    assert api("sales:write").post(URL, body).status_code == 403
    assert api("rules:read", stores=("south",)).post(URL, body).status_code == 404
