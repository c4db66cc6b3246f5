"""Back-tests and retroactive batches as an integrator sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock
from members.models import MemberTag, Tag
from rewards.models import Programme, Wallet
from rewards.services.tryout import retro_count, retro_post
from tests.api import Integrator, new_key
from tests.rewards.tryout_shop import DOUBLE, TryoutShop, finish

pytestmark = pytest.mark.django_db(transaction=True)
TESTS, BATCHES = "/api/v1/backtests", "/api/v1/retro-batches"


@pytest.fixture
def shop():
    shop = TryoutShop()
    shop.sell(("tea", 1000), card=shop.anna)
    shop.sell(("soap", 500), card=shop.boris, store=1)
    shop.draft("double", DOUBLE)
    return shop


def days(shop):
    return {"first_day": "2020-01-01", "last_day": shop.today.date().isoformat()}


def asked(shop, **parts):
    return {**days(shop), "versions": [{"promotion": "double", "version": 1}], **parts}


def test_a_back_test_from_the_question_to_its_rows(api, shop):
    client = api("bulk:run")
    asked_at = client.post(TESTS, asked(shop, name="Double"), key="1")
    assert asked_at.status_code == 202
    told = asked_at.json()
    assert (told["state"], told["totals"], told["done"]) == ("queued", None, 0)
    assert client.post(TESTS, asked(shop, name="Double"), key="1").json() == told

    finish()

    done = client.get(f"{TESTS}/{told['id']}").json()
    assert (done["state"], done["done"], done["total"]) == ("succeeded", 2, 2)
    assert (done["totals"]["points_before"], done["totals"]["points_after"]) == (15, 30)
    assert client.get(f"/api/v1/jobs/{told['job']}").json()["state"] == "succeeded"
    page = client.get(f"{TESTS}/{told['id']}/rows?dimension=store&limit=1").json()
    assert [row["key"] for row in page["data"]] == ["north"]
    following = client.get(
        f"{TESTS}/{told['id']}/rows?dimension=store&limit=1&after={page['next']}"
    ).json()
    assert [(row["key"], row["points_after"]) for row in following["data"]] == [("south", 10)]
    assert not following["has_more"]


def test_a_back_test_is_cancelled_and_stays_so(api, shop):
    client = api("bulk:run")
    told = client.post(TESTS, asked(shop), key="1").json()

    for key in ("2", "3"):
        answer = client.post(f"{TESTS}/{told['id']}/cancel", {}, key=key)
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    finish()

    assert client.get(f"{TESTS}/{told['id']}").json()["totals"] is None


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"versions": []}, 422, "/versions"),
        ({"versions": [{"promotion": "double", "version": 7}]}, 404, "/versions/0"),
        ({"stores": ["nowhere"]}, 404, "/stores/0"),
        ({"without": ["nothing"]}, 404, "/without/0"),
        ({"last_day": "2019-01-01"}, 422, "/last_day"),
        ({"baseline": "best"}, 400, "/baseline"),
    ],
)
def test_questions_that_make_no_sense(api, shop, change, status, pointer):
    answer = api("bulk:run").post(TESTS, asked(shop, **change), key="1")

    assert answer.status_code == status
    told = answer.json()
    pointers = [fault["pointer"] for fault in told.get("errors", [])]
    assert pointer in [*pointers, told.get("params", {}).get("pointer")]


def test_another_integration_and_other_stores_are_out_of_sight(api, shop):
    told = api("bulk:run").post(TESTS, asked(shop), key="1").json()

    assert api("bulk:run").get(f"{TESTS}/{told['id']}").status_code == 404
    assert api("rules:read").get(f"{TESTS}/{told['id']}").status_code == 403
    south = api("bulk:run", stores=("south",))
    assert south.post(TESTS, asked(shop, stores=["north"]), key="1").status_code == 404
    own = south.post(TESTS, asked(shop), key="2").json()
    assert own["stores"] == ["south"]
    finish()
    assert south.get(f"{TESTS}/{own['id']}").json()["totals"]["receipts"] == 1
    bound = api("adjustments:request", stores=("south",))
    assert bound.post(BATCHES, asked(shop, reason="x"), key="1").status_code == 404


def test_rows_want_a_dimension_that_exists(api, shop):
    client = api("bulk:run")
    told = client.post(TESTS, asked(shop), key="1").json()

    assert client.get(f"{TESTS}/{told['id']}/rows?dimension=moon").status_code == 400


def people():
    """Two integrations: one asks, the other says yes."""
    scopes = ("adjustments:request", "adjustments:approve")
    return Integrator(new_key(*scopes)), Integrator(new_key(*scopes))


def work():
    while retro_count.run_next() or retro_post.run_next():
        pass


def test_a_retroactive_batch_from_the_question_to_its_undoing(shop):
    author, boss = people()
    told = author.post(BATCHES, asked(shop, reason="Double last January"), key="1")
    assert (told.status_code, told.json()["state"]) == (202, "counting")
    batch = f"{BATCHES}/{told.json()['id']}"
    work()
    counted = author.get(batch).json()
    assert (counted["state"], counted["points_given"], counted["receipts"]) == ("counted", 15, 2)
    first = author.get(f"{batch}/items?limit=1").json()
    assert [item["points"] for item in first["data"]] == [10]
    assert sum_of_wallets() == 15

    assert author.post(f"{batch}/approve", {}, key="2").json()["code"] == "own_approval"
    early = boss.post(f"{batch}/apply", {}, key="1").json()
    assert (early["code"], early["params"]["state"]) == ("retro_batch_state", "counted")
    assert boss.post(f"{batch}/approve", {}, key="2").json()["state"] == "approved"
    for key in ("3", "4"):
        assert boss.post(f"{batch}/apply", {}, key=key).status_code == 202
    work()
    assert boss.get(batch).json()["state"] == "applied"
    assert sum_of_wallets() == 30
    boss.post(f"{batch}/undo", {}, key="5")
    work()

    assert boss.get(batch).json()["state"] == "undone"
    assert sum_of_wallets() == 15
    items = boss.get(f"{batch}/items").json()["data"]
    assert [(one["moved"], one["moved_back"]) for one in items] == [(10, -10), (5, -5)]


def sum_of_wallets():
    return sum(wallet.posted for wallet in Wallet.objects.all())


def test_a_batch_is_dropped_before_it_moves_anything(shop):
    author, _boss = people()
    told = author.post(BATCHES, asked(shop, reason="Oops"), key="1").json()

    dropped = author.post(f"{BATCHES}/{told['id']}/cancel", {}, key="2").json()
    work()

    assert dropped["state"] == "cancelled"
    assert sum_of_wallets() == 15


def test_asking_does_not_allow_approving(api, shop):
    author = api("adjustments:request")
    told = author.post(BATCHES, asked(shop, reason="x"), key="1").json()

    for step in ("approve", "apply", "undo"):
        assert author.post(f"{BATCHES}/{told['id']}/{step}", {}, key=step).status_code == 403


def test_the_same_number_of_queries_for_any_number_of_items(api, shop):
    client = api("adjustments:request")
    told = client.post(BATCHES, asked(shop, reason="x"), key="1").json()
    work()

    def cost(limit):
        with CaptureQueriesContext(connection) as queries:
            client.get(f"{BATCHES}/{told['id']}/items?limit={limit}")
        return len(queries)

    cost(1)
    assert cost(1) == cost(2) <= 4


def sell_tea(client, shop, number, store="north", **parts):
    """Ten dollars' worth of tea at the till; the discount that it got."""
    body = {
        "store": store, "number": number, "occurred_at": shop.today.isoformat(),
        "lines": [{"sku": "tea", "quantity": "1", "price": {"amount": 1000, "currency": "USD"}}],
        **parts,
    }  # fmt: skip
    answer = client.post("/api/v1/purchases", body, key=number)
    assert answer.status_code == 201, answer.content
    return answer.json()["totals"]["discount"]["amount"]


