"""Rewards over the API: what a member can take and why not, taken, fetched, taken back."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Segment, SegmentMember, Tag
from members.services.groups import tag_member
from rewards.models import Coupon, Redemption, Tier, TierStructure
from rewards.services import tiers
from rewards.services.audit_ledger import audit_ledger
from rewards.services.tiers.ladders import Step
from tests.factories.catalogue import make_reward, make_service
from tests.factories.members import ProductFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory

pytestmark = pytest.mark.django_db

_refs = itertools.count(1)
SCOPES = ("rewards:read", "rewards:write", "rewards:redeem", "causes:pay", "members:write")


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def app(api, programme):
    return api(*SCOPES)


@pytest.fixture
def member(programme):
    return WalletFactory(programme=programme, points=1_000).member


def call(app, path, key=None, **body):
    return app.post(f"/api/v1/{path}", body, key=key or f"k{next(_refs)}")


def put(app, path, **body):
    return app.request("PUT", f"/api/v1/{path}", body, f"k{next(_refs)}")


def code_of(answer):
    return answer.json()["code"]


def take(app, reward, member, ref=None, **more):
    body = {"member": str(member.public_id), "source_ref": ref or f"r{next(_refs)}", **more}
    return call(app, f"rewards/{reward.public_id}/redeem", **body)


def missing(app, member, **query):
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    answer = app.get(f"/api/v1/rewards?member={member.public_id}&{asked}".rstrip("&"))
    assert answer.status_code == 200, answer.content
    return {
        one["code"]: [lack["text"] for lack in one["availability"]["missing"]]
        for one in answer.json()["data"]
    }


def test_a_member_sees_what_can_be_taken_and_what_is_missing(app, programme, member):
    ladder = TierStructure(programme=programme, code="club", name="Club", is_primary=True)
    steps = [Step("base", "Base", 0), Step("gold", "Gold", 100)]
    tiers.save_structure(structure=ladder, steps=steps, actor=SYSTEM)
    Tag.objects.create(code="vip", name="VIP")
    here = StoreFactory(code="here")
    make_reward(programme, "mug", price_points=400, stock=1)
    make_reward(programme, "bag", price_points=1_037)
    make_reward(programme, "gone", price_points=410, stock=0)
    make_reward(programme, "lounge", price_points=420, min_tier=Tier.objects.get(code="gold"))
    make_reward(programme, "secret", price_points=430, tags=["vip"])
    make_reward(programme, "loyal", price_points=440, min_membership_days=9_999)
    make_reward(programme, "local", price_points=450, stores=["elsewhere"])
    make_reward(programme, "draft", state="draft")

    found = missing(app, member)

    days = (member.enrolled_at + timedelta(days=9_999) - clock.now()).days + 1
    assert found == {
        "mug": [],
        "gone": ["None left"],
        "lounge": ["From tier Gold"],
        "secret": ["For chosen members only"],
        "loyal": [f"In {days} days"],
        "local": [],
        "bag": ["37 points more"],
    }
    assert "local" not in missing(app, member, store=here.code)
    tag_member(member=member, code="vip", source="test", actor=SYSTEM)
    assert missing(app, member)["secret"] == []


def test_a_segment_opens_a_reward_and_russian_says_what_is_missing(api, app, programme, member):
    segment = Segment.objects.create(code="moms", name="Moms")
    make_reward(programme, "toy", price_points=10, segments=["moms"])
    assert missing(app, member)["toy"] == ["For chosen members only"]
    SegmentMember.objects.create(segment=segment, member=member)
    assert missing(app, member)["toy"] == []


def test_the_list_costs_the_same_whatever_is_on_it(
    app, programme, member, django_assert_max_num_queries
):
    def listed():
        app.get(f"/api/v1/rewards?member={member.public_id}")

    def with_everything(code):
        make_reward(
            programme, code, stock=3, per_member=1, tags=["a"], segments=["b"], price_points=5
        )

    with_everything("one")
    with CaptureQueriesContext(connection) as before:
        listed()
    for number in range(30):
        with_everything(f"more-{number}")
    with django_assert_max_num_queries(len(before)):
        listed()


def test_it_is_written_put_on_offer_taken_fetched_with_its_code(app, programme, member):
    store = StoreFactory(code="S1")
    ProductFactory(sku="MUG")
    made = call(
        app, "rewards", code="mug", kind="product", name="Mug", price_points=250, product="MUG",
        translations={"ru": {"name": "Кружка"}}, stock_mode="counted", per_member=2,
    )  # fmt: skip
    assert made.status_code == 201, made.content
    reward = made.json()
    assert (reward["state"], reward["translations"]["ru"]["name"]) == ("draft", "Кружка")
    at = f"rewards/{reward['id']}"
    assert put(app, f"{at}/stock", store="S1", on_hand=2).json()["on_hand"] == 2
    assert call(app, f"{at}/state", state="live").json()["state"] == "live"

    asked = {"member": str(member.public_id), "source_ref": "web-1", "store": store.code}
    first = call(app, f"{at}/redeem", key="same", **asked)
    again = call(app, f"{at}/redeem", key="same", **asked)
    other_key = call(app, f"{at}/redeem", **asked)

    taken = first.json()
    assert (first.status_code, taken["state"], taken["points"]) == (201, "reserved", 250)
    assert first.content == again.content
    assert other_key.json()["id"] == taken["id"]
    here = f"redemptions/{taken['id']}"
    code = call(app, f"{here}/reveal").json()["pickup_code"]
    assert call(app, "redemptions/lookup", code=code.lower()).json()["id"] == taken["id"]
    assert call(app, f"{here}/fulfil", store="S1").json()["state"] == "fulfilled"
    twice = call(app, f"{here}/fulfil", store="S1")
    assert (twice.status_code, code_of(twice)) == (409, "redemption_state")
    back = call(app, f"{here}/cancel", reason="broken").json()
    assert (back["state"], back["reason"]) == ("cancelled", "broken")
    page = app.get(f"/api/v1/members/{member.public_id}/redemptions").json()["data"]
    assert [one["id"] for one in page] == [taken["id"]]
    assert not [one for one in audit_ledger() if one.count]


def test_the_code_stands_in_no_table(app, programme, member):
    taken = take(app, make_reward(programme), member).json()
    code = call(app, f"redemptions/{taken['id']}/reveal").json()["pickup_code"]
    row = repr(Redemption.objects.values().get())
    assert code.replace("-", "") not in row


def test_what_is_given_at_once_is_told_on_request_alone(app, programme, member):
    off = make_reward(programme, kind="discount", promotion=programme.promotions.get(code="base"))
    taken = take(app, off, member)
    assert taken.json()["state"] == "fulfilled"
    told = call(app, f"redemptions/{taken.json()['id']}/reveal").json()
    assert told["code"].replace("-", "") == Coupon.objects.get().code
    assert told["code"] not in taken.content.decode()


def test_refusals_of_taking_and_fetching(api, app, programme, member):
    here, there = StoreFactory(code="A"), StoreFactory(code="B")
    mug = make_reward(programme, stock={here: 1})

    assert code_of(take(app, mug, member, store="X")) == "validation_failed"
    none = take(app, mug, member, store="B")
    assert (code_of(none), none.json()["params"]["reasons"]) == (
        "reward_unavailable",
        ["none_left"],
    )
    dear = take(app, make_reward(programme, "car", price_points=9_999), member)
    assert code_of(dear) == "insufficient_points"
    taken = take(app, mug, member, "once", store="A").json()
    other = WalletFactory(programme=programme, points=500).member
    assert code_of(take(app, mug, other, "once", store="A")) == "source_ref_conflict"
    elsewhere = call(app, f"redemptions/{taken['id']}/fulfil", store="B")
    assert code_of(elsewhere) == "redemption_elsewhere"
    stranger = api("rewards:redeem", stores=("B",))
    assert code_of(call(stranger, f"redemptions/{taken['id']}/fulfil")) == "not_found"
    code = call(app, f"redemptions/{taken['id']}/reveal").json()["pickup_code"]
    assert code_of(call(stranger, "redemptions/lookup", code=code)) == "redemption_unknown"
    assert code_of(call(stranger, "redemptions/lookup", code="2222")) == "redemption_unknown"
    assert code_of(take(stranger, mug, other, store=there.code)) == "reward_unavailable"
    assert code_of(take(stranger, mug, other, store=here.code)) == "forbidden_store"


def test_guesses_of_codes_are_few(app, programme):
    for _ in range(5):
        assert (
            code_of(call(app, "redemptions/lookup", code="2222-2222-2222")) == "redemption_unknown"
        )
    assert code_of(call(app, "redemptions/lookup", code="3333")) == "too_many_requests"


def test_what_was_used_does_not_come_back(app, programme, member):
    spa = make_reward(programme, "spa", kind="partner_code")
    assert call(app, f"rewards/{spa.public_id}/codes", codes=["S-1"]).json() == {"added": 1}
    taken = take(app, spa, member).json()
    assert call(app, f"redemptions/{taken['id']}/reveal").json()["code"] == "S-1"
    used = call(app, f"redemptions/{taken['id']}/cancel", reason="x")
    assert (used.status_code, code_of(used)) == (422, "reward_used")


def test_a_reward_that_does_not_hold_together_is_refused_field_by_field(app, programme):
    made = call(
        app, "rewards", code="x", kind="product", name="X", price_points=1, per_member_days=3,
        starts_at="2030-01-02T00:00:00Z", ends_at="2030-01-01T00:00:00Z",
    )  # fmt: skip
    assert (made.status_code, code_of(made)) == (422, "reward_invalid")
    assert {one["pointer"] for one in made.json()["errors"]} == {
        "/product", "/per_member", "/ends_at",
    }  # fmt: skip
    unknown = call(
        app, "rewards", code="x", kind="product", name="X", price_points=1, product="NONE"
    )
    assert unknown.json()["errors"][0]["pointer"] == "/product"


def test_a_change_is_made_to_what_was_read(app, programme):
    reward = make_reward(programme, "mug", kind="experience")
    at = f"/api/v1/rewards/{reward.public_id}"
    etag = app.get(at).headers["ETag"]
    body = {"code": "mug", "kind": "experience", "name": "Tour", "price_points": 70}

    changed = app.request("PUT", at, body, "c1", If_Match=etag)
    late = app.request("PUT", at, {**body, "price_points": 80}, "c2", If_Match=etag)

    assert changed.json()["price_points"] == 70
    assert code_of(late) == "conflict_version"
    make_reward(programme, "bag")
    taken = app.request("PUT", at, {**body, "code": "bag"}, "c3")
    assert code_of(taken) == "reward_code_taken"
    assert call(app, f"rewards/{reward.public_id}/state", state="retired").status_code == 200
    gone = call(app, f"rewards/{reward.public_id}/state", state="live")
    assert code_of(gone) == "reward_state"


def test_scopes(api, programme, member):
    reader, reward = api("rewards:read"), make_reward(programme)
    assert take(reader, reward, member).status_code == 403
    assert reader.get("/api/v1/rewards").status_code == 200
    assert api("wallets:read").get("/api/v1/rewards").status_code == 403
    assert call(reader, "causes", code="a", name="A").status_code == 403


# Causes


def test_pledges_of_points_are_paid_and_a_wrong_payment_is_countered(app, programme, member):
    assert call(app, "causes", code="trees", name="Trees", is_default=True).status_code == 201
    call(app, "causes", code="cats", name="Cats")
    give = make_reward(programme, "give", kind="donation", value_minor=300, price_points=30)
    home = f"members/{member.public_id}/cause"
    assert app.get(f"/api/v1/{home}").json() == {"cause": "trees", "chosen": False}
    assert put(app, home, cause="cats").json() == {"cause": "cats", "chosen": True}
    assert code_of(put(app, home, cause="dogs")) == "cause_unknown"
    take(app, give, member)
    second = take(app, give, member).json()
    call(app, f"redemptions/{second['id']}/cancel", reason="x")

    def total():
        rows = app.get("/api/v1/causes/totals").json()["data"]
        (cats,) = [row for row in rows if row["cause"] == "cats"]
        return cats["by_points"]["amount"], cats["paid"]["amount"], cats["outstanding"]["amount"]

    assert total() == (300, 0, 300)
    paid_on = {"paid_on": "2026-03-01", "amount": {"amount": 301, "currency": "USD"}}
    more = call(app, "causes/cats/payments", document="PP-1", **paid_on)
    assert (code_of(more), more.json()["errors"][0]["params"]["outstanding"]) == (
        "payment_exceeds_pledged",
        300,
    )
    paid_on["amount"]["amount"] = 200
    paid = call(app, "causes/cats/payments", document="PP-1", **paid_on)
    again = call(app, "causes/cats/payments", document="PP-1", **paid_on)
    assert (paid.status_code, paid.json()["id"]) == (201, again.json()["id"])
    assert total() == (300, 200, 100)
    undo = f"cause-payments/{paid.json()['id']}/counter"
    assert call(app, undo, reason="wrong bank").json()["reverses"] == paid.json()["id"]
    assert code_of(call(app, undo, reason="wrong bank")) == "payment_countered"
    assert total() == (300, 0, 300)


# Services


def test_services_are_counted_used_and_given_back(app, programme, member):
    made = call(
        app, "services", code="alteration", name="Alteration",
        rules=[{"count": 2, "period": "year"}],
    )  # fmt: skip
    assert made.status_code == 201, made.content
    home = f"members/{member.public_id}/services"

    def left():
        return [one["left"] for one in app.get(f"/api/v1/{home}").json()["data"]]

    assert left() == [2]
    uses = [
        call(app, f"{home}/alteration/uses", reason="coat", source_ref=f"u{number}")
        for number in range(3)
    ]
    assert [one.status_code for one in uses] == [201, 201, 422]
    assert code_of(uses[2]) == "service_unavailable"
    again = call(app, f"{home}/alteration/uses", reason="coat", source_ref="u0")
    assert again.json()["id"] == uses[0].json()["id"]
    undo = f"service-uses/{uses[0].json()['id']}/cancel"
    assert call(app, undo, reason="not done").json()["of"] == uses[0].json()["id"]
    assert code_of(call(app, undo, reason="not done")) == "service_use_ended"
    assert left() == [1]
    granted = call(app, f"{home}/alteration/grants", count=3, reason="sorry", source_ref="g")
    assert granted.status_code == 201
    assert sorted(left()) == [1, 3]


def test_rules_of_a_service_are_for_different_tiers_or_periods(app, programme):
    twice = [{"count": 1}, {"count": 2}]
    made = call(app, "services", code="wash", name="Wash", rules=twice)
    assert code_of(made) == "reward_invalid"
    make_service(programme, "wash")
    assert code_of(call(app, "services", code="wash", name="Wash")) == "reward_code_taken"
