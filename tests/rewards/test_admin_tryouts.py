"""The pages of trying, as a marketer and their colleague use them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from rewards.models import BackTest, RetroBatch, Wallet
from rewards.services.tryout import retro_count, retro_post
from tests.rewards.tryout_shop import DOUBLE, TryoutShop, finish
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db(transaction=True)
TEN_OFF_FOOD = {
    "goods": {"include": {"categories": ["food"]}},
    "effects": [{"kind": "percent_off", "basis_points": 1000}],
}


@pytest.fixture
def shop():
    return TryoutShop()


@pytest.fixture
def desk():
    return at_desk("marketer")


def basket(*lines, **more):
    columns = zip(*lines, strict=True)
    named = dict(zip(("what", "quantity", "price"), map(list, columns), strict=True))
    return {"store": "north", "who": "nobody", **named, **more}


def sandbox(desk, *lines, status=200, **more):
    answer = desk.post(reverse("admin:rewards_sandbox"), basket(*lines, **more))
    assert answer.status_code == status, answer.content
    return answer.content.decode()


def test_the_sandbox_says_the_difference_in_words(shop, desk):
    shop.draft("tea10", TEN_OFF_FOOD)

    page = sandbox(desk, ("tea", "2", ""), ("soap", "1", "4.50"), versions=["tea10:1"])

    # The catalogue's price of tea, 10.00; 4.50 as typed for the soap: 24.50 and 22.50.
    assert "$24.50" in page
    assert "<strong>$22.50</strong>" in page
    assert "Tea10: discount $2.00" in page
    assert 'class="is-changed"' in page


def test_goods_without_a_price_take_that_of_the_last_sale(shop, desk):
    shop.sell(("tea", 777))
    from members.models import Product  # noqa: PLC0415

    Product.objects.filter(sku="tea").update(price_minor=None)

    assert "$7.77" in sandbox(desk, ("tea", "1", ""))
    assert "This has no price yet" in sandbox(desk, ("soaps", "1", ""), status=422)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("tea", "x", ""), "A price is a number"),
        (("tea", "0", ""), "A price is a number"),
        (("tea", "1", "1.234"), "A price is a number"),
        (("tea", "1", "-1"), "A price is a number"),
        (("", "1", "1"), "Put something into the basket"),
    ],
)
def test_a_basket_that_cannot_be_read_is_kept_and_said(shop, desk, line, said):
    page = sandbox(desk, line, status=422)

    assert said in page


def test_a_described_member_gets_what_is_theirs(shop, desk):
    shop.draft("vip", {
        "when": {"all": [{"kind": "tags", "codes": ["vip"]}]},
        "effects": [{"kind": "fixed_points", "points": 250}],
    })  # fmt: skip

    page = sandbox(desk, ("tea", "1", ""), versions=["vip:1"], who="invented", tags="vip, old")

    assert "<strong>260</strong>" in page


def test_products_are_offered_while_one_types(shop, desk):
    found = desk.get(reverse("admin:rewards_sandbox_products"), {"what": "te"})

    assert 'value="tea"' in found.content.decode()
    assert "soap" not in found.content.decode()


def ask(desk, shop, **more):
    form = desk.get(reverse("admin:rewards_backtest_add"))
    asked = {
        "key": form.context["form"]["key"].value(), "name": "Ten off tea", "baseline": "live",
        "versions": ["tea10:1"], "first_day": "2020-01-01", "last_day": str(shop.today.date()),
        **more,
    }  # fmt: skip
    return desk.post(reverse("admin:rewards_backtest_add"), asked), asked


def test_a_back_test_from_the_form_to_the_file(shop, desk):
    shop.sell(("tea", 1000, 2), card=shop.anna)
    shop.sell(("soap", 500), card=shop.boris)
    shop.draft("tea10", TEN_OFF_FOOD)

    answer, asked = ask(desk, shop)
    desk.post(reverse("admin:rewards_backtest_add"), asked)  # a double click
    test = BackTest.objects.get()
    assert answer.url == reverse("admin:rewards_backtest_change", args=[test.pk])
    waiting = desk.get(answer.url).content.decode()
    progress = reverse("admin:rewards_backtest_progress", args=[test.pk])
    assert progress in waiting
    assert "HX-Refresh" not in desk.get(progress)
    finish()

    assert desk.get(progress)["HX-Refresh"] == "true"
    page = desk.get(answer.url).content.decode()
    assert "+$1.98" in page  # 2.00 off, less the two points that it earns less
    assert "canvas" in page
    assert "Better off" in page
    file = desk.get(reverse("admin:rewards_backtest_table", args=[test.pk]))
    rows = file.content.decode().splitlines()
    assert rows[0].startswith("dimension,key,label,receipts")
    assert next(row for row in rows if row.startswith("total")).split(",")[3:5] == ["2", "2"]


def test_the_result_costs_the_same_however_much_there_is(shop, desk):
    shop.draft("tea10", TEN_OFF_FOOD)
    shop.sell(("tea", 1000), card=shop.anna)
    ask(desk, shop)
    finish()
    few = cost_of(desk, reverse("admin:rewards_backtest_change", args=[BackTest.objects.get().pk]))
    for n in range(12):
        shop.sell(("tea", 1000), ("soap", 500), card=(shop.anna, shop.boris)[n % 2], days_ago=n)
    ask(desk, shop)
    finish()
    last = BackTest.objects.order_by("pk").last()

    many = cost_of(desk, reverse("admin:rewards_backtest_change", args=[last.pk]))

    assert len(many) == len(few)


def test_a_back_test_is_stopped_by_a_button(shop, desk):
    shop.draft("tea10", TEN_OFF_FOOD)
    answer, _asked = ask(desk, shop)

    desk.post(reverse("admin:rewards_backtest_cancel", args=[BackTest.objects.get().pk]))
    finish()

    assert "there is no result" in desk.get(answer.url).content.decode()


def test_a_form_that_asks_nothing_says_so(shop, desk):
    shop.draft("tea10", TEN_OFF_FOOD)

    answer, _asked = ask(desk, shop, versions=[], last_day="2019-01-01")

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The last day is before the first." in page
    assert not BackTest.objects.exists()


def work():
    while retro_count.run_next() or retro_post.run_next():
        pass


def test_a_retroactive_batch_by_two_people(shop, desk):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("double", DOUBLE)
    form = desk.get(reverse("admin:rewards_retrobatch_add"))
    asked = {
        "key": form.context["form"]["key"].value(), "reason": "Double last January",
        "versions": ["double:1"], "first_day": "2020-01-01", "last_day": str(shop.today.date()),
    }  # fmt: skip
    page = desk.post(reverse("admin:rewards_retrobatch_add"), asked).url
    work()
    batch = RetroBatch.objects.get()
    counted = desk.get(page).content.decode()
    assert "+10" in counted
    assert "another person approves" in counted
    desk.post(press(batch, "approve"))
    assert RetroBatch.objects.get().state == "counted"

    boss = at_desk("reviewer")
    assert press(batch, "approve") in boss.get(page).content.decode()
    boss.post(press(batch, "approve"))
    boss.post(press(batch, "apply"))
    work()
    assert Wallet.objects.get().posted == 20
    boss.post(press(batch, "undo"))
    work()

    assert Wallet.objects.get().posted == 10
    assert RetroBatch.objects.get().state == "undone"


def press(batch, step):
    return reverse(f"admin:rewards_retrobatch_{step}_step", args=[batch.pk])


def test_who_may_look_may_not_press(shop):
    shop.draft("double", DOUBLE)
    analyst = at_desk("analyst")

    for name in ("backtest", "retrobatch"):
        assert analyst.get(reverse(f"admin:rewards_{name}_changelist")).status_code == 200
        assert analyst.get(reverse(f"admin:rewards_{name}_add")).status_code == 403
        assert analyst.post(reverse(f"admin:rewards_{name}_add")).status_code == 403


def test_the_end_of_a_pilot_asks_once_more(shop, desk):
    version = shop.live("tea10", {**TEN_OFF_FOOD, "pilot": {"stores": ["south"]}})
    page = reverse("admin:rewards_pilot_end", args=[version.promotion_id])

    asked = desk.get(page).content.decode()
    assert version.promotion.versions.count() == 1
    assert "south" not in asked
    desk.post(page)

    live = version.promotion.versions.get(state="live")
    assert (live.number, "pilot" in live.definition) == (2, False)
