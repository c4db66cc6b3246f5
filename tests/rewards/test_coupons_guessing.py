"""Codes cannot be guessed (quality bar 88 to 91): arithmetic, throttle, one answer for all."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent, Throttle
from rewards.rules import codes
from rewards.services.coupons.issuing import issue_coupon
from tests.concurrency import in_own_session
from tests.factories.members import CardFactory, MemberFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.coupon_tools import coupon_promotion, one_code, unique_codes
from tests.rewards.till_client import ALL, Till, basket, line, new_token, purchase, right_now

pytestmark = pytest.mark.django_db(transaction=True)

GUESSES_AN_HOUR, LIVE_CODES = 1_700_000, 1_000_000


@pytest.fixture
def shop():
    coupon_promotion(make_programme())
    return StoreFactory(code="S1")


@pytest.fixture(autouse=True)
def _no_pace(settings):
    """The pace of calls is another defence, judged in its own test."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)


def quote(till, shop, *shown, **details):
    body = basket(shop, line("tea", 10_00), coupons=list(shown), **details)
    return till.post("quotes", body, key=None)


def validate(till, code, **details):
    return till.post("coupons/validate", {"store": "S1", "code": code, **details}, key=None)


def an_hour_later():
    """Rows of the counters as they look when an hour has gone by."""
    for one in Throttle.objects.all():
        one.failed = [moment - timedelta(hours=1) for moment in one.failed]
        one.save(update_fields=["failed"])


def hits_an_hour(length):
    """What an attacker finds without any throttle: the arithmetic of docs/coupons.md."""
    return GUESSES_AN_HOUR * LIVE_CODES / len(codes.ALPHABET) ** length


def test_drawn_codes_have_the_bits_that_the_arithmetic_counts_on():
    assert len(set(codes.ALPHABET)) == 31
    assert not set("01ILO") & set(codes.ALPHABET)
    assert codes.random_bits(codes.SAFE_LENGTH) >= 64
    assert codes.random_bits(codes.LEAST_LENGTH) >= 40 > codes.random_bits(codes.LEAST_LENGTH - 1)
    assert hits_an_hour(codes.SAFE_LENGTH) * 24 * 365 < 1e-3
    drawn = codes.draw(20_000, length=codes.SAFE_LENGTH)
    assert len(set(drawn)) == 20_000
    assert {len(code) for code in drawn} == {codes.SAFE_LENGTH}


def test_the_table_in_the_docs_is_this_arithmetic():
    text = (Path(__file__).resolve().parents[2] / "docs" / "coupons.md").read_text()
    rows = re.findall(r"^\| (\d+)[^|]*\| [^|]+\| ([\d.]+) \| ([\d.]+)(·10⁻⁸)?:", text, re.MULTILINE)

    assert [int(row[0]) for row in rows] == [8, codes.LEAST_LENGTH, codes.SAFE_LENGTH]
    for length, bits, hits, tiny in rows:
        assert float(bits) == round(codes.random_bits(int(length)), 1)
        told = float(hits) * (1e-8 if tiny else 1)
        assert told == pytest.approx(hits_an_hour(int(length)), rel=0.1)


def test_every_sign_is_equally_likely_in_every_place():
    """Chi-square with 30 degrees of freedom: above 80 happens once in a million times."""
    drawn = codes.draw(31_000, length=9)
    for place in range(9):
        seen = Counter(code[place] for code in drawn)
        assert sum((seen[sign] - 1000) ** 2 / 1000 for sign in codes.ALPHABET) < 80


def test_a_code_is_read_however_people_type_it():
    for typed in ("ABCD-2345", " abcd 2345 ", "ａｂｃｄ2345", "abcd–2345"):
        assert codes.clean_code(typed) == "ABCD2345"
    assert codes.clean_code("лето10") == "ЛЕТО10"
    for nonsense in ("", " - ", "AB;CD", "A" * 41, "A\0B"):
        assert codes.clean_code(nonsense) == ""
    assert codes.masked("ABCD2345") == "••••2345"
    assert codes.shown("ABCD2345X") == "ABCD-2345-X"


def test_batches_of_shorter_codes_than_forty_bits_cannot_be_made(shop):
    till = Till("coupons:write", "coupons:read", "bulk:run")
    body = {"promotion": "half", "kind": "unique", "name": "n", "count": 5, "random_length": 8}

    assert till.post("coupon-batches", body).status_code == 400


def test_of_three_hundred_wrong_codes_five_are_looked_up_and_then_nobody_is(shop):
    token, right = new_token(*ALL, "coupons:redeem"), one_code(code="RIGHTONE").code

    def guess(number):
        call = partial(validate, Till(token=token), f"WRONG{number:05}")
        return in_own_session(lambda: call().status_code)

    with ThreadPoolExecutor(16) as pool:
        answers = Counter(pool.map(guess, range(300)))
    assert answers == {422: 5, 429: 295}

    locked = validate(Till(token=token), right)
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(locked["Retry-After"]) <= 60
    assert (locked["RateLimit-Limit"], locked["RateLimit-Remaining"]) == ("5", "0")
    assert quote(Till(token=token), shop, right).status_code == 429
    assert quote(Till(token=token), shop).status_code == 200
    alert = OutboxEvent.objects.get(kind="security.guessing")
    assert "WRONG" not in str(alert.data) + alert.object_id
    assert quote(Till(*ALL), shop, right).status_code == 200
    an_hour_later()
    assert validate(Till(token=token), right).status_code == 200


