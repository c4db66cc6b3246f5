"""Actions that earn without a purchase: told twice they pay once, over the limit nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from loyalty_crm.kernel.roles import as_owner
from rewards.models import ActionEvent, AwardBalance, Bonus, Coupon
from rewards.rules.bonuses import Reward, RewardInvalid, checked
from rewards.rules.slots import slot_of
from rewards.services import bonuses, events
from rewards.services.bonuses import Due
from rewards.services.events import Action
from rewards.services.programmes import default_programme
from tests.concurrency import race
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.beyond_tools import Caller, balance, kind_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(api):
    make_programme()
    return Caller(api("actions:read", "actions:write", "actions:decide"))


def told(member, number="e-1", kind="review", **more):
    return {
        "source": "site",
        "id": number,
        "kind": kind,
        "member": {"id": str(member.public_id)},
        "occurred_at": clock.now().isoformat(),
        **more,
    }


def test_a_review_earns_points_once(shop):
    member, body = MemberFactory(), None
    kind_of()
    body = told(member)

    first = shop.post("events", 201, **body)
    again = shop.post("events", 201, **body)

    assert (first["state"], first["given"]["amount"]) == ("granted", 50)
    assert again == {**first, "duplicate_of_existing": True}
    assert balance(member) == 50
    assert OutboxEvent.objects.filter(kind="bonus.given").count() == 1


def test_the_same_id_with_another_content_is_refused(shop):
    kind_of()
    shop.post("events", 201, **told(MemberFactory()))

    refused = shop.post("events", 409, **told(MemberFactory()))

    assert refused["code"] == "source_ref_conflict"


@pytest.mark.parametrize(
    ("once", "second", "state"),
    [
        ("ever", {}, "over_limit"),
        ("day", {}, "over_limit"),
        ("always", {}, "granted"),
        ("object", {"object": "sku-1"}, "over_limit"),
        ("object", {"object": "sku-2"}, "granted"),
    ],
)
def test_limits(shop, once, second, state):
    member = MemberFactory()
    kind_of(once=once)
    shop.post("events", 201, **told(member, object="sku-1"))

    later = shop.post("events", 201, **told(member, "e-2", **second))

    assert later["state"] == state
    assert balance(member) == (100 if state == "granted" else 50)
    # Told again, it is the same event, not another chance.
    assert shop.post("events", 201, **told(member, "e-2", **second) | {
        "occurred_at": later["occurred_at"]
    })["duplicate_of_existing"]  # fmt: skip


def test_slots_are_days_of_the_calendar():
    def slot(once, day):
        return slot_of(once=once, day=day, object_ref="o", event="e")

    assert slot("week", date(2026, 12, 31)) == slot("week", date(2027, 1, 3)) == "2026-W53"
    assert slot("month", date(2026, 1, 31)) != slot("month", date(2026, 2, 1))
    assert slot("year", date(2026, 12, 31)) != slot("year", date(2027, 1, 1))
    assert slot("always", date(2026, 1, 1)) == "event:e"


def test_a_person_decides_and_says_why(shop):
    member = MemberFactory()
    kind_of(needs_approval=True, needs_proof=True, once="always")
    assert shop.post("events", 400, **told(member))["code"] == "validation_failed"
    proof = {"proof_url": "https://example.org/review/1"}
    first = shop.post("events", 201, **told(member, "e-1", **proof))
    second = shop.post("events", 201, **told(member, "e-2", **proof))
    assert (first["state"], balance(member)) == ("pending", 0)

    yes = shop.post(f"events/{first['id']}/approve")
    no = shop.post(f"events/{second['id']}/reject", reason="Not about us")

    assert (yes["state"], no["state"], no["reason"]) == ("granted", "rejected", "Not about us")
    assert balance(member) == 50
    again = shop.post(f"events/{first['id']}/reject", 409, reason="Too late")
    assert (again["code"], again["params"]["state"]) == ("event_decided", "granted")


def test_a_reward_is_taken_back_even_into_debt(shop):
    member = MemberFactory()
    kind_of()
    event = shop.post("events", 201, **told(member))

    back = shop.post(f"events/{event['id']}/reverse", reason="The review was deleted")

    assert (back["state"], balance(member)) == ("reversed", 0)
    assert shop.post(f"events/{event['id']}/reverse", 409, reason="x")["code"] == "event_decided"


def test_a_batch_tells_of_each(shop):
    member = MemberFactory()
    kind_of()
    rows = [told(member, "b-1"), told(member, "b-2", kind="nothing"), told(member, "b-1")]
    rows.append(told(member, "b-3") | {"member": {"phone": "+79990000000"}})
    rows[2]["occurred_at"] = rows[0]["occurred_at"]

    said = shop.post("events/batch", events=rows)["data"]

    assert [row["code"] for row in said] == ["", "event_kind_unknown", "", "member_unknown"]
    assert said[2]["event"]["duplicate_of_existing"]
    assert balance(member) == 50


def test_bad_input_is_refused_in_words(shop):
    member = MemberFactory()
    kind_of()
    future = (clock.now() + timedelta(days=1)).isoformat()

    assert shop.post("events", 422, **told(member, kind="x"))["code"] == "event_kind_unknown"
    late = shop.post("events", 422, **told(member, occurred_at=future))
    assert late["code"] == "occurred_in_future"
    shop.post("events", 400, **told(member, proof_url="javascript:alert(1)"))
    shop.post("events", 400, **told(member) | {"member": {}})
    shop.get("events?state=pending&nonsense=1", 400)
    shop.get("events?member=nobody", 400)


def test_lists_are_pages_with_filters(shop, django_assert_num_queries):
    kind_of(once="always")
    members = [MemberFactory() for _ in range(3)]
    for number, member in enumerate(members):
        shop.post("events", 201, **told(member, f"l-{number}"))

    page = shop.get("events?limit=2")
    rest = shop.get(f"events?limit=2&after={page['next']}")
    mine = shop.get(f"events?member={members[0].public_id}&state=granted&kind=review")

    assert [len(one["data"]) for one in (page, rest, mine)] == [2, 1, 1]
    assert shop.get(f"events/{mine['data'][0]['id']}") == mine["data"][0]
    assert [kind["code"] for kind in shop.get("events/kinds")["data"]] == ["review"]
    with connection.execute_wrapper(_count(queries := [])):
        shop.get("events?limit=1")
    one = len(queries)
    with connection.execute_wrapper(_count(more := [])):
        shop.get("events?limit=3")
    assert len(more) == one


def _count(seen):
    def wrapper(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.parametrize("kind", ["stamps", "draw_tickets", "game_plays"])
def test_counted_rewards_go_to_their_balance_and_back(shop, kind):
    member = MemberFactory()
    kind_of(reward=Reward(kind=kind, code="coffee", amount=3))

    event = shop.post("events", 201, **told(member))
    assert AwardBalance.objects.get(member=member, kind=kind, code="coffee").balance == 3

    shop.post(f"events/{event['id']}/reverse", reason="mistake")
    assert AwardBalance.objects.get(member=member, kind=kind, code="coffee").balance == 0


def test_coupons_and_tags_are_given_and_ended(shop):
    member = MemberFactory()
    make_promotion(default_programme(), "ten", {"kind": "fixed_points", "points": 5})
    kind_of("survey", Reward(kind="coupon", code="ten", amount=2, valid_days=10))
    kind_of("app", Reward(kind="tag", code="has-app", valid_days=10))
    survey = shop.post("events", 201, **told(member, "s-1", "survey"))
    app = shop.post("events", 201, **told(member, "s-2", "app"))
    assert Coupon.objects.filter(member=member, revoked_at=None).count() == 2
    assert list(member.tags.values_list("tag_id", flat=True)) == ["has-app"]

    for event in (survey, app):
        shop.post(f"events/{event['id']}/reverse", reason="mistake")

    assert not Coupon.objects.filter(member=member, revoked_at=None).exists()
    assert not member.tags.exists()


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "points", "amount": 0},
        {"kind": "points", "amount": 5, "code": "x"},
        {"kind": "coupon", "amount": 1},
        {"kind": "gold", "amount": 1},
        {"kind": "tag", "code": "x", "amount": 2},
        {"kind": "points", "amount": 5, "valid_days": 0},
    ],
)
def test_a_reward_that_gives_nothing_sane_is_refused(value):
    with pytest.raises(RewardInvalid):
        checked(value)


# Races: what meets, meets at a unique key.


def action(number="e-1"):
    return Action("site", number, "review", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.django_db(transaction=True)
def test_an_event_told_twice_at_once_pays_once():
    make_programme()
    member, _ = MemberFactory(), kind_of(once="always")
    tell = partial(events.record_event, member=member, action=action(), actor=SYSTEM)

    ran = race([tell] * 6)

    assert ran.overlap > 1
    assert ran.errors == []
    assert sorted(one.is_repeat for one in ran.results) == [False, *[True] * 5]
    assert balance(member) == 50


@pytest.mark.django_db(transaction=True)
def test_six_different_events_of_one_slot_pay_once():
    make_programme()
    member, _ = MemberFactory(), kind_of()
    calls = [
        partial(events.record_event, member=member, action=action(f"e-{no}"), actor=SYSTEM)
        for no in range(6)
    ]

    ran = race(calls)

    assert ran.errors == []
    states = sorted(one.event.state for one in ran.results)
    assert states == ["granted", *["over_limit"] * 5]
    assert balance(member) == 50


def test_negative_control_without_the_unique_slot_two_events_pay_twice(shop):
    """The database alone keeps the limit: with its key gone the same calls pay twice."""
    member = MemberFactory()
    kind_of()
    shop.post("events", 201, **told(member, "e-1"))
    other = {"kind_id": ActionEvent.objects.get().kind_id, "member_id": member.pk, "slot": "ever"}
    row = {"source": "x", "event_id": "x", "state": "pending", "digest": b"", **other}

    with pytest.raises(IntegrityError, match="one_rewarded_action_per_slot"), transaction.atomic():
        ActionEvent.objects.create(**row, occurred_at=clock.now())

    ActionEvent.objects.create(**{**row, "slot": "other"}, occurred_at=clock.now())


@pytest.mark.django_db(transaction=True)
def test_a_decision_is_made_once():
    make_programme()
    member, _ = MemberFactory(), kind_of(needs_approval=True)
    event = events.record_event(member=member, action=action(), actor=SYSTEM).event

    ran = race([partial(events.approve, event=event, actor=SYSTEM)] * 4)

    assert (len(ran.results), {type(one).__name__ for one in ran.errors}) == (1, {"EventDecided"})
    assert balance(member) == 50


def test_a_bonus_is_given_once_per_cause_in_one_batch():
    programme = make_programme()
    members = [MemberFactory() for _ in range(3)]
    due = [
        Due(one.pk, "test", str(one.pk), Reward(kind="points", amount=7), date(2026, 1, 1))
        for one in members
    ]

    first = bonuses.give([*due, due[0]], programme=programme, actor=SYSTEM)
    again = bonuses.give(due, programme=programme, actor=SYSTEM)

    assert (len(first), len(again)) == (3, 0)
    assert [balance(one) for one in members] == [7, 7, 7]
    taken = [one.pk for one in first.values()]
    assert bonuses.take_back(taken, reason="over", actor=SYSTEM) == 3
    assert bonuses.take_back(taken, reason="over", actor=SYSTEM) == 0
    assert [balance(one) for one in members] == [0, 0, 0]


def test_the_number_of_statements_does_not_grow_with_the_members():
    programme = make_programme()
    day = date(2026, 1, 1)

    def cost(count, source):
        members = [MemberFactory() for _ in range(count)]
        reward = Reward(kind="points", amount=1)
        due = [Due(one.pk, source, str(one.pk), reward, day) for one in members]
        with connection.execute_wrapper(_count(seen := [])):
            bonuses.give(due, programme=programme, actor=SYSTEM)
        return len(seen)

    assert cost(1, "one") == cost(20, "many")


@pytest.mark.django_db(transaction=True)
def test_the_database_keeps_what_was_decided():
    make_programme()
    member, _ = MemberFactory(), kind_of()
    event = events.record_event(member=member, action=action(), actor=SYSTEM).event

    with pytest.raises(IntegrityError, match="does not follow"), transaction.atomic():
        ActionEvent.objects.filter(pk=event.pk).update(state="pending")
    with as_owner(), pytest.raises(IntegrityError, match="given once"), transaction.atomic():
        Bonus.objects.filter(pk=event.bonus_id).update(amount=9)
