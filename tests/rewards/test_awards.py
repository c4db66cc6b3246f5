"""What sales give besides points: fulfilled, recorded, shown, and taken back with the goods."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.models import OutboxEvent
from members.models import MemberTag, StockLevel, Tag
from rewards.models import Award, AwardBalance, AwardMove, AwardRevocation, Coupon
from rewards.services import rule_sets
from tests.api import Integrator, new_key
from tests.factories.members import CardFactory, ProductFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, basket, line, purchase

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1")


@pytest.fixture
def card():
    return CardFactory()


@pytest.fixture
def till():
    return Till()


def promotion(code, effect, **parts):
    return make_promotion(rule_sets.default_programme(), code, effect, **parts)


def sell(till, shop, *lines, number="R-1", **details):
    answer = till.post("purchases", purchase(shop, number, *lines, **details))
    assert answer.status_code == 201, answer.json()
    return answer.json()


def give_back(till, sold, number="B-1", **what):
    answer = till.post(f"purchases/{sold['id']}/refunds", {"number": number, **what})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def said(awards):
    return {(one["kind"], one["code"]): one["amount"] for one in awards}


def balances():
    return {(one.kind, one.code): one.balance for one in AwardBalance.objects.all()}


def stock_of(shop, **quantities):
    for sku, quantity in quantities.items():
        StockLevel.objects.create(store=shop, product=ProductFactory(sku=sku), quantity=quantity)


def left(sku):
    return StockLevel.objects.get(product__sku=sku).quantity


def test_every_kind_is_recorded_answered_and_told(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup", "per": "item"})
    promotion("tickets", {"kind": "draw_tickets", "code": "car", "per": "amount",
                          "per_minor": 7_00})  # fmt: skip
    promotion("plays", {"kind": "game_plays", "code": "wheel", "count": 2})
    promotion("green", {"kind": "charity", "code": "trees", "basis_points": 150})
    promotion("van", {"kind": "free_delivery"})
    promotion("hello", {"kind": "message", "to": "receipt", "text": {"en": "Hi", "ru": "Привет"}})
    promotion("vip", {"kind": "tag", "code": "vip", "valid_days": 30})

    sold = sell(till, shop, line("tea", 10_00, "3"), card=card)

    # 3 pieces; 30.00 holds 7.00 four times; 1.5 % of 30.00 is 45.
    assert said(sold["awards"]) == {
        ("stamps", "cup"): 3, ("draw_tickets", "car"): 4, ("game_plays", "wheel"): 2,
        ("charity", "trees"): 45, ("free_delivery", ""): 1, ("message", ""): 1, ("tag", "vip"): 1,
    }  # fmt: skip
    assert till.get(f"purchases/{sold['id']}").json()["awards"] == sold["awards"]
    assert balances() == {
        ("stamps", "cup"): 3, ("draw_tickets", "car"): 4, ("game_plays", "wheel"): 2,
    }  # fmt: skip
    told = OutboxEvent.objects.filter(kind="award.given").values_list("data__kind", flat=True)
    assert len(told) == 7
    [worn] = MemberTag.objects.all()
    assert (worn.tag_id, worn.until - worn.since) == ("vip", timedelta(days=30))
    [text] = [one["text"] for one in sold["awards"] if one["kind"] == "message"]
    assert text == {"en": "Hi", "ru": "Привет"}


def test_a_quote_gives_nothing(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup"})

    quoted = till.post("quotes", basket(shop, line("tea", 10_00), card=card), key=None).json()

    assert said(quoted["awards"]) == {("stamps", "cup"): 1}
    assert quoted["awards"][0]["id"] is None
    assert not Award.objects.exists()


def test_returns_take_back_what_the_goods_kept_do_not_deserve(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup", "per": "item"})
    promotion("big", {"kind": "tag", "code": "big"},
              when={"kind": "basket_total", "amount_minor": 25_00})  # fmt: skip
    sold = sell(till, shop, line("tea", 10_00, "3"), card=card)
    assert MemberTag.objects.count() == 1

    first = give_back(till, sold, lines=[{"line": 1, "quantity": "1"}])
    second = give_back(till, sold, "B-2")

    # 20.00 is under 25.00: the tag goes with the first piece, one stamp with each.
    assert said(first["refund"]["awards_taken_back"]) == {("stamps", "cup"): 1, ("tag", "big"): 1}
    assert said(second["refund"]["awards_taken_back"]) == {("stamps", "cup"): 2}
    assert not MemberTag.objects.exists()
    assert balances() == {("stamps", "cup"): 0}
    assert sorted(one["taken_back"] for one in second["purchase"]["awards"]) == [1, 3]
    assert sorted(AwardRevocation.objects.values_list("amount", flat=True)) == [1, 1, 2]
    assert OutboxEvent.objects.filter(kind="award.taken_back").count() == 3


def test_a_void_takes_everything_back_and_a_repeat_no_more(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup", "per": "item"})
    sold = sell(till, shop, line("tea", 10_00, "3"), card=card)

    done = till.post(f"purchases/{sold['id']}/void", {}).json()
    again = till.post(f"purchases/{sold['id']}/void", {})

    assert said(done["refund"]["awards_taken_back"]) == {("stamps", "cup"): 3}
    assert (again.status_code, balances()) == (200, {("stamps", "cup"): 0})


def test_a_tag_from_elsewhere_outlives_the_award(shop, card, till):
    MemberTag.objects.create(member=card.member, tag=Tag.objects.create(code="vip", name="VIP"))
    promotion("vip", {"kind": "tag", "code": "vip"})
    sold = sell(till, shop, line("tea", 10_00), card=card)
    assert MemberTag.objects.count() == 2

    give_back(till, sold)

    assert [one.source for one in MemberTag.objects.all()] == ["manual"]


def test_the_chosen_gift_leaves_the_stock_and_comes_back(shop, till):
    stock_of(shop, mug=2, cap=1)
    promotion("gift", {"kind": "gift", "skus": ["mug", "cap"]})

    offered = till.post("quotes", basket(shop, line("tea", 10_00)), key=None).json()
    sold = sell(till, shop, line("tea", 10_00), gifts=["cap"])
    after = till.post("quotes", basket(shop, line("tea", 10_00)), key=None).json()

    assert (offered["awards"][0]["code"], offered["awards"][0]["choices"]) == ("", ["mug", "cap"])
    assert (sold["awards"][0]["code"], left("cap"), left("mug")) == ("cap", 0, 2)
    assert after["awards"][0]["choices"] == ["mug"]
    give_back(till, sold)
    assert left("cap") == 1


def test_a_gift_that_nobody_chose_stays_in_the_store(shop, till):
    stock_of(shop, mug=2, cap=1)
    promotion("gift", {"kind": "gift", "skus": ["mug", "cap"]})

    sold = sell(till, shop, line("tea", 10_00))

    assert (sold["awards"][0]["code"], left("mug"), left("cap")) == ("", 2, 1)


def test_a_quoted_gift_that_is_gone_makes_the_quote_stale(shop, till):
    stock_of(shop, mug=1)
    promotion("gift", {"kind": "gift", "skus": ["mug"]})
    quoted = till.post("quotes", basket(shop, line("tea", 10_00)), key=None).json()
    sell(till, shop, line("tea", 10_00))
    assert left("mug") == 0

    late = till.post(
        "purchases", purchase(shop, "R-2", line("tea", 10_00), quote_id=quoted["quote_id"])
    )

    assert (late.status_code, late.json()["code"]) == (409, "quote_stale")
    decisions = late.json()["params"]["quote"]["decisions"]
    assert {one["reason"] for one in decisions if one["promotion"] == "gift"} == {"out_of_stock"}
    assert Award.objects.count() == 1


def test_a_coupon_for_the_next_visit_is_issued_and_ended(shop, card, till):
    promotion("again", {"kind": "percent_off", "basis_points": 1000}, coupon={"required": True})
    promotion("come", {"kind": "next_coupon", "code": "again", "valid_days": 14})

    sold = sell(till, shop, line("tea", 10_00), card=card)

    [award] = sold["awards"]
    coupon = Coupon.objects.get()
    assert (award["coupons"], coupon.member_id) == ([coupon.code], card.member_id)
    assert award["until"] is not None
    give_back(till, sold)
    coupon.refresh_from_db()
    assert coupon.revoked_at is not None


def test_a_coupon_that_cannot_be_issued_does_not_stop_the_sale(shop, card, till):
    promotion("come", {"kind": "next_coupon", "code": "nowhere"})

    sold = sell(till, shop, line("tea", 10_00), card=card)

    assert (sold["awards"][0]["problem"], sold["awards"][0]["coupons"]) == ("promotion_unknown", [])
    assert Award.objects.get().detail["problem"] == "promotion_unknown"


def test_a_batch_gives_what_single_sales_give(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup", "per": "item"})
    bodies = [purchase(shop, f"R-{n}", line("tea", 10_00, str(n)), card=card) for n in (1, 2, 3)]
    operations = [
        {"key": f"give-{n}", "kind": "purchase", "purchase": body} for n, body in enumerate(bodies)
    ]

    answer = till.post("sync/batches", {"operations": operations}, key=None)

    assert answer.status_code == 200, answer.json()
    given = [one["body"]["awards"] for one in answer.json()["results"]]
    assert [said(one) for one in given] == [{("stamps", "cup"): n} for n in (1, 2, 3)]
    assert balances() == {("stamps", "cup"): 6}


def test_sales_without_awards_cost_no_statement_more(shop, card, till):
    def statements(number):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            sell(till, shop, line("tea", 10_00), number=number, card=card)
        return len(seen)

    statements("R-0")
    without = statements("R-1")
    promotion("stamps", {"kind": "stamps", "code": "cup"})
    statements("R-2")  # compiles the new rules

    # One writes what was given, one asks whether there is a card for these stamps.
    assert statements("R-3") == without + 2


def test_awards_of_a_member_are_listed_newest_first(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup"})
    for number in ("R-1", "R-2", "R-3"):
        sell(till, shop, line("tea", 10_00), number=number, card=card)
    sell(till, shop, line("tea", 10_00), number="R-4", card=CardFactory())
    reader = Integrator(new_key("wallets:read"))
    url = f"/api/v1/members/{card.member.public_id}"

    with CaptureQueriesContext(connection) as seen:
        page = reader.get(f"{url}/awards?limit=2").json()
    rest = reader.get(f"{url}/awards?limit=2&after={page['next']}").json()

    assert len(seen) <= 6
    assert [len(page["data"]), len(rest["data"]), rest["has_more"]] == [2, 1, False]
    assert page["data"][0]["occurred_at"] > rest["data"][0]["occurred_at"]
    assert page["data"][0]["award"]["code"] == "cup"
    shown = reader.get(f"{url}/award-balances").json()["data"]
    assert shown == [{"kind": "stamps", "code": "cup", "balance": 3}]


def test_awards_are_for_keys_that_may_read_wallets(card):
    stranger = Integrator(new_key("sales:read"))
    reader = Integrator(new_key("wallets:read"))

    for name in ("awards", "award-balances"):
        url = f"/api/v1/members/{card.member.public_id}/{name}"
        assert stranger.get(url).status_code == 403
        assert reader.get(url).status_code == 200
        nobody = url.replace(str(card.member.public_id)[:8], "00000000")
        assert reader.get(nobody).status_code == 404


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rewards_awardbalance SET balance = 100",
        "UPDATE rewards_awardmove SET amount = 100",
        "DELETE FROM rewards_awardmove",
        "DELETE FROM rewards_award",
        "UPDATE rewards_award SET amount = 100",
        "UPDATE rewards_awardrevocation SET amount = 100",
    ],
)
def test_the_database_keeps_the_books_of_awards(shop, card, till, statement):
    promotion("stamps", {"kind": "stamps", "code": "cup"})
    sell(till, shop, line("tea", 10_00), card=card)

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement)

    assert sum(AwardMove.objects.values_list("amount", flat=True)) == balances()["stamps", "cup"]


def test_a_printed_receipt_gets_stamps_and_nothing_that_is_handed_over(shop, card, till):
    promotion("stamps", {"kind": "stamps", "code": "cup"})
    promotion("gift", {"kind": "gift", "skus": ["mug"]})
    promotion("van", {"kind": "free_delivery"})
    late = (clock.now() - timedelta(hours=30)).isoformat()

    def given(number, **details):
        body = purchase(shop, number, line("tea", 10_00), card=card, occurred_at=late, **details)
        operation = {"key": f"printed-{number}", "kind": "purchase", "purchase": body}
        answer = till.post("sync/batches", {"operations": [operation]}, key=None).json()
        return {kind for kind, _ in said(answer["results"][0]["body"]["awards"])}

    assert given("R-1") == {"stamps"}
    assert given("R-2", gifts=["mug"]) == {"stamps", "gift", "free_delivery"}


def test_one_sale_issues_ten_coupons_at_most(shop, card, till):
    promotion("again", {"kind": "percent_off", "basis_points": 1000}, coupon={"required": True})
    promotion("come", {"kind": "next_coupon", "code": "again", "per": "item"})

    sold = sell(till, shop, line("tea", 1_00, "12"), card=card)
    first = give_back(till, sold, lines=[{"line": 1, "quantity": "3"}])

    assert len(sold["awards"][0]["coupons"]) == Coupon.objects.count() == 10
    # Nine pieces stay: the last coupon goes.
    assert said(first["refund"]["awards_taken_back"]) == {("next_coupon", "again"): 1}
    ended = Coupon.objects.exclude(revoked_at=None).get()
    assert ended.code == sold["awards"][0]["coupons"][-1]


def test_pledges_are_summed_by_charity_and_day(shop, till):
    promotion("green", {"kind": "charity", "code": "trees", "basis_points": 150})
    promotion("kind", {"kind": "charity", "code": "dogs", "amount_minor": 10})
    sell(till, shop, line("tea", 10_00, "3"))
    sold = sell(till, shop, line("tea", 10_00), number="R-2")
    give_back(till, sold)
    today = clock.now().date()

    def totals(first, end):
        answer = till.get(f"pledges?from={first}&to={end}")
        assert answer.status_code == 200, answer.json()
        return [
            (one["charity"], one["pledged"]["amount"], one["net"]["amount"], one["sales"])
            for one in answer.json()["data"]
        ]

    # 1.5 % of 30.00 and of 10.00, which came back with its 10.
    assert totals(today, today + timedelta(days=1)) == [("dogs", 20, 10, 2), ("trees", 60, 45, 2)]
    assert totals(today - timedelta(days=1), today) == []
    assert till.get("pledges?from=soon&to=later").status_code == 400
    assert Till("sales:write").get(f"pledges?from={today}&to={today}").status_code == 403
