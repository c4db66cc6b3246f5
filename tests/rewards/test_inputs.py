"""What rules may ask of a sale reaches them from the tables and the till, and only on demand."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock
from members.models import (
    MemberTag,
    PriceList,
    PriceListEntry,
    ProductList,
    Segment,
    SegmentMember,
    StockLevel,
    StoreGroup,
    Tag,
)
from rewards.models import Award
from rewards.services import rule_sets
from rewards.services.awards import giving
from tests.concurrency import race
from tests.factories.members import CardFactory, ProductFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, basket, line, purchase, usd

pytestmark = pytest.mark.django_db
TENTH = {"kind": "percent_off", "basis_points": 1000}
DAY = timedelta(days=1)


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


def promotion(code, effect=TENTH, **parts):
    return make_promotion(rule_sets.default_programme(), code, effect, **parts)


def off(till, shop, *lines, **details):
    """Money off, as the quote says."""
    answer = till.post("quotes", basket(shop, *lines, **details), key=None)
    assert answer.status_code == 200, answer.json()
    return answer.json()["totals"]["discount"]["amount"]


def decision(till, shop, code, *lines, **details):
    answer = till.post("quotes", basket(shop, *lines, **details), key=None).json()
    return next(one for one in answer["decisions"] if one["promotion"] == code)


TEA = line("tea", 10_00)


def test_tags_count_while_they_are_in_force(shop, card, till):
    promotion("vip", when={"kind": "tags", "codes": ["vip"]})
    vip, at = Tag.objects.create(code="vip", name="VIP"), clock.now()

    def worn(source, since, until=None):
        MemberTag.objects.all().delete()
        MemberTag.objects.create(
            member=card.member, tag=vip, source=source, since=since, until=until
        )
        return off(till, shop, TEA, card=card)

    assert off(till, shop, TEA, card=card) == 0
    assert worn("now", at - DAY) == 1_00
    assert worn("over", at - 2 * DAY, at - DAY) == 0
    assert worn("later", at + DAY) == 0
    assert off(till, shop, TEA, card=CardFactory()) == 0


def test_a_late_receipt_is_judged_by_the_tags_of_its_time(shop, card, till):
    promotion("vip", {"kind": "fixed_points", "points": 7},
              when={"kind": "tags", "codes": ["vip"]})  # fmt: skip
    at = clock.now() - timedelta(hours=30)
    vip = Tag.objects.create(code="vip", name="VIP")
    MemberTag.objects.create(member=card.member, tag=vip, since=at - DAY, until=at + DAY / 24)

    def earned(number, moment):
        body = purchase(shop, number, TEA, card=card, occurred_at=moment.isoformat())
        operation = {"kind": "purchase", "key": f"late-{number}", "purchase": body}
        answer = till.post("sync/batches", {"operations": [operation]}, key=None).json()
        return answer["results"][0]["body"]["points"]["earned"]

    assert [earned("R-1", at), earned("R-2", at + DAY)] == [17, 10]


def test_segments_are_lists_of_members(shop, card, till):
    promotion("golden", when={"kind": "segments", "codes": ["golden"]})
    segment = Segment.objects.create(code="golden", name="Golden")
    assert off(till, shop, TEA, card=card) == 0

    SegmentMember.objects.create(segment=segment, member=card.member)

    assert off(till, shop, TEA, card=card) == 1_00
    assert off(till, shop, TEA, card=CardFactory()) == 0


def test_a_member_without_a_tier_has_none_of_them(shop, card, till):
    promotion("gold", when={"kind": "tiers", "codes": ["gold"]})

    assert decision(till, shop, "gold", TEA, card=card)["reason"] == "tier"


def test_store_groups_name_stores(shop, till):
    promotion("north", when={"kind": "store_groups", "codes": ["north"]})
    group = StoreGroup.objects.create(code="north", name="North")
    assert off(till, shop, TEA) == 0

    group.stores.add(shop)

    assert off(till, shop, TEA) == 1_00
    assert off(till, StoreFactory(code="S2"), TEA) == 0


def test_lists_and_attributes_choose_goods(shop, till):
    promotion("listed", goods={"include": {"lists": ["summer"]}})
    promotion("red", {"kind": "percent_off", "basis_points": 2000},
              goods={"include": {"attributes": {"colour": ["red"]}}})  # fmt: skip
    hat = ProductFactory(sku="hat")
    ProductFactory(sku="cap", attributes={"colour": "red"})
    ProductFactory(sku="bag", attributes={"colour": "blue"})
    ProductList.objects.create(code="summer", name="Summer").products.add(hat)

    quoted = till.post(
        "quotes",
        basket(shop, *[line(sku, 10_00) for sku in ("hat", "cap", "bag", "tea")]),
        key=None,
    ).json()

    assert [one["discount"]["amount"] for one in quoted["lines"]] == [1_00, 2_00, 0, 0]


def test_members_pay_their_prices_and_others_are_told(shop, card, till):
    promotion("club", {"kind": "price_list", "code": "club"}, when={"kind": "card", "shown": True})
    club = PriceList.objects.create(code="club", name="Club")
    PriceListEntry.objects.create(
        price_list=club, product=ProductFactory(sku="milk"), price_minor=99
    )
    goods = [line("milk", 1_29, "10"), line("bread", 2_00)]

    # 10 x (1.29 - 0.99)
    assert off(till, shop, *goods, card=card) == 3_00
    missed = decision(till, shop, "club", *goods)
    assert (missed["reason"], missed["near"], missed["params"]) == (
        "with_card",
        True,
        {"lost": 300},
    )
    assert missed["text"] == "club: $3.00 less with a card"
    # What the price list does not name, a card would not make cheaper.
    assert decision(till, shop, "club", goods[1])["reason"] == "card_required"


def test_a_card_is_not_promised_what_takes_more_than_a_card(shop, till):
    promotion("rich", when={"all": [{"kind": "card", "shown": True},
                                    {"kind": "basket_total", "amount_minor": 50_00}]})  # fmt: skip
    promotion("vip", when={"all": [{"kind": "card", "shown": True},
                                   {"kind": "tags", "codes": ["vip"]}]})  # fmt: skip
    quoted = till.post("quotes", basket(shop, TEA), key=None).json()

    assert "with_card" not in {one["reason"] for one in quoted["decisions"]}


def test_a_quote_for_a_tender_holds_for_that_tender(shop, till):
    promotion("own", when={"kind": "tender", "kinds": ["own_card"]})
    body = basket(shop, TEA)
    assert off(till, shop, TEA) == 0
    quoted = till.post("quotes", {**body, "pay_by": ["own_card"]}, key=None).json()
    assert quoted["totals"]["total"] == usd(9_00)

    def sell(number, kind, total, quote=quoted):
        tenders = [{"kind": kind, "amount": usd(total)}]
        sale = purchase(shop, number, TEA, tenders=tenders, quote_id=quote["quote_id"])
        return till.post("purchases", sale)

    other = sell("R-1", "cash", 10_00)
    kept = sell("R-2", "own_card", 9_00)

    assert (other.status_code, other.json()["code"]) == (409, "quote_stale")
    assert other.json()["params"]["quote"]["totals"]["total"] == usd(10_00)
    assert (kept.status_code, kept.json()["totals"]["total"]) == (201, usd(9_00))


def test_a_quote_for_a_tender_is_stale_for_another_even_at_the_same_price(shop, till):
    quoted = till.post("quotes", basket(shop, TEA, pay_by=["card"]), key=None).json()
    silent = till.post("quotes", basket(shop, TEA), key=None).json()
    cash = [{"kind": "cash", "amount": usd(10_00)}]

    named = till.post(
        "purchases", purchase(shop, "R-1", TEA, tenders=cash, quote_id=quoted["quote_id"])
    )
    unnamed = till.post(
        "purchases", purchase(shop, "R-1", TEA, tenders=cash, quote_id=silent["quote_id"])
    )

    assert named.json()["code"] == "quote_stale"
    assert unnamed.status_code == 201


def test_tenders_that_are_planned_twice_or_in_another_order_are_the_same(shop, till):
    quoted = till.post("quotes", basket(shop, TEA, pay_by=["card", "cash", "card"]), key=None)
    tenders = [{"kind": "cash", "amount": usd(4_00)}, {"kind": "card", "amount": usd(6_00)}]

    sold = till.post(
        "purchases",
        purchase(shop, "R-1", TEA, tenders=tenders, quote_id=quoted.json()["quote_id"]),
    )

    assert sold.status_code == 201


@pytest.mark.parametrize(
    "bad", [{"pay_by": "card"}, {"pay_by": [""]}, {"pay_by": ["x"] * 21}, {"gifts": ["x"] * 51}]
)
def test_tenders_and_gifts_have_a_shape(shop, till, bad):
    assert till.post("quotes", basket(shop, TEA, **bad), key=None).status_code == 400


def test_labels_and_payers_reach_the_answers(shop, card, till):
    promotion(
        "milk",
        labels={
            "receipt": {"en": "Milk week", "ru": "Неделя молока"},
            "cashier": {"en": "Offer a second pack", "ru": "Предложите вторую пачку"},
        },
        funding={"party": "brand", "code": "dairy"},
    )
    body = basket(shop, TEA, card=card)
    quoted = till.post("quotes", body, key=None).json()
    in_russian = till.integrator.post("/api/v1/quotes", body, None, Accept_Language="ru").json()
    sold = till.post("purchases", purchase(shop, "R-1", TEA, card=card)).json()

    [said] = [one for one in quoted["decisions"] if one["promotion"] == "milk"]
    [russian] = [one for one in in_russian["decisions"] if one["promotion"] == "milk"]
    assert (said["label"], said["message"]) == ("Milk week", "Offer a second pack")
    assert (russian["label"], russian["message"]) == (
        "Неделя молока",
        "Предложите вторую пачку",
    )
    assert said["labels"]["receipt"] == {"en": "Milk week", "ru": "Неделя молока"}
    assert said["funding"] == {"party": "brand", "code": "dairy"}
    assert next(one for one in sold["decisions"] if one["promotion"] == "milk") == said
    [base] = [one for one in quoted["decisions"] if one["promotion"] == "base"]
    assert (base["label"], base["funding"]) == ("", None)


def test_points_name_their_payer_on_the_line(shop, card, till):
    promotion("gift", {"kind": "fixed_points", "points": 5},
              funding={"party": "partner", "code": "bank"})  # fmt: skip

    sold = till.post("purchases", purchase(shop, "R-1", TEA, card=card)).json()
    shown = till.get(f"purchases/{sold['id']}").json()

    payers = {one["promotion"]: one["funding"] for one in sold["lines"][0]["grants"]}
    assert payers == {"base": None, "gift": {"party": "partner", "code": "bank"}}
    assert shown["lines"] == sold["lines"]


def test_shops_without_such_rules_pay_nothing_and_others_no_query_more(shop, card, till):
    def statements():
        with CaptureQueriesContext(connection) as seen:
            till.post("quotes", basket(shop, TEA, card=card), key=None)
        return len(seen)

    statements()
    without = statements()
    promotion("all", when={"all": [
        {"kind": "tags", "codes": ["vip"]}, {"kind": "segments", "codes": ["golden"]},
        {"kind": "store_groups", "codes": ["north"]}, {"kind": "tiers", "codes": ["gold"]},
    ]}, goods={"include": {"lists": ["summer"], "attributes": {"colour": ["red"]}}})  # fmt: skip
    promotion("gift", {"kind": "gift", "skus": ["mug"]})
    promotion("club", {"kind": "price_list", "code": "club"})
    statements()

    assert statements() == without


# The last piece of a gift

TILLS = 8


def last_gift(shop):
    make_promotion(rule_sets.default_programme(), "gift", {"kind": "gift", "skus": ["mug"]})
    StockLevel.objects.create(store=shop, product=ProductFactory(sku="mug"), quantity=1)
    tills = [Till() for _ in range(TILLS)]
    for till in tills:  # the rules are compiled before the race
        assert till.post("quotes", basket(shop, TEA), key=None).json()["awards"]
    return [
        partial(till.post, "purchases", purchase(shop, f"R-{n}", TEA))
        for n, till in enumerate(tills)
    ]


@pytest.mark.django_db(transaction=True)
def test_the_last_gift_is_given_once(shop):
    done = race(last_gift(shop))

    assert not done.errors
    assert done.overlap > 2
    assert [one.status_code for one in done.results] == [201] * TILLS
    assert sorted(len(one.json()["awards"]) for one in done.results) == [0] * (TILLS - 1) + [1]
    assert (Award.objects.count(), StockLevel.objects.get().quantity) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_control_without_the_conditional_update_the_last_gift_is_given_again(shop):
    unguarded = giving._GIVE.replace("AND l.quantity >= level.pieces", "AND FALSE").replace(
        "(SELECT count(*) FROM level) = (SELECT count(*) FROM taken)", "TRUE"
    )
    with patch.object(giving, "_GIVE", unguarded):
        race(last_gift(shop))

    assert Award.objects.count() > 1


@pytest.mark.django_db(transaction=True)
def test_the_database_itself_refuses_stock_below_zero(shop):
    unguarded = giving._GIVE.replace("AND l.quantity >= level.pieces", "")
    with patch.object(giving, "_GIVE", unguarded):
        done = race(last_gift(shop))

    assert Award.objects.count() == 1
    assert StockLevel.objects.get().quantity == 0
    assert {one.status_code for one in done.results} != {201}
