"""Many tills on one limit: what is given never passes it (quality bar 20 and 21).

Each till is a session of its own and speaks to the API. A control shows what the
same race does without the claim.
"""

from __future__ import annotations

import time
from functools import partial

import pytest
from django.db.models import Sum
from django.db.utils import IntegrityError

from members.models import Receipt
from rewards.models import LimitCounter, LimitUse
from rewards.services.checkout import committing, limiting
from rewards.services.limits import counters
from tests.concurrency import race
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.limit_tools import TEN_OFF, books, limit, limited, off, reserve, sell
from tests.rewards.till_client import Till, line, new_token, purchase

pytestmark = pytest.mark.django_db(transaction=True)

BUDGET = 1_000_00
TEA = {"include": {"skus": ["tea"]}}


@pytest.fixture
def shop():
    make_programme()
    return StoreFactory(code="S1")


def insist(till, path, body, key):
    """Send it again under its key, as a till does, while the answer says that this may help."""
    for _ in range(20):
        answer = till.post(path, body, key)
        if answer.status_code < 400 or not answer.json()["retryable"]:
            break
        time.sleep(0.1)
    return answer


def commits(shop, count, price=50_00, cards=(None,), send=None):
    """So many sales at once, each at a till of its own; answers of those that were taken."""
    token = new_token()
    sell(Till(token=token), shop, "warm", 1, lines=[line("other", 1)])
    bodies = [
        purchase(shop, f"R-{n}", line("tea", price + n), card=cards[n % len(cards)])
        for n in range(count)
    ]
    calls = [partial(send or insist, Till(token=token), "purchases", body, f"k-{n}")
             for n, body in enumerate(bodies)]  # fmt: skip
    done = race(calls, seconds=300)
    assert not done.errors
    assert done.overlap > count // 2
    return done.results


def given():
    return Receipt.objects.exclude(number="warm").aggregate(sum=Sum("discount_minor"))["sum"]


def test_sixty_four_tills_never_pass_a_budget(shop):
    """64 times 30.00 and some cents against 1,000.00: exactly 1,000.00 is given."""
    off_each = {"kind": "percent_off", "basis_points": 6000}
    limited("promo", off_each, limit("total", "money", BUDGET), goods=TEA)

    results = commits(shop, 64)

    assert {one.status_code for one in results} == {201}
    assert given() == BUDGET
    [counter] = LimitCounter.objects.all()
    assert (counter.used, counter.over) == (BUDGET, 0)
    assert books() == []


def test_of_thirty_two_tills_ten_get_the_offer(shop):
    limited("promo", TEN_OFF, limit("total", "uses", 10), goods=TEA)

    results = commits(shop, 32)

    assert sorted(off(one.json()) for one in results) == [0] * 22 + [10_00] * 10
    assert books() == []


def test_one_member_at_thirty_two_tills_gets_it_once(shop):
    limited("promo", TEN_OFF, limit("member", "uses", 1), goods=TEA)

    results = commits(shop, 32, cards=[CardFactory()])

    assert sorted(off(one.json()) for one in results) == [0] * 31 + [10_00]
    assert books() == []


def test_members_on_a_shared_day_and_their_own_limits(shop):
    """Eight members, four sales each: three a member, twenty a day."""
    limited("promo", TEN_OFF, limit("member_day", "uses", 3), limit("day", "uses", 20), goods=TEA)

    results = commits(shop, 32, cards=[CardFactory() for _ in range(8)])

    assert sum(off(one.json()) for one in results) == 20 * 10_00
    own = LimitCounter.objects.filter(per="member_day").values_list("used", flat=True)
    assert max(own) <= 3
    assert books() == []


def test_two_offers_with_crossing_limits_do_not_deadlock(shop):
    limited("first", TEN_OFF, limit("total", "money", 95_00), limit("store", "uses", 7), goods=TEA)
    limited("second", TEN_OFF, limit("day", "uses", 11), limit("total", "uses", 9), goods=TEA)

    results = commits(shop, 24)

    assert {one.status_code for one in results} == {201}
    assert given() == (7 + 9) * 10_00
    assert books() == []


def test_voids_and_sales_at_once_agree(shop):
    limited("promo", TEN_OFF, limit("total", "uses", 8), goods=TEA)
    token = new_token()
    till = Till(token=token)
    sold = [sell(till, shop, f"V-{n}") for n in range(8)]
    voids = [partial(insist, Till(token=token), f"purchases/{one['id']}/void", {}, f"v-{n}")
             for n, one in enumerate(sold)]  # fmt: skip
    sales = [partial(insist, Till(token=token), "purchases",
                     purchase(shop, f"R-{n}", line("tea", 50_00)), f"k-{n}")
             for n in range(12)]  # fmt: skip

    done = race([*voids, *sales], seconds=120)

    assert not done.errors
    assert {one.status_code for one in done.results} == {201}
    counter = LimitCounter.objects.get()
    live = Receipt.objects.exclude(state="voided").aggregate(sum=Sum("discount_minor"))["sum"]
    assert counter.used * 10_00 == live
    assert counter.used <= 8
    assert books() == []


def test_reserved_quotes_never_hold_more_than_there_is(shop):
    limited("promo", TEN_OFF, limit("total", "uses", 5), goods=TEA)
    token = new_token()
    sell(Till(token=token), shop, "warm", 1, lines=[line("other", 1)])

    done = race([partial(reserve, Till(token=token), shop)] * 16, seconds=120)

    assert not done.errors
    assert sum(one["hold"] is not None for one in done.results) == 5
    counter = LimitCounter.objects.get()
    assert (counter.used, counter.held) == (0, 5)
    assert books() == []


# Controls


def test_control_without_the_claim_the_same_race_gives_too_much(shop, monkeypatch):
    """Reading what is left, and writing it down afterwards, is not enough."""
    limited("promo", TEN_OFF, limit("total", "uses", 10), goods=TEA)
    monkeypatch.setattr(limiting, "SALES_TO_SPARE", 0)
    monkeypatch.setattr(committing, "count", lambda sold: None)

    results = commits(shop, 32)

    assert sum(off(one.json()) == 10_00 for one in results) > 10


def test_control_without_its_condition_the_database_refuses(shop, monkeypatch):
    """Were the claim to forget its condition, the constraint of the table would still hold."""
    limited("promo", TEN_OFF, limit("total", "uses", 10), goods=TEA)
    monkeypatch.setattr(limiting, "SALES_TO_SPARE", 0)
    unconditional = counters._CLAIM.replace("<= EXCLUDED.most", "<= EXCLUDED.most + 1000")
    assert unconditional != counters._CLAIM
    monkeypatch.setattr(counters, "_CLAIM", unconditional)

    results = commits(shop, 32, send=Till.post)

    refused = [one for one in results if one.status_code == 500]
    assert refused
    assert LimitUse.objects.aggregate(sum=Sum("used"))["sum"] == 10
    with pytest.raises(IntegrityError):
        LimitCounter.objects.update(used=11)
