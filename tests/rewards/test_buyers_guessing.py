"""Cards and phones cannot be tried out in quotes, sales, batches, nor at the web till (89, 90)."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock, throttle
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent, Throttle
from members.models import Receipt
from rewards.services.coupons.issuing import issue_coupon
from tests.concurrency import in_own_session
from tests.factories.members import CardFactory, MemberFactory, ProductFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.coupon_tools import coupon_promotion, one_code
from tests.rewards.till_client import ALL, Till, basket, line, new_token, purchase
from tests.till import Till as WebTill
from tests.till import text_of

pytestmark = pytest.mark.django_db(transaction=True)

TEA = line("tea", 10_00)


@pytest.fixture
def shop():
    coupon_promotion(make_programme())
    return StoreFactory(code="S1")


@pytest.fixture
def card(shop):
    return CardFactory()


def quote(till, shop, **member):
    return till.post("quotes", basket(shop, TEA, member=member), key=None)


def sell(till, shop, number, **member):
    return till.post("purchases", purchase(shop, number, TEA, member=member))


def lock(till, shop):
    for number in range(5):
        assert quote(till, shop, card=f"WRONG{number}").status_code == 422


@pytest.mark.parametrize("key", ["card", "phone"])
def test_after_five_wrong_ones_the_right_one_is_refused_at_every_door(shop, card, key):
    till = Till(*ALL)
    wrong = {"card": "WRONG{}", "phone": "+7999000000{}"}[key]
    answers = [quote(till, shop, **{key: wrong.format(n)}) for n in range(3)]
    answers += [sell(till, shop, f"R-{n}", **{key: wrong.format(n)}) for n in range(2)]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(422, "member_unknown")}

    right = {"card": card.number}
    for refused in (quote(till, shop, **right), sell(till, shop, "R-9", **right)):
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 1 <= int(refused["Retry-After"]) <= 60
    reserved = till.post("quotes", basket(shop, TEA, member=right, reserve=True))
    assert reserved.status_code == 429
    assert not Receipt.objects.exists()
    alert = OutboxEvent.objects.get(kind="security.guessing")
    assert "WRONG" not in str(alert.data) + alert.object_id


def test_who_shows_no_card_or_an_id_is_served_all_the_same(shop, card):
    till = Till(*ALL)
    lock(till, shop)

    assert till.post("quotes", basket(shop, TEA), key=None).status_code == 200
    assert quote(till, shop, id=str(card.member.public_id)).status_code == 200
    assert quote(Till(*ALL), shop, card=card.number).status_code == 200


def test_another_store_of_the_same_key_is_served_and_time_opens_the_door(shop, card):
    till, other = Till(*ALL), StoreFactory(code="S2")
    lock(till, shop)

    assert quote(till, other, card=card.number).status_code == 200
    for one in Throttle.objects.all():
        one.failed = [moment - timedelta(hours=1) for moment in one.failed]
        one.save(update_fields=["failed"])
    assert quote(till, shop, card=card.number).status_code == 200


def test_a_day_has_its_own_limit(shop, card, settings):
    settings.GUESSES_PER_DAY = 6
    till = Till(*ALL)
    lock(till, shop)
    throttles = Throttle.objects.filter(pk__startswith="buyers:")
    hour_ago = clock.now() - timedelta(hours=1)
    throttles.update(failed=[hour_ago] * 6)

    assert quote(till, shop, card=card.number).status_code == 429


def test_right_cards_write_nothing_and_ask_one_thing_more(shop, card):
    till = Till(*ALL)
    quote(till, shop, card=card.number)

    with CaptureQueriesContext(connection) as named:
        quote(till, shop, card=card.number)
    count = len(named)
    with CaptureQueriesContext(connection) as nameless:
        till.post("quotes", basket(shop, TEA), key=None)

    assert count == len(nameless) + 1
    assert not Throttle.objects.filter(pk__startswith="buyers:").exists()


def test_of_three_hundred_guesses_at_once_no_more_pass_than_run_together(shop, card):
    """The first moment lets through what runs beside it; all are counted, so the day is over."""
    token, at_once = new_token(*ALL), 8

    def guess(number):
        call = partial(quote, Till(token=token), shop, card=f"WRONG{number:05}")
        return in_own_session(lambda: call().status_code)

    with ThreadPoolExecutor(at_once) as pool:
        answers = Counter(pool.map(guess, range(300)))

    assert answers[422] <= 5
    assert sum(answers.values()) == answers[422] + answers[429] == 300
    (counter,) = Throttle.objects.filter(pk__startswith="buyers:")
    assert 5 <= len(counter.failed) <= 5 + at_once
    assert quote(Till(token=token), shop, card=card.number).status_code == 429


def test_control_without_the_count_of_wrong_ones_all_are_looked_up(shop, card, monkeypatch):
    monkeypatch.setattr(throttle, "_note", lambda *_: None)
    till = Till(*ALL)

    answers = Counter(quote(till, shop, card=f"WRONG{n}").status_code for n in range(20))

    assert answers == {422: 20}


def batch(till, shop, cards, first=0):
    operations = [
        {"kind": "purchase", "key": f"k-{first}-{number}",
         "purchase": purchase(shop, f"B-{first}-{number}", TEA, member={"card": one})}
        for number, one in enumerate(cards)
    ]  # fmt: skip
    answer = till.post("sync/batches", {"operations": operations}, key=None).json()
    return [one["status"] for one in answer["results"]]


def test_a_batch_is_no_way_around(shop, card):
    till = Till(*ALL)

    guessed = batch(till, shop, [*(f"WRONG{n}" for n in range(7)), card.number])
    again = batch(till, shop, [card.number, card.number], first=1)

    assert guessed == [422] * 5 + [429] * 3
    assert again == [429] * 2
    assert not Receipt.objects.exists()


def test_a_batch_with_few_strangers_goes_on(shop, card):
    assert batch(Till(*ALL), shop, [card.number, "WRONG1", card.number]) == [201, 422, 201]


# No oracle


def cards_that_do_not_serve():
    yield "NEVERMADE99"
    yield CardFactory(status="blocked").number
    yield CardFactory(status="closed").number
    yield CardFactory(member=MemberFactory(status="closed")).number


def measured(call):
    """The answer without what is its own, and the statements that led to it."""
    with CaptureQueriesContext(connection) as asked:
        answer = call()
        count = len(asked.connection.queries_log) - asked.initial_queries
    body = answer.json()
    body.pop("request_id", None)
    return answer.status_code, str(body), count


@pytest.fixture
def _no_limit(settings):
    settings.GUESSES_PER_MINUTE = settings.GUESSES_PER_DAY = 1000
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)


@pytest.mark.usefixtures("_no_limit")
@pytest.mark.parametrize("door", ["quote", "sale"])
def test_whatever_is_wrong_with_a_card_answer_and_work_are_the_same(shop, door):
    """Time is measured as work: the same statements in the same number, and no code besides."""
    till = Till(*ALL)
    quote(till, shop, card="WARM")

    def ask(number, card):
        if door == "quote":
            return quote(till, shop, card=card)
        return sell(till, shop, f"R-{number}", card=card)

    heard = {
        measured(partial(ask, number, card))
        for number, card in enumerate(cards_that_do_not_serve())
    }

    assert len(heard) == 1
    assert next(iter(heard))[0] == 422


@pytest.mark.usefixtures("_no_limit")
def test_control_who_may_read_members_hears_that_a_card_is_blocked(shop):
    till = Till(*ALL, "members:read")

    heard = [quote(till, shop, card=card).json()["code"] for card in cards_that_do_not_serve()]

    assert heard == ["member_unknown", "card_blocked", "card_blocked", "member_unknown"]


def codes_that_do_not_serve():
    now, hour = clock.now(), timedelta(hours=1)
    StoreFactory(code="S2")
    yield "NEVERMADE"
    yield one_code(code="EXPIRED01", valid_until=now - hour).code
    yield one_code(code="ELSEWHERE", stores=["S2"]).code
    yield one_code(code="TOMORROW1", valid_from=now + hour).code
    stranger = MemberFactory()
    yield issue_coupon(
        promotion="half", member_id=stranger.pk, source="t", source_ref="1", actor=SYSTEM
    ).code


@pytest.mark.usefixtures("_no_limit")
@pytest.mark.parametrize("door", ["quotes", "purchases", "coupons/validate"])
def test_whatever_is_wrong_with_a_code_answer_and_work_are_the_same(shop, door):
    till = Till(*ALL, "coupons:redeem")
    shown = list(codes_that_do_not_serve())
    till.post("quotes", basket(shop, TEA, coupons=["WARM"]), key=None)

    def ask(number, code):
        if door == "purchases":
            return till.post(door, purchase(shop, f"R-{number}", TEA, coupons=[code]))
        if door == "quotes":
            return till.post(door, basket(shop, TEA, coupons=[code]), key=None)
        return till.post(door, {"store": "S1", "code": code}, key=None)

    heard = set()
    for number, code in enumerate(shown):
        status, body, count = measured(partial(ask, number, code))
        stripped = body.replace(code, "")
        if door == "quotes":
            stripped = str(stripped.count("coupon_unavailable"))
        heard.add((status, stripped, count))

    assert len(heard) == 1


# The web till


@pytest.fixture
def web(shop, settings):
    settings.TILL_MISSES_PER_MINUTE = 3
    ProductFactory(sku="cheese", name="Cheese", price_minor=10_00)
    return WebTill()


def find(web, text):
    return web.ask("find", text=text)


def test_a_cashier_who_finds_nobody_too_often_finds_nobody_for_a_while(web, card):
    for number in range(3):
        assert "Nobody found" in text_of(find(web, f"+7999000000{number}"))

    locked = find(web, card.number)

    assert locked.status_code == 422
    assert "Too many requests" in text_of(locked)
    assert "Nobody found" in text_of(find(web, "Anna Petrova"))


def test_scanned_codes_that_nobody_knows_are_counted_and_goods_are_sold_on(web, card):
    for number in range(3):
        web.scan(f"77000{number}")

    locked = text_of(web.scan(card.number))

    assert "cards are not looked up for a while" in locked
    assert web.client.session.get("till_basket", {}).get("card", "") == ""
    assert "To pay $10.00" in text_of(web.scan("cheese"))
    assert "To pay $12.50" in text_of(web.scan("BAG=2.50"))


def test_goods_with_a_price_are_no_guesses(web, card):
    for number in range(5):
        web.scan(f"bag-{number}=1.00")

    assert "Nobody found" not in text_of(web.scan(card.number))
    assert web.client.session["till_basket"]["card"] == card.number