def test_wrong_codes_of_all_doors_are_counted_together(shop):
    till = Till(*ALL, "coupons:redeem", "coupons:write")
    at = right_now()
    bad = {"store": "S1", "code": "BAD1", "reference": "1"}
    sale = purchase(shop, "R-1", line("tea", 1), coupons=["BAD2"], occurred_at=at)

    assert quote(till, shop, "BAD1").status_code == 200
    assert quote(till, shop, "BAD2", reserve=False).status_code == 200
    assert till.post("coupons/redeem", bad).status_code == 422
    assert till.post("purchases", sale).status_code == 422
    assert till.post("coupons/reserve", {"store": "S1", "code": "BAD3"}).status_code == 422

    assert till.post("coupons/reserve", {"store": "S1", "code": "BAD4"}).status_code == 429
    batch = {"operations": [{"kind": "purchase", "key": "k", "purchase": sale}]}
    (item,) = till.post("sync/batches", batch, key=None).json()["results"]
    assert (item["status"], item["body"]["code"]) == (429, "too_many_requests")


def test_a_quote_that_became_stale_is_no_way_around(shop):
    till = Till(*ALL)
    told = quote(till, shop).json()["quote_id"]
    for number in range(5):
        sale = purchase(shop, f"R-{number}", line("tea", 10_00), coupons=[f"BAD{number}"],
                        quote_id=told)  # fmt: skip
        assert till.post("purchases", sale).status_code == 409

    assert quote(till, shop, "BAD9").status_code == 429


def test_the_throttle_outlives_a_process(shop):
    """Nothing is kept in memory: whoever reads the table next refuses as well."""
    till = Till(*ALL)
    for number in range(5):
        quote(till, shop, f"BAD{number}")

    assert Throttle.objects.get().failed
    in_another = in_own_session(lambda: quote(Till(token=till.token), shop, "BAD").status_code)
    assert in_another == 429


def answers_alike(till, shop):
    now, hour = clock.now(), timedelta(hours=1)
    StoreFactory(code="S2")
    stranger = MemberFactory()
    shown = [
        "NEVERMADE",
        one_code(code="EXPIRED1", valid_until=now - hour).code,
        one_code(code="ELSEWHERE", stores=["S2"]).code,
        one_code(code="TOMORROW", valid_from=now + hour).code,
        issue_coupon(
            promotion="half", member_id=stranger.pk, source="t", source_ref="1", actor=SYSTEM
        ).code,
    ]
    for code in shown:
        yield code, quote(till, shop, code), validate(till, code)


def test_whatever_is_wrong_with_a_code_the_answer_is_the_same(shop, settings):
    settings.GUESSES_PER_MINUTE = settings.GUESSES_PER_DAY = 100
    till = Till(*ALL, "coupons:redeem")

    quotes, refusals = set(), set()
    for code, quoted, refused in answers_alike(till, shop):
        quotes.add((quoted.status_code, shape(quoted.json()["coupons"][0], code)))
        problem = refused.json()
        problem.pop("request_id")
        refusals.add((refused.status_code, shape(problem, code)))

    assert len(quotes) == len(refusals) == 1
    assert "coupon_unavailable" in str(quotes)
    assert {status for status, _ in refusals} == {422}


def shape(answer, code):
    return str(answer).replace(code, "")


def test_control_who_may_know_hears_the_difference(shop, settings):
    settings.GUESSES_PER_MINUTE = settings.GUESSES_PER_DAY = 100
    till = Till(*ALL, "coupons:redeem", "coupons:read")

    heard = [
        (quoted.json()["coupons"][0]["reason"], refused.json()["errors"][0]["params"]["reason"])
        for _code, quoted, refused in answers_alike(till, shop)
    ]

    reasons = ["unknown", "expired", "other_store", "not_yet", "no_member"]
    assert heard == [(one, one) for one in reasons]


def test_lookups_have_a_pace_and_the_till_has_none_unless_it_is_set(shop, settings):
    settings.RATE_LIMITS = {"quotes": 0, "commits": 0, "lookups": 2}
    settings.GUESSES_PER_MINUTE = 100
    till, code = Till(*ALL, "coupons:redeem"), one_code(code="RIGHTONE").code
    answers = [validate(till, code).status_code for _ in range(12)]
    assert answers[:2] == [200, 200]
    assert 429 in answers
    assert {quote(till, shop).status_code for _ in range(5)} == {200}

    settings.RATE_LIMITS = {"quotes": 1, "commits": 1, "lookups": 2}
    assert 429 in [quote(till, shop).status_code for _ in range(5)]
    sales = [purchase(shop, f"R-{n}", line("tea", 1)) for n in range(5)]
    assert 429 in [till.post("purchases", sale).status_code for sale in sales]


def test_unique_codes_say_nothing_of_each_other(shop):
    """Neighbours by number are no neighbours by code (quality bar 91)."""
    made = [one.code for one in unique_codes(200)]

    assert made != sorted(made)
    assert max(Counter(code[:4] for code in made).values()) <= 3


def test_look_ups_of_members_that_find_nobody_are_counted(shop):
    till, card = Till("members:read"), CardFactory()
    for number in range(5):
        wrong = till.post("members/lookup", {"phone": f"+7999000000{number}"}, key=None)
        assert wrong.status_code == 404

    locked = till.post("members/lookup", {"card": card.number}, key=None)
    assert (locked.status_code, locked["RateLimit-Remaining"]) == (429, "0")
    assert OutboxEvent.objects.filter(kind="security.guessing").count() == 1
    other = Till("members:read").post("members/lookup", {"card": card.number}, key=None)
    assert other.status_code == 200
