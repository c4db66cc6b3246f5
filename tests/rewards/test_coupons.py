"""Coupons at the till: which hold, what they give, who may use them how often; with figures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from rewards.models import CouponUse
from rewards.services.coupons.issuing import issue_coupon, take_back
from rewards.services.coupons.standalone import release_expired
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.coupon_tools import (
    counted,
    coupon_promotion,
    disagreeing,
    one_code,
    unique_codes,
)
from tests.rewards.till_client import ALL, Till, basket, line, purchase, usd

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def shop(programme):
    coupon_promotion(programme)
    return StoreFactory(code="S1")


@pytest.fixture
def till():
    return Till(*ALL, "coupons:read")


@pytest.fixture(autouse=True)
def _many_guesses(settings):
    """These tests show many wrong codes; test_coupons_guessing.py counts them."""
    settings.GUESSES_PER_MINUTE = settings.GUESSES_PER_DAY = 1000


@pytest.fixture(autouse=True)
def _counters_agree(db):
    yield
    assert disagreeing() == []


def quote(till, shop, *codes, card=None, **details):
    body = basket(shop, line("tea", 10_00), card=card, coupons=list(codes), **details)
    return till.post("quotes", body, key=None).json()


def fate(body):
    return [(one["status"], one["reason"]) for one in body["coupons"]]


def sell(till, shop, number, *codes, card=None, **details):
    body = purchase(shop, number, line("tea", 10_00), card=card, coupons=list(codes), **details)
    return till.post("purchases", body)


def refused(response):
    return response.status_code, response.json()["code"]


def test_a_generic_code_halves_the_price_however_it_is_typed(shop, till):
    one_code(code="SUMMER10", uses_per_code=None)

    for typed in ("SUMMER10", "summer10", "Sum-mer 10"):
        answer = quote(till, shop, typed)
        assert answer["totals"]["total"] == usd(5_00)
        assert answer["coupons"] == [
            {"code": "SUMMER10", "status": "applied", "reason": "", "text": "The coupon counts"}
        ]
    assert quote(till, shop)["totals"]["total"] == usd(10_00)


def test_a_unique_code_is_used_once_and_the_second_sale_is_refused(shop, till):
    coupon, other = unique_codes(2)

    sold = sell(till, shop, "R-1", coupon.code)
    assert (sold.status_code, sold.json()["totals"]["total"]) == (201, usd(5_00))
    assert fate(sold.json()) == [("applied", "")]
    assert counted(coupon) == (1, 0)
    assert refused(sell(till, shop, "R-2", coupon.code)) == (422, "coupon_unavailable")
    assert fate(quote(till, shop, coupon.code)) == [("refused", "used_up")]
    assert sell(till, shop, "R-2", other.code).status_code == 201
    shown = till.get(f"purchases/{sold.json()['id']}").json()
    assert shown["coupons"] == sold.json()["coupons"]


def test_a_code_of_three_uses_is_used_three_times(shop, till):
    coupon = one_code(code="THRICE", uses_per_code=3)

    answers = [sell(till, shop, f"R-{n}", "THRICE").status_code for n in range(4)]

    assert answers == [201, 201, 201, 422]
    assert counted(coupon) == (3, 0)


def test_a_personal_code_holds_for_its_member_alone(shop, till):
    owner, stranger = CardFactory(), CardFactory()
    coupon = issue_coupon(
        promotion="half", member_id=owner.member_id, source="test", source_ref="1", actor=SYSTEM
    )

    assert fate(quote(till, shop, coupon.code)) == [("refused", "no_member")]
    assert fate(quote(till, shop, coupon.code, card=stranger)) == [("refused", "other_member")]
    answer = quote(till, shop, coupon.code, card=owner)
    assert (fate(answer), answer["totals"]["total"]) == ([("applied", "")], usd(5_00))


def test_a_coupon_is_issued_once_for_a_reference_and_taken_back_while_unused(shop, till):
    card = CardFactory()
    given = {"promotion": "half", "member_id": card.member_id, "source": "s", "actor": SYSTEM}

    first = issue_coupon(**given, source_ref="1", valid_days=7)
    assert issue_coupon(**given, source_ref="1", valid_days=7) == first
    second = issue_coupon(**given, source_ref="2")
    assert second.batch_id == first.batch_id
    assert first.valid_until.date() == (clock.now() + timedelta(days=7)).date()
    sell(till, shop, "R-1", first.code, card=card)
    assert not take_back(source="s", source_ref="1", actor=SYSTEM)
    assert take_back(source="s", source_ref="2", actor=SYSTEM)
    assert fate(quote(till, shop, second.code, card=card)) == [("refused", "revoked")]


def test_a_member_uses_codes_of_a_batch_as_often_as_it_says(shop, till):
    codes = [one.code for one in unique_codes(4, uses_per_member=2)]
    mine, other = CardFactory(), CardFactory()

    answers = [sell(till, shop, f"R-{n}", codes[n], card=mine).status_code for n in range(3)]

    assert answers == [201, 201, 422]
    assert fate(quote(till, shop, codes[2], card=mine)) == [("refused", "member_limit")]
    assert fate(quote(till, shop, codes[2])) == [("refused", "no_member")]
    assert fate(quote(till, shop, codes[2], card=other)) == [("applied", "")]


def test_a_coupon_holds_in_its_time_and_in_its_stores(shop, till):
    now, hour = clock.now(), timedelta(hours=1)
    elsewhere = StoreFactory(code="S2")
    late = one_code(code="LATE", valid_from=now + hour).code
    over = one_code(code="OVER", valid_until=now - hour).code
    there = one_code(code="THERE", stores=["S2"]).code

    assert fate(quote(till, shop, late)) == [("refused", "not_yet")]
    assert fate(quote(till, shop, over)) == [("refused", "expired")]
    assert fate(quote(till, shop, there)) == [("refused", "other_store")]
    assert fate(quote(till, elsewhere, there)) == [("applied", "")]
    earlier = (now - 2 * hour).isoformat()
    assert fate(quote(till, shop, over, occurred_at=earlier)) == [("applied", "")]


def test_a_coupon_whose_promotion_gives_nothing_here_is_kept(programme, till):
    many = {"all": [{"kind": "basket_total", "amount_minor": 20_00}]}
    coupon_promotion(programme, when=many)
    shop, coupon = StoreFactory(code="S1"), one_code(code="BIGONES")

    answer = quote(till, shop, "BIGONES")
    assert answer["coupons"][0]["status"] == "not_applied"
    assert sell(till, shop, "R-1", "BIGONES").status_code == 201
    assert counted(coupon) == (0, 0)


def test_a_coupon_of_a_promotion_that_is_not_running_does_not_exist(programme, shop, till):
    coupon_promotion(programme, "later", starts_at=clock.now() + timedelta(days=1))
    one_code(code="TOMORROW", promotion="later")

    assert fate(quote(till, shop, "TOMORROW")) == [("refused", "not_live")]


def test_of_two_coupons_of_one_promotion_one_is_used(shop, till):
    first, second = unique_codes(2)

    sold = sell(till, shop, "R-1", first.code, second.code).json()

    assert fate(sold) == [("applied", ""), ("not_applied", "same_promotion")]
    assert (counted(first), counted(second)) == ((1, 0), (0, 0))


def test_a_sale_as_it_was_quoted_keeps_what_was_said_of_the_coupons(shop, till):
    told = quote(till, shop, "WRONG1")
    sold = sell(till, shop, "R-1", "WRONG1", quote_id=told["quote_id"])
    assert (sold.status_code, fate(sold.json())) == (201, [("refused", "coupon_unavailable")])

    assert refused(sell(till, shop, "R-2", "WRONG1")) == (422, "coupon_unavailable")
    other = quote(till, shop, "WRONG1")
    stale = sell(till, shop, "R-2", "WRONG2", quote_id=other["quote_id"])
    assert refused(stale) == (409, "quote_stale")


def test_a_coupon_that_went_between_quote_and_sale_makes_the_quote_stale(shop, till):
    (coupon,) = unique_codes(1)
    told = quote(till, shop, coupon.code)
    assert sell(till, shop, "R-1", coupon.code).status_code == 201

    stale = sell(till, shop, "R-2", coupon.code, quote_id=told["quote_id"])

    assert refused(stale) == (409, "quote_stale")
    fresh = stale.json()["params"]["quote"]
    assert (fate(fresh), fresh["totals"]["total"]) == ([("refused", "used_up")], usd(10_00))


@pytest.mark.parametrize(("reopens", "left"), [(True, (0, 0)), (False, (1, 0))])
def test_a_void_frees_the_coupon_as_its_batch_says(shop, till, reopens, left):
    coupon = one_code(code="ONCE", reopen_on_return=reopens)
    sold = sell(till, shop, "R-1", "ONCE").json()

    till.post(f"purchases/{sold['id']}/void", {})

    assert counted(coupon) == left


def test_only_a_full_return_frees_the_coupon(shop, till):
    coupon = one_code(code="ONCE")
    lines = [line("tea", 10_00, "2")]
    sold = till.post("purchases", purchase(shop, "R-1", *lines, coupons=["ONCE"])).json()
    part = {"number": "B-1", "lines": [{"line": 1, "quantity": "1"}]}
    till.post(f"purchases/{sold['id']}/refunds", part)
    assert counted(coupon) == (1, 0)

    till.post(f"purchases/{sold['id']}/refunds", {"number": "B-2"})
    again = till.post(f"purchases/{sold['id']}/refunds", {"number": "B-2"})

    assert again.status_code == 200
    assert counted(coupon) == (0, 0)
    assert sell(till, shop, "R-2", "ONCE").status_code == 201


def test_a_reserving_quote_keeps_the_coupon_for_its_sale(shop, till):
    coupon = one_code(code="ONCE")
    body = basket(shop, line("tea", 10_00), coupons=["ONCE"], reserve=True)
    kept = till.post("quotes", body).json()
    assert (kept["hold"]["points"], kept["hold"]["coupons"]) == (0, ["ONCE"])
    assert counted(coupon) == (0, 1)

    assert refused(sell(till, shop, "R-1", "ONCE")) == (422, "coupon_unavailable")
    mine = {"hold_id": kept["hold"]["id"], "quote_id": kept["quote_id"]}
    assert sell(till, shop, "R-2", "ONCE", **mine).status_code == 201
    assert counted(coupon) == (1, 0)
    assert refused(sell(till, shop, "R-3", "ONCE", hold_id=mine["hold_id"])) == (
        409,
        "hold_resolved",
    )


def test_points_and_a_coupon_are_held_together(shop, till):
    card, coupon = CardFactory(), one_code(code="ONCE", uses_per_member=1)
    till.post("purchases", purchase(shop, "R-0", line("tea", 100_00), card=card))
    body = basket(shop, line("tea", 10_00), card=card, coupons=["ONCE"], reserve=True)
    kept = till.post("quotes", {**body, "redeem": {"points": 100}}).json()
    assert (kept["hold"]["points"], kept["hold"]["coupons"]) == (100, ["ONCE"])

    sold = sell(
        till, shop, "R-1", "ONCE", card=card, redeem={"points": 100},
        hold_id=kept["hold"]["id"], quote_id=kept["quote_id"],
    )  # fmt: skip

    assert sold.status_code == 201
    assert sold.json()["wallet"]["held"] == 0
    assert counted(coupon) == (1, 0)


def test_a_reservation_that_nobody_took_ends_by_the_clock(shop, till):
    coupon = one_code(code="ONCE", uses_per_code=None, uses_per_member=1)
    card = CardFactory()
    till.post("quotes", basket(shop, line("tea", 10_00), card=card, coupons=["ONCE"], reserve=True))
    assert fate(quote(till, shop, "ONCE", card=card)) == [("refused", "member_limit")]

    assert release_expired(clock.now()) == 0
    assert release_expired(clock.now() + timedelta(minutes=16)) == 1

    assert counted(coupon) == (0, 0)
    assert fate(quote(till, shop, "ONCE", card=card)) == [("applied", "")]


def test_offline_receipts_are_taken_and_a_spent_coupon_is_noted(shop, till):
    coupon = one_code(code="ONCE")
    at = (clock.now() - timedelta(minutes=5)).isoformat()
    sales = [
        {"kind": "purchase", "key": f"k{n}", "purchase": purchase(
            shop, f"R-{n}", line("tea", 10_00), coupons=["ONCE"], occurred_at=at)}
        for n in range(2)
    ]  # fmt: skip

    answer = till.post("sync/batches", {"operations": sales}, key=None).json()

    assert [one["status"] for one in answer["results"]] == [201, 201]
    fates = [fate(one["body"]) for one in answer["results"]]
    assert fates == [[("applied", "")], [("refused", "coupon_unavailable")]]
    assert counted(coupon) == (1, 0)
    assert OutboxEvent.objects.get(kind="coupon.conflict").data["reason"] == "used_up"


def test_too_many_and_unreadable_codes_are_refused_by_their_place(shop, till):
    many, unreadable, twice = [f"C{n}" for n in range(6)], ["OK12", "%%"], ["OK12", "ok-12"]
    for codes, pointer in ((many, "/coupons"), (unreadable, "/coupons/1"), (twice, "/coupons")):
        answer = till.post("quotes", basket(shop, line("tea", 1), coupons=codes), key=None)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == pointer


def test_history_is_never_rewritten(shop, till):
    one_code(code="ONCE")
    sell(till, shop, "R-1", "ONCE")
    kinds = set(
        OutboxEvent.objects.filter(kind__startswith="coupon").values_list("kind", flat=True)
    )
    assert kinds == {"coupon.redeemed"}

    for change in (lambda uses: uses.update(act="released"), lambda uses: uses.delete()):
        with pytest.raises(Exception, match="permission denied"):
            change_in_its_own_session(change, CouponUse.objects.all())


def change_in_its_own_session(change, rows):
    with transaction.atomic():
        change(rows)


def test_a_rule_may_ask_for_the_coupon_of_another_promotion(programme, shop, till):
    never = {"all": [{"kind": "basket_total", "amount_minor": 10**9}]}
    coupon_promotion(programme, "idle", when=never)
    extra = {"all": [{"kind": "coupon", "codes": ["idle"]}]}
    make_promotion(programme, "gold", {"kind": "fixed_points", "points": 100}, when=extra)
    coupon, card = one_code(code="IDLE", promotion="idle"), CardFactory()

    sold = sell(till, shop, "R-1", "IDLE", card=card).json()

    assert (fate(sold), sold["points"]["earned"]) == ([("applied", "")], 110)
    assert counted(coupon) == (1, 0)


def test_five_coupons_cost_no_more_statements_than_one(shop, till):
    codes = [one.code for one in unique_codes(5)]
    quote(till, shop)

    def cost(*shown):
        with CaptureQueriesContext(connection) as queries:
            quote(till, shop, *shown)
        return len(queries)

    # One attempt is set down before the look-up, and taken out again after it.
    assert cost(*codes[:1]) == cost(*codes) == cost() + 2
