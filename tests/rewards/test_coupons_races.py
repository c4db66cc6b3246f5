"""Many tills at one coupon (quality bar 20): never one use more than allowed, never one less.

What the others wait for is the coupon's row, or the member's tally. The controls
take the condition out of the claim, and see more uses than there are.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from django.db import IntegrityError

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import CouponUse
from rewards.services.coupons import using
from rewards.services.coupons.issuing import issue_coupon
from tests.concurrency import race, race_processes
from tests.factories.members import CardFactory, MemberFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.coupon_tools import (
    counted,
    coupon_promotion,
    disagreeing,
    one_code,
    unique_codes,
)
from tests.rewards.ledger_tools import owner_did
from tests.rewards.till_client import ALL, Till, line, new_token, purchase, right_now

pytestmark = pytest.mark.django_db(transaction=True)

TILLS, USES = 32, 10
CONDITION = "AND (c.max_uses IS NULL OR c.uses + c.held + %(uses)s + %(held)s <= c.max_uses)"
CHECK = "coupon_never_used_too_often"
PUT_BACK = f"""
TRUNCATE rewards_coupon CASCADE;
ALTER TABLE rewards_coupon ADD CONSTRAINT {CHECK}
CHECK (max_uses IS NULL OR max_uses >= uses + held)
"""


@pytest.fixture
def shop(settings):
    # Neither throttle is the defence of these tests: they would hide it.
    settings.GUESSES_PER_MINUTE = settings.GUESSES_PER_DAY = 1000
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    coupon_promotion(make_programme())
    return StoreFactory(code="S1")


@pytest.fixture
def token():
    return new_token(*ALL, "coupons:redeem")


def redeem(token, code, number, card=None):
    """One till of many, over the API; what it was answered."""
    member = {"card": card.number} if card else None
    body = {"store": "S1", "code": code, "reference": f"R-{number}", "member": member}
    return Till(token=token).post("coupons/redeem", body, key=f"k{number}").status_code


def sell(token, code, number, at, card=None):
    body = purchase(StoreNamed, f"R-{number}", line("tea", 10_00), coupons=[code], occurred_at=at)
    if card:
        body["member"] = {"card": card.number}
    return Till(token=token).post("purchases", body, key=f"k{number}").status_code


class StoreNamed:
    code = "S1"


def outcomes(found):
    assert found.errors == []
    assert found.overlap > TILLS // 4
    return Counter(found.results)


def test_ten_uses_are_claimed_ten_times_by_thirty_two_tills(shop, token):
    """Processes of their own, as web servers are: nothing is shared but the database."""
    coupon = one_code(code="TENUSES", uses_per_code=USES)

    calls = [partial(redeem, token, "TENUSES", n) for n in range(TILLS)]
    found = race_processes(calls, seconds=120)

    assert outcomes(found) == {201: USES, 422: TILLS - USES}
    assert counted(coupon) == (USES, 0)
    assert disagreeing() == []


def test_control_without_the_condition_more_are_used_than_there_are(shop, token, monkeypatch):
    coupon = one_code(code="TENUSES", uses_per_code=USES)
    assert CONDITION in using._CLAIM
    monkeypatch.setattr(using, "_CLAIM", using._CLAIM.replace(CONDITION, ""))

    with owner_did(before=f"ALTER TABLE rewards_coupon DROP CONSTRAINT {CHECK}", after=PUT_BACK):
        found = race([partial(redeem, token, "TENUSES", n) for n in range(TILLS)])
        used = counted(coupon)[0]

    assert outcomes(found)[201] == used > USES


def test_control_the_table_itself_refuses_a_use_too_many(shop):
    coupon = one_code(code="TENUSES", uses_per_code=USES)

    with pytest.raises(IntegrityError, match=CHECK):
        type(coupon).objects.filter(pk=coupon.pk).update(uses=USES + 1)


def test_sales_at_ten_tills_use_a_single_code_once_and_the_others_pay_in_full_or_not_at_all(
    shop, token
):
    (coupon,) = unique_codes(1)
    at = right_now()

    found = race([partial(sell, token, coupon.code, n, at) for n in range(TILLS)])

    assert outcomes(found) == {201: 1, 422: TILLS - 1}
    assert counted(coupon) == (1, 0)
    assert disagreeing() == []


def test_one_member_uses_codes_of_a_batch_as_often_as_allowed(shop, token):
    card = CardFactory()
    codes = [one.code for one in unique_codes(TILLS, uses_per_member=3)]

    found = race([partial(redeem, token, code, n, card) for n, code in enumerate(codes)])

    assert outcomes(found) == {201: 3, 422: TILLS - 3}
    assert disagreeing() == []


def test_a_void_frees_one_use_and_one_only(shop, token):
    coupon, at = one_code(code="TENUSES", uses_per_code=USES), right_now()
    till, sold = Till(token=token), []
    for n in range(USES):
        body = purchase(shop, f"V-{n}", line("tea", 10_00), coupons=["TENUSES"], occurred_at=at)
        sold.append(till.post("purchases", body).json()["id"])
    void = partial(void_in_its_own_till, token, sold[0])

    race([partial(void, n) for n in range(8)])

    assert counted(coupon) == (USES - 1, 0)
    assert CouponUse.objects.filter(act="rolled_back").count() == 1
    found = race([partial(redeem, token, "TENUSES", n) for n in range(8)])
    assert Counter(found.results) == {201: 1, 422: 7}


def void_in_its_own_till(token, sale, number):
    return Till(token=token).post(f"purchases/{sale}/void", {}, key=f"v{number}").status_code


def test_a_coupon_is_issued_once_for_one_reference_by_many(shop):
    member = MemberFactory()
    give = partial(
        issue_coupon,
        promotion="half",
        member_id=member.pk,
        source="s",
        source_ref="1",
        actor=SYSTEM,
    )

    found = race([give] * 8)

    assert found.errors == []
    assert len({coupon.pk for coupon in found.results}) == 1
