"""Counted limits through the API: every kind, with figures; voids, returns, holds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection

from loyalty_crm.kernel import clock
from rewards.models import LimitCounter, LimitHold, LimitUse, Wallet
from rewards.rules.limits import key_of
from rewards.services.limits import holds
from rewards.tasks import release_holds
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.limit_tools import (
    BONUS,
    TEN_OFF,
    at,
    books,
    decision,
    limit,
    limited,
    off,
    reserve,
    reword,
    sell,
    used,
)  # fmt: skip
from tests.rewards.till_client import Till, basket, line, purchase

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1", time_zone="UTC")


@pytest.fixture
def card():
    return CardFactory()


@pytest.fixture
def till():
    return Till()


@pytest.fixture(autouse=True)
def _counters_agree(db):
    yield
    assert books() == []


# Each kind


def test_a_total_of_uses(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 2))

    given = [off(sell(till, shop, f"R-{n}")) for n in range(3)]

    assert given == [10_00, 10_00, 0]
    assert used(per="total") == [(2, 0)]


def test_a_total_of_money_gives_its_last_cent_and_no_more(shop, till):
    limited("promo", TEN_OFF, limit("total", "money", 25_00))

    sales = [sell(till, shop, f"R-{n}") for n in range(4)]

    assert [off(one) for one in sales] == [10_00, 10_00, 5_00, 0]
    capped, refused = decision(sales[2]), decision(sales[3])
    assert (capped["outcome"], capped["reason"]) == ("capped", "limit_reached")
    assert capped["params"] == {"wanted": 10_00, "per": "total"}
    assert refused["text"] == "promo: all of its budget is used"


def test_a_total_of_points(shop, card, till):
    limited("promo", BONUS, limit("total", "points", 50))

    sales = [sell(till, shop, f"R-{n}", 10_00, card=card) for n in range(3)]

    assert [one["points"]["earned"] for one in sales] == [10 + 30, 10 + 20, 10]
    assert decision(sales[1])["params"] == {"wanted_points": 30, "per": "total"}


def test_a_members_own_limit_counts_each_member(shop, card, till):
    limited("promo", TEN_OFF, limit("member", "uses", 1))
    other = CardFactory()

    given = [off(sell(till, shop, f"R-{n}", card=who)) for n, who in enumerate([card, card, other])]

    assert given == [10_00, 0, 10_00]
    assert used(per="member") == [(1, 0), (1, 0)]


def test_without_a_card_a_members_own_limit_gives_nothing(shop, till):
    limited("promo", TEN_OFF, limit("member", "uses", 1))

    sold = sell(till, shop, "R-1")

    assert off(sold) == 0
    assert decision(sold)["text"] == "promo: nobody showed a card"


def test_a_member_a_day(shop, card, till):
    limited("promo", TEN_OFF, limit("member_day", "money", 15_00))

    given = [
        off(sell(till, shop, f"R-{n}", card=card, occurred_at=at(days_ago)))
        for n, days_ago in enumerate([3, 3, 3, 2])
    ]

    assert given == [10_00, 5_00, 0, 10_00]


def test_a_day_is_the_stores_own(shop, till):
    limited("promo", TEN_OFF, limit("day", "uses", 1))
    far = StoreFactory(code="S2", time_zone="Pacific/Auckland")  # 12 or 13 hours ahead

    noon = sell(till, shop, "R-1", occurred_at=at(3))
    same_day = sell(till, shop, "R-2", occurred_at=at(3, 22))
    next_day = sell(till, far, "R-3", occurred_at=at(3, 22))

    assert [off(one) for one in (noon, same_day, next_day)] == [10_00, 0, 10_00]
    days = {one["business_date"] for one in (noon, next_day)}
    assert set(LimitCounter.objects.values_list("key", flat=True)) == days


@pytest.mark.parametrize(
    ("period", "key"),
    [("week", "{:%G-W%V}"), ("month", "{:%Y-%m}"), ("quarter", ""), ("year", "{:%Y}")],
)
def test_a_period_of_the_calendar(shop, till, period, key):
    limited("promo", TEN_OFF, limit(period, "uses", 1))
    long_ago = 7 if period == "week" else 31 if period == "month" else 92

    given = [off(sell(till, shop, f"R-{n}", occurred_at=at(days))) for n, days in enumerate([0, 0])]
    before = sell(till, shop, "R-9", occurred_at=at(366 if period == "year" else long_ago))

    assert (given, off(before)) == ([10_00, 0], 10_00)
    today = clock.now()
    name = key.format(today) or f"{today.year}-Q{(today.month + 2) // 3}"
    assert used(key=name) == [(1, 0)]


def test_the_database_names_periods_as_the_rules_do():
    days = [
        datetime(2026, 1, 1),
        datetime(2026, 12, 31),
        datetime(2027, 1, 3),
        datetime(2026, 4, 1),
    ]
    patterns = {"day": "YYYY-MM-DD", "week": 'IYYY-"W"IW', "month": "YYYY-MM",
                "quarter": 'YYYY-"Q"Q', "year": "YYYY"}  # fmt: skip

    with connection.cursor() as cursor:
        for per, pattern in patterns.items():
            cursor.execute(
                "SELECT to_char(d, %s) FROM unnest(%s::timestamp[]) AS d", [pattern, days]
            )
            assert [row[0] for row in cursor] == [key_of(per, day.date()) for day in days]


def test_each_store_has_its_own(shop, till):
    limited("promo", TEN_OFF, limit("store", "uses", 1))
    other = StoreFactory(code="S2")

    given = [off(sell(till, where, f"R-{n}")) for n, where in enumerate([shop, shop, other])]

    assert given == [10_00, 0, 10_00]


def test_a_receipts_own_limit_is_no_counter(shop, till):
    limited("promo", TEN_OFF, limit("receipt", "money", 4_00))

    assert [off(sell(till, shop, f"R-{n}")) for n in range(2)] == [4_00, 4_00]
    assert not LimitCounter.objects.exists()


def test_several_limits_hold_together(shop, card, till):
    limited("promo", TEN_OFF, limit("member", "uses", 2), limit("total", "money", 25_00))
    other = CardFactory()

    given = [
        off(sell(till, shop, f"R-{n}", card=who))
        for n, who in enumerate([card, card, card, other, other])
    ]

    assert given == [10_00, 10_00, 0, 5_00, 0]


def test_what_gave_nothing_used_nothing(shop, card, till):
    limited("promo", {"kind": "earn_rate", "points": 1, "per_minor": 100_00},
            limit("total", "uses", 1), goods={"include": {"skus": ["tea"]}})  # fmt: skip

    sell(till, shop, "R-1", 1_00, card=card)

    assert used(per="total") == []


def test_the_rest_of_a_budget_beats_no_better_offer(shop, till):
    limited("big", {"kind": "percent_off", "basis_points": 5000}, limit("total", "money", 21_00))
    limited("small", {"kind": "percent_off", "basis_points": 1000}, limit("total", "uses", 99))

    prices = [40_00, 40_00, 5_00]
    given = [off(sell(till, shop, f"R-{n}", price)) for n, price in enumerate(prices)]

    assert given == [20_00, 4_00, 1_00]


def test_an_exhausted_offer_does_not_keep_others_from_the_line(shop, till):
    limited("big", {"kind": "percent_off", "basis_points": 5000}, limit("total", "money", 20_00))
    limited("small", {"kind": "percent_off", "basis_points": 1000}, limit("total", "uses", 99))

    given = [off(sell(till, shop, f"R-{n}", 40_00)) for n in range(2)]

    assert given == [20_00, 4_00]


# Versions


def test_a_lower_limit_counts_what_was_used_before(shop, till):
    promo = limited("promo", TEN_OFF, limit("total", "uses", 5))
    given = [off(sell(till, shop, f"R-{n}")) for n in range(3)]

    reword(promo, limit("total", "uses", 2))
    given.append(off(sell(till, shop, "R-8")))
    reword(promo, limit("total", "uses", 4))
    given += [off(sell(till, shop, f"R-9{n}")) for n in range(2)]

    assert given == [10_00] * 3 + [0] + [10_00, 0]
    assert used(per="total") == [(4, 0)]


# Given back


def test_a_void_frees_what_the_sale_used(shop, card, till):
    limited(
        "promo",
        TEN_OFF,
        limit("member", "uses", 1),
        limit("total", "money", 10_00, release="never"),
    )
    sold = sell(till, shop, "R-1", card=card)

    assert till.post(f"purchases/{sold['id']}/void", {}).status_code == 201

    assert used() == [(0, 0), (0, 0)]
    assert off(sell(till, shop, "R-2", card=card)) == 10_00


def test_a_partial_return_keeps_the_use_and_a_full_one_frees_it(shop, till):
    limited(
        "promo", TEN_OFF, limit("total", "uses", 1), limit("day", "money", 10_00, release="never")
    )
    body = purchase(shop, "R-1", line("tea", 25_00, "2"))
    sold = till.post("purchases", body).json()
    refunds = f"purchases/{sold['id']}/refunds"

    till.post(refunds, {"number": "B-1", "lines": [{"line": 1, "quantity": "1"}]})
    assert used(per="total") == [(1, 0)]
    till.post(refunds, {"number": "B-2"})

    assert used(per="total") == [(0, 0)]
    assert used(per="day") == [(10_00, 0)]
    kinds = LimitUse.objects.order_by("id").values_list("kind", "used")
    assert list(kinds) == [("use", 10_00), ("use", 1), ("release", -1)]


# Quotes


def test_a_quote_whose_limit_was_taken_meanwhile_is_stale(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    quoted = till.post("quotes", basket(shop, line("tea", 50_00)), key=None).json()
    sell(till, shop, "R-1")

    late = till.post(
        "purchases", purchase(shop, "R-2", line("tea", 50_00), quote_id=quoted["quote_id"])
    )

    assert (late.status_code, late.json()["code"]) == (409, "quote_stale")
    assert off(late.json()["params"]["quote"]) == 0


def test_a_reserved_quote_keeps_its_room(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    quoted = reserve(till, shop)
    assert quoted["hold"]["limits"] == [
        {"promotion": "promo", "per": "total", "what": "uses", "amount": 1}
    ]
    assert used() == [(0, 1)]

    assert off(sell(till, shop, "R-1")) == 0
    named = {"hold_id": quoted["hold"]["id"], "quote_id": quoted["quote_id"]}
    assert off(sell(till, shop, "R-2", **named)) == 10_00

    assert used() == [(1, 0)]
    assert LimitHold.objects.get().outcome == "captured"
    again = till.post("purchases", purchase(shop, "R-3", line("tea", 50_00), **named))
    assert again.json()["code"] == "hold_resolved"


def test_a_hold_takes_points_and_limits_under_one_name(shop, card, till):
    sell(till, shop, "R-0", 100_00, card=card)
    limited("promo", TEN_OFF, limit("member", "money", 10_00), limit("total", "uses", 9))

    quoted = reserve(till, shop, card=card, redeem={"points": 100})
    wallet = Wallet.objects.get()

    assert (quoted["hold"]["points"], wallet.held) == (100, 100)
    assert sorted(one["amount"] for one in quoted["hold"]["limits"]) == [1, 10_00]
    sold = sell(till, shop, "R-1", card=card, hold_id=quoted["hold"]["id"],
                redeem={"points": 100}, quote_id=quoted["quote_id"])  # fmt: skip
    assert (off(sold), sold["points"]["redeemed"]) == (10_00, 100)
    assert used() == [(10_00, 0), (1, 0)]


def test_a_hold_is_the_callers_own(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    hold = reserve(till, shop)["hold"]["id"]

    other = Till().post("purchases", purchase(shop, "R-1", line("tea", 50_00), hold_id=hold))

    assert other.json()["code"] == "hold_resolved"


def test_a_hold_that_is_over_is_free_again(shop, till, monkeypatch):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    monkeypatch.setattr("rewards.services.checkout.quoting.QUOTE_LIVES", timedelta(seconds=-1))
    quoted = reserve(till, shop)

    # Nothing has freed it yet: the sale does, under the counter's lock.
    assert used() == [(0, 1)]
    assert off(sell(till, shop, "R-1")) == 10_00
    assert (used(), LimitHold.objects.get().outcome) == ([(1, 0)], "expired")
    late = till.post(
        "purchases", purchase(shop, "R-2", line("tea", 50_00), hold_id=quoted["hold"]["id"])
    )
    assert late.json()["code"] == "hold_resolved"


def test_the_clock_frees_holds_that_are_over(shop, till, monkeypatch):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    monkeypatch.setattr("rewards.services.checkout.quoting.QUOTE_LIVES", timedelta(seconds=-1))
    quoted = reserve(till, shop)
    late = till.post(
        "purchases", purchase(shop, "R-2", line("tea", 50_00), hold_id=quoted["hold"]["id"])
    )
    assert late.json()["code"] == "hold_expired"

    assert release_holds() == 1

    assert used() == [(0, 0)]
    assert holds.expire_due() == 0


def test_a_hold_can_be_let_go(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    hold = reserve(till, shop)["hold"]["id"]

    for _ in range(2):
        freed = Till("holds:write").post(f"holds/{hold}/void", {})
        assert freed.status_code == 200, freed.content

    assert used() == [(0, 0)]
    assert freed.json()["status"] == "voided"
    assert off(sell(till, shop, "R-1")) == 10_00


def test_a_hold_that_its_sale_took_is_not_let_go(shop, till):
    limited("promo", TEN_OFF, limit("total", "uses", 1))
    hold = reserve(till, shop)["hold"]["id"]
    sell(till, shop, "R-1", hold_id=hold)

    refused = Till("holds:write").post(f"holds/{hold}/void", {})

    assert (refused.status_code, refused.json()["code"]) == (409, "hold_resolved")
    assert used() == [(1, 0)]