PILOTS = {
    "store": lambda shop: {"stores": ["south"]},
    "member": lambda shop: {"members": [str(shop.anna.member.public_id)]},
    "tag": lambda shop: {"tags": ["vip"]},
}


@pytest.mark.parametrize("of", PILOTS)
def test_a_pilot_gives_to_the_chosen_alone_until_it_ends(api, shop, of):
    MemberTag.objects.create(
        member=shop.anna.member, tag=Tag.objects.create(code="vip", name="VIP"),
        since=shop.today - timedelta(days=1),
    )  # fmt: skip
    shop.live("tea10", {
        "effects": [{"kind": "percent_off", "basis_points": 1000}], "pilot": PILOTS[of](shop),
    })  # fmt: skip
    till, office = api("sales:write"), api("rules:write")
    anna, boris = {"card": shop.anna.number}, {"card": shop.boris.number}

    def given(run):
        return [
            sell_tea(till, shop, f"{run}1", "south", member=boris),
            sell_tea(till, shop, f"{run}2", "north", member=anna),
            sell_tea(till, shop, f"{run}3", "north", member=boris),
            sell_tea(till, shop, f"{run}4", "north"),
        ]

    assert given("a") == ([100, 0, 0, 0] if of == "store" else [0, 100, 0, 0])
    promotion = shop.programme.promotions.get(code="tea10")
    url = f"/api/v1/promotions/{promotion.public_id}/end-pilot"
    ended = office.post(url, {}, key="e1").json()
    assert (ended["state"], ended["number"], "pilot" in ended["definition"]) == ("live", 2, False)

    shop.today = clock.now()
    assert given("b") == [100, 100, 100, 100]
    assert office.post(url, {}, key="e2").json()["params"]["state"] == "no_pilot"


def test_where_two_people_are_needed_the_end_of_a_pilot_waits(api, shop):
    shop.live("tea10", {
        "effects": [{"kind": "percent_off", "basis_points": 1000}], "pilot": {"stores": ["south"]},
    })  # fmt: skip
    Programme.objects.update(promotions_need_review=True)
    promotion = shop.programme.promotions.get(code="tea10")

    ended = api("rules:write").post(
        f"/api/v1/promotions/{promotion.public_id}/end-pilot", {}, key="1"
    )

    assert ended.json()["state"] == "in_review"
    assert promotion.versions.get(state="live").definition["pilot"] == {"stores": ["south"]}
