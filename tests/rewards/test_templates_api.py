"""The usual offers, each from its template over the API to the till, with figures by hand.

Prices are in minor units: 10_00 is 10.00. The base rule gives 1 point for every
1.00 of what is paid in money, rounded down; a point is worth 0.01.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from loyalty_crm.kernel import clock
from members.models import PriceList, PriceListEntry, StockLevel
from rewards.rules.templates import TEMPLATES, by_code
from tests.rewards.shop import Shop, days_ago, last
from tests.rewards.till_client import line

pytestmark = pytest.mark.django_db
MONDAY, WEDNESDAY, SATURDAY = 1, 3, 6


@pytest.fixture
def shop():
    return Shop()


def test_cheapest_free(shop):
    shop.sells("tea", "green", "black", "mint")
    shop.offers("cheapest_free")

    hit = shop.sell(line("green", 4_00), line("black", 3_00), line("mint", 5_00))
    near = shop.quote(line("green", 4_00), line("black", 3_00))

    # 4.00 + 5.00; black tea at 3.00 is the cheapest of the three. 9 points for 9.00.
    assert (hit.total, hit.nets, hit.points) == (9_00, [4_00, 0, 5_00], 9)
    assert (near.total, near.of("cheapest_free")["near"]) == (7_00, True)
    assert near.says("cheapest_free") == "cheapest_free: 1 more item to get it"
    # The dearest comes back: 5.00 and its 5 points; 4 points are left of 9.
    assert shop.take_back(hit, line_3="1") == {"money": 5_00, "points": 5}


def test_happy_hours(shop):
    shop.offers("happy_hours")

    hit = shop.quote(line("cake", 3_33), occurred_at=last(MONDAY, "15:00"))
    late = shop.quote(line("cake", 3_33), occurred_at=last(MONDAY, "17:00"))
    other_day = shop.quote(line("cake", 3_33), occurred_at=last(WEDNESDAY, "15:00"))

    # 15 % of 3.33 is 0.4995, half up 0.50: 3.33 - 0.50 = 2.83. At 17:00 it is over.
    assert [each.total for each in (hit, late, other_day)] == [2_83, 3_33, 3_33]
    assert late.says("happy_hours") == "happy_hours applies from 15:00 to 17:00"
    assert other_day.says("happy_hours") == "happy_hours applies on: Monday"


def test_double_points(shop):
    shop.offers("double_points")

    hit = shop.sell(line("rice", 6_20, "2"), occurred_at=last(WEDNESDAY))
    miss = shop.quote(line("rice", 6_20, "2"), occurred_at=last(SATURDAY))

    # 12.40 earns 12.4 points: 12 as the base, and 12.4 once more, rounded down: 12.
    assert (hit.points, miss.points) == (24, 12)
    # One of two comes back: 6.20 is left, 6 + 6 of 24 points stay.
    assert shop.take_back(hit, line_1="1") == {"money": 6_20, "points": 12}


def test_birthday(shop):
    soon = clock.now().date() + timedelta(days=3)
    shop.card.member.birth_date = _born_on(soon)
    shop.card.member.save(update_fields=["birth_date"])
    shop.offers("birthday")

    hit = shop.quote(line("cake", 12_49))
    day_too_early = shop.quote(line("cake", 12_49), occurred_at=days_ago(1))
    unknown = shop.quote(line("cake", 12_49), card=False)

    # 20 % of 12.49 is 2.498, half up 2.50.
    assert [one.total for one in (hit, day_too_early, unknown)] == [9_99, 12_49, 12_49]
    assert day_too_early.says("birthday") == "birthday applies around the member's birthday"
    assert unknown.says("birthday") == "birthday needs a card"


def _born_on(day: date) -> date:
    """1992 was a leap year: every day of the calendar is in it."""
    return day.replace(year=1992)


def test_welcome(shop):
    shop.offers("welcome")

    near = shop.quote(line("tea", 7_50))
    first = shop.sell(line("tea", 10_00))
    second = shop.quote(line("tea", 10_00))

    # 10 points for 10.00 and 300 on top, once in a life. 7.50 earns 7: 2.50 is missing.
    assert (near.points, first.points, second.points) == (7, 310, 10)
    assert near.says("welcome") == "welcome: $2.50 more in the basket to get it"
    assert second.says("welcome") == "welcome is for another purchase than this one"
    # All comes back, and the welcome with it.
    assert shop.take_back(first, line_1="1") == {"money": 10_00, "points": 310}


def test_second_purchase(shop):
    shop.offers("second_purchase")
    shop.sell(line("tea", 5_00), occurred_at=days_ago(14))

    second = shop.sell(line("tea", 5_05), line("bun", 2_20))
    third = shop.quote(line("tea", 5_05))

    # 10 % of 7.25 is 0.725, half up 0.73, spread 5.05 : 2.20 = 0.508 + 0.222 = 0.51 + 0.22.
    assert (second.total, second.nets) == (6_52, [4_54, 1_98])
    assert third.total == 5_05


def test_second_purchase_comes_too_late(shop):
    shop.offers("second_purchase")
    shop.sell(line("tea", 5_00), occurred_at=days_ago(15))

    late = shop.quote(line("tea", 5_00))

    assert late.total == 5_00
    assert late.says("second_purchase") == (
        "second_purchase: the last purchase was at another time"
    )


def test_category_push(shop):
    shop.sells("fruit", "apple")
    shop.sells("home", "soap")
    shop.offers("category_push")

    hit = shop.sell(line("apple", 2_30, "3"), line("soap", 4_00))
    miss = shop.quote(line("soap", 4_00))

    # Base: 6.90 + 4.00 = 10.90 is 10 points. Apples: 6.90 x 5 = 34.5, down to 34.
    assert (hit.points, hit.of("category_push")["points"]) == (44, 34)
    assert miss.points == 4
    # One apple back: 8.60 left is 8 base points, 4.60 x 5 = 23. 44 - 31 = 13.
    assert shop.take_back(hit, line_1="1") == {"money": 2_30, "points": 13}


def test_bundle_price(shop):
    shop.sells("sandwiches", "ham", "cheese")
    shop.sells("drinks", "juice")
    shop.offers("bundle_price")

    hit = shop.sell(line("ham", 4_00), line("cheese", 3_50), line("juice", 2_00))
    near = shop.quote(line("ham", 4_00))

    # The dearer sandwich goes into the set: 4.00 + 2.00 for 5.00. 1.00 off is spread 4 : 2,
    # 0.67 + 0.33. The cheese sandwich keeps its price: 5.00 + 3.50 = 8.50.
    assert (hit.total, hit.nets) == (8_50, [3_33, 3_50, 1_67])
    assert near.total == 4_00
    assert near.of("bundle_price")["near"] is True
    # The juice goes back at what it cost in the set.
    assert shop.take_back(hit, line_3="1")["money"] == 1_67


def test_fuel_discount(shop):
    shop.sells("fuel", "diesel")
    shop.offers("fuel_discount")

    hit = shop.sell(line("diesel", 1_79, "41.337"), line("coffee", 2_50))

    # 41.337 l x 1.79 = 73.99323, printed 73.99. 41.337 x 0.03 = 1.24011, half up 1.24.
    assert hit.nets == [72_75, 2_50]
    # 75.25 earns 75.
    assert (hit.total, hit.points) == (75_25, 75)
    assert shop.quote(line("coffee", 2_50)).total == 2_50


def test_discount_card(shop):
    shop.offers("discount_card")
    shop.sell(line("sofa", 99_99), occurred_at=days_ago(5))

    below = shop.quote(line("lamp", 33_33))
    bought = shop.sell(line("lamp", 400_01), occurred_at=days_ago(4))
    third = shop.quote(line("lamp", 33_33))

    # 99.99 is one cent short of the first step. With 400.01 it is 500.00: 5 % of 33.33
    # is 1.6665, half up 1.67.
    assert (below.total, bought.total, third.total) == (33_33, 400_01, 31_66)
    assert below.says("discount_card") == "discount_card: the member has bought too little before"
    assert below.of("discount_card")["params"]["missing"] == 1
    # A bed for 600.00 that came back again counts for nothing: still 5 %, not 7 %.
    shop.take_back(shop.sell(line("bed", 600_00), occurred_at=days_ago(3)), line_1="1")
    assert shop.quote(line("lamp", 33_33)).total == 31_66


def test_discount_card_needs_a_card(shop):
    shop.offers("discount_card")

    assert shop.quote(line("lamp", 33_33), card=False).says("discount_card") == (
        "discount_card needs a card"
    )


def test_buy_get(shop):
    shop.sells("machines", "coffee-maker")
    shop.sells("coffee", "beans", "pods")
    shop.offers("buy_get")

    hit = shop.sell(line("coffee-maker", 89_00), line("beans", 12_99), line("pods", 4_49))
    near = shop.quote(line("coffee-maker", 89_00))

    # One machine: one coffee, the cheaper one, at half its 4.49: 2.245 off, half up 2.25.
    assert (hit.total, hit.nets) == (104_23, [89_00, 12_99, 2_24])
    assert near.says("buy_get") == "buy_get: put in what comes cheaper with it"


def test_second_cheaper(shop):
    shop.sells("shoes", "boots", "sandals", "slippers")
    shop.offers("second_cheaper")

    hit = shop.sell(line("boots", 120_00), line("sandals", 49_99), line("slippers", 19_90))
    near = shop.quote(line("boots", 120_00))

    # In a row: 120.00, 49.99, 19.90. The second, 49.99, loses 24.995, half up 25.00; the
    # third begins a pair that has no second.
    assert (hit.total, hit.nets) == (164_89, [120_00, 24_99, 19_90])
    assert near.says("second_cheaper") == "second_cheaper: 1 more item to get it"


def test_ladder(shop):
    shop.sells("wine", "red", "white")
    shop.offers("ladder")

    five = shop.quote(line("red", 9_99, "3"), line("white", 7_49, "2"))
    six = shop.quote(line("red", 9_99, "3"), line("white", 7_49, "3"))
    one = shop.quote(line("red", 9_99))

    # Five: 29.97 + 14.98 = 44.95, 10 % is 4.495, half up 4.50.
    # Six: 29.97 + 22.47 = 52.44, 15 % is 7.866, 7.87. One: 5 % begins at two.
    assert [each.total for each in (five, six, one)] == [40_45, 44_57, 9_99]
    assert one.says("ladder") == "ladder: 1 more item to get it"


def test_cashback(shop):
    shop.offers("cashback")

    hit = shop.sell(line("phone", 199_90))
    no_card = shop.quote(line("phone", 199_90), card=False)

    # 5 % of 199.90 is 9.995 = 999.5 points, down to 999; the base rule gives 199 more.
    assert (hit.points, no_card.points) == (1_198, 0)
    assert no_card.says("cashback") == "cashback: nobody showed a card"


def test_cashback_instead_of_the_base_rule(shop):
    shop.sells("phones", "phone")
    shop.offers("cashback", goods={"categories": ["phones"]}, on_top="no")

    assert shop.quote(line("phone", 199_90)).points == 999


def test_free_delivery(shop):
    shop.offers("free_delivery")

    hit = shop.quote(line("book", 15_00, "2"), channel="online")
    near = shop.quote(line("book", 14_99, "2"), channel="online")
    in_store = shop.quote(line("book", 15_00, "2"))

    # 30.00 is enough, 29.98 is 0.02 short; goods are handed over in the store.
    assert hit.awards == [("free_delivery", "", 1)]
    assert near.says("free_delivery") == "free_delivery: $0.02 more in the basket to get it"
    assert in_store.says("free_delivery") == "free_delivery does not apply to this channel"


def test_any_for_price(shop):
    shop.sells("yoghurts", "plain", "cherry")
    shop.offers("any_for_price")

    hit = shop.sell(line("plain", 80, "2"), line("cherry", 95, "2"))

    # The three dearest for 2.00: 0.95 + 0.95 + 0.80 = 2.70, 0.70 off; the fourth costs 0.80.
    # 70 cents over 95, 95 and 80 are 24.63, 24.63 and 20.74: 25, 24 and 21.
    assert (hit.total, hit.nets) == (2_80, [1_39, 1_41])


def test_win_back(shop):
    shop.offers("win_back")
    shop.sell(line("tea", 1_00), occurred_at=days_ago(60))

    back = shop.sell(line("tea", 20_00))
    again = shop.quote(line("tea", 20_00))

    # 15 % of 20.00. The purchase just made is the last one now.
    assert (back.total, again.total) == (17_00, 20_00)


def test_new_category(shop):
    shop.sells("pets", "bone", "toy")
    shop.offers("new_category")

    first = shop.sell(line("bone", 3_00))
    second = shop.quote(line("toy", 3_00))

    # 3 points for 3.00, and 200 for having tried it.
    assert (first.points, second.points) == (203, 3)
    assert second.says("new_category") == "new_category is for the first purchase of a category"


def test_fuel_points(shop):
    shop.sells("fuel", "diesel")
    shop.offers("fuel_points")

    sold = shop.sell(line("diesel", 1_50, "40.600"))

    # 60.90: 60 base points. 40.6 l x 2 = 81.2, down to 81.
    assert sold.points == 141
    # 10.6 l back: 30 l for 45.00 stay, 45 + 60 points. 141 - 105 = 36.
    assert shop.take_back(sold, line_1="10.6") == {"money": 15_90, "points": 36}


def test_member_price(shop):
    [milk, bread] = shop.sells("food", "milk", "bread")
    club = PriceList.objects.create(code="club", name="Club")
    PriceListEntry.objects.create(price_list=club, product=milk, price_minor=89)
    PriceListEntry.objects.create(price_list=club, product=bread, price_minor=3_00)
    shop.offers("member_price")

    member = shop.sell(line("milk", 1_19, "3"), line("bread", 2_50))
    guest = shop.quote(line("milk", 1_19, "3"), line("bread", 2_50), card=False)

    # Milk at 0.89 x 3 = 2.67 instead of 3.57; bread is cheaper on the shelf and stays 2.50.
    assert (member.total, member.nets) == (5_17, [2_67, 2_50])
    assert guest.total == 6_07
    assert guest.says("member_price") == "member_price: $0.90 less with a card"
    assert shop.take_back(member, line_1="1") == {"money": 89, "points": 1}


def test_gift(shop):
    [mug, bag] = shop.sells("gifts", "mug", "bag")
    StockLevel.objects.create(store=shop.store, product=mug, quantity=0)
    StockLevel.objects.create(store=shop.store, product=bag, quantity=2)
    shop.offers("gift")
    goods = line("rice", 25_00, "2")

    open_choice = shop.quote(goods)
    chosen = shop.sell(goods, gifts=["bag"])
    near = shop.quote(line("rice", 12_99))

    # Mugs are out of stock, pens are not counted. 50.00 is enough, 12.99 is 37.01 short.
    [award] = open_choice.body["awards"]
    assert (award["code"], award["choices"]) == ("", ["bag", "pen"])
    assert chosen.awards == [("gift", "bag", 1)]
    assert StockLevel.objects.get(product=bag).quantity == 1
    # Half of it comes back: 25.00 deserves no gift, the bag goes back on the shelf.
    assert shop.take_back(chosen, line_1="1")["money"] == 25_00
    assert StockLevel.objects.get(product=bag).quantity == 2
    assert near.says("gift") == "gift: $37.01 more in the basket to get it"
    assert near.of("gift")["near"] is True


def test_tender_bonus(shop):
    shop.offers("tender_bonus")

    hit = shop.quote(line("phone", 199_90), pay_by=["shop_card"])
    cash = shop.quote(line("phone", 199_90), pay_by=["cash"])

    # 199 base points and 2 % of 199.90, which is 3.998 or 399.8 points, down to 399.
    assert (hit.points, cash.points) == (199 + 399, 199)
    assert cash.says("tender_bonus") == "tender_bonus needs another way to pay"


def test_stamps(shop):
    shop.sells("coffee", "latte", "espresso")
    shop.offers("stamps")

    sold = shop.sell(line("latte", 3_50, "2"), line("espresso", 2_20), line("bun", 1_80))
    no_coffee = shop.quote(line("bun", 1_80))
    no_card = shop.quote(line("latte", 3_50), card=False)

    # Two lattes and an espresso; the bun is not coffee.
    assert shop.balance_of("stamps", "coffee") == 3
    assert no_coffee.body["awards"] == no_card.body["awards"] == []
    assert no_card.says("stamps") == "stamps: nobody showed a card"
    # A latte comes back, and its stamp with it.
    assert shop.take_back(sold, line_1="1")["money"] == 3_50
    assert shop.balance_of("stamps", "coffee") == 2


def test_coupon_discount(shop):
    shop.offers("coupon_discount")
    shop.prints_code("coupon_discount", "FIVE-OFF")
    goods = (line("lamp", 12_35), line("bulb", 10_00))

    hit = shop.sell(*goods, coupons=["FIVE-OFF"])
    without = shop.quote(*goods)
    near = shop.quote(line("lamp", 12_35), coupons=["FIVE-OFF"])

    # 5.00 over 12.35 and 10.00 of 22.35: 2.7629 and 2.2371, so 2.76 and 2.24.
    assert (hit.total, hit.nets) == (17_35, [9_59, 7_76])
    assert without.total == 22_35
    assert near.says("coupon_discount") == "coupon_discount: $7.65 more in the basket to get it"
    # The bulb goes back for what it cost with the coupon.
    assert shop.take_back(hit, line_2="1")["money"] == 7_76


def test_next_coupon(shop):
    shop.publishes("five-off", by_code["coupon_discount"].build({"amount": 5_00}))
    shop.offers("next_coupon")

    near = shop.quote(line("rice", 13_33, "3"))
    sold = shop.sell(line("rice", 13_34, "3"))
    [code] = sold.body["awards"][0]["coupons"]
    later = shop.sell(line("rice", 13_34), coupons=[code])

    # 39.99 is one cent short; 40.02 gets a coupon of the member's own, worth 5.00 once.
    assert near.says("next_coupon") == "next_coupon: $0.01 more in the basket to get it"
    assert later.total == 8_34
    again = shop.quote(line("rice", 13_34), coupons=[code])
    assert (again.total, again.body["coupons"][0]["reason"]) == (13_34, "used_up")


def test_every_template_has_its_test():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}

    assert {template.code for template in TEMPLATES} <= tested
