"""Stacking groups: every mode with its figures, changed from one sale to the next."""

from __future__ import annotations

import re

import pytest
from django.db import DatabaseError
from django.urls import reverse

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry, OutboxEvent
from rewards.models import StackingGroup
from rewards.services.stacking_groups import change_group, create_group
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.ledger_tools import by_owner
from tests.rewards.till_client import Till, basket, line, purchase
from tests.staff import at_desk

pytestmark = pytest.mark.django_db

# Each takes its share of what the ones before have left, in the order of priority.
SHARES = {"ten": 1000, "twenty": 2000, "five": 500}


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def shop(programme):
    return StoreFactory(code="S1")


@pytest.fixture
def till():
    return Till()


def patch(till, code, body, key="k", **headers):
    return till.integrator.patch(f"/api/v1/promotion-groups/{code}", body, key, **headers)


def three_of(group, programme):
    for number, (code, share) in enumerate(SHARES.items()):
        off = {"kind": "percent_off", "basis_points": share, "phase": "basket"}
        version = make_promotion(programme, code, off, stacking={"group": group})
        assert version.priority == 100, number


def discount(till, shop):
    return till.post("quotes", basket(shop, line("tea", 100_00)), key=None).json()


def test_every_mode_comes_to_its_figures_at_the_next_quote(programme, shop, till):
    made = till.post("promotion-groups", {"code": "sale", "name": "Sale", "mode": "all"})
    assert (made.status_code, made.json()["version"]) == (201, 1)
    three_of("sale", programme)
    found = {}

    for number, mode in enumerate(["all", "first", "best_member", "best_shop", "max_n"]):
        changed = patch(till, "sale", {"mode": mode, "n": 2}, key=f"m{number}")
        assert changed.json()["mode"] == mode
        found[mode] = discount(till, shop)["totals"]["discount"]["amount"]

    assert found == {
        "all": 10_00 + 18_00 + 3_60,  # 100.00, 90.00, 72.00
        "first": 10_00,
        "best_member": 20_00,
        "best_shop": 5_00,
        "max_n": 10_00 + 18_00,
    }


def test_the_losers_of_a_group_say_who_won(programme, shop, till):
    create_group(programme=programme, code="g", name="g", mode="best_member", actor=SYSTEM)
    three_of("g", programme)

    said = {one["promotion"]: one for one in discount(till, shop)["decisions"]}

    assert (said["ten"]["outcome"], said["ten"]["reason"]) == ("beaten", "group")
    assert said["ten"]["params"] == {"by": "twenty"}
    assert said["twenty"]["outcome"] == "applied"


def test_a_receipt_comes_back_as_it_was_sold_whatever_the_group_says_now(programme, shop, till):
    group = create_group(programme=programme, code="g", name="g", mode="all", actor=SYSTEM)
    three_of("g", programme)
    card = CardFactory()
    sold = till.post("purchases", purchase(shop, "R-1", line("tea", 100_00), card=card)).json()
    assert (sold["totals"]["total"]["amount"], sold["points"]["earned"]) == (68_40, 68)

    change_group(group=group, changes={"mode": "best_shop"}, actor=SYSTEM)
    back = till.post(f"purchases/{sold['id']}/refunds", {"number": "B-1"}).json()["refund"]

    assert (back["money"]["amount"], back["points_taken_back"]) == (68_40, 68)


def test_a_wording_may_name_only_a_group_that_exists(programme, till):
    made = till.post("promotions", {"code": "p", "name": "p"}).json()
    wording = {"effects": [{"kind": "fixed_points", "points": 1}], "stacking": {"group": "none"}}

    refused = till.post(f"promotions/{made['id']}/versions", {"definition": wording})

    assert (refused.status_code, refused.json()["code"]) == (422, "definition_invalid")
    [fault] = refused.json()["errors"]
    assert (fault["pointer"], fault["params"]) == (
        "/definition/stacking/group", {"group": "none"},
    )  # fmt: skip
    create_group(programme=programme, code="none", name="n", mode="first", actor=SYSTEM)
    assert (
        till.post(f"promotions/{made['id']}/versions", {"definition": wording}).status_code == 201
    )


def test_a_group_changes_once_per_version_read(programme, till):
    till.post("promotion-groups", {"code": "g", "name": "G", "mode": "first"})
    read = till.get("promotion-groups/g")
    assert read["ETag"] == '"1"'

    changed = patch(till, "g", {"name": "Other"}, key="a", If_Match=read["ETag"])
    late = patch(till, "g", {"mode": "all"}, key="b", If_Match=read["ETag"])

    assert (changed.status_code, changed["ETag"]) == (200, '"2"')
    assert (late.status_code, late.json()["code"]) == (409, "conflict_version")
    assert StackingGroup.objects.get().mode == "first"
    assert list(AuditEntry.objects.filter(object_type="promotion_group").order_by("id")
                .values_list("action", "after")) == [
        ("promotion_group.created", {"n": 1, "mode": "first", "name": "G"}),
        ("promotion_group.changed", {"name": "Other"}),
    ]  # fmt: skip
    assert OutboxEvent.objects.filter(kind__startswith="promotion_group.").count() == 2


def test_a_change_to_the_same_leaves_no_trace(programme):
    group = create_group(programme=programme, code="g", name="g", mode="all", actor=SYSTEM)

    same = change_group(group=group, changes={"mode": "all"}, actor=SYSTEM)

    assert same.version == 1
    assert not AuditEntry.objects.filter(action="promotion_group.changed").exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"code": "g", "name": "G", "mode": "all"}, 409, "group_code_taken"),
        ({"code": "h", "name": "G", "mode": "best"}, 400, "validation_failed"),
        ({"code": "h", "name": "G", "mode": "max_n", "n": 0}, 400, "validation_failed"),
        ({"code": "H h", "name": "G", "mode": "all"}, 400, "validation_failed"),
        ({"code": "h", "name": "G", "mode": "all", "m": 1}, 400, "unknown_field"),
    ],
)
def test_what_a_group_cannot_be(programme, till, body, status, code):
    create_group(programme=programme, code="g", name="g", mode="all", actor=SYSTEM)

    refused = till.post("promotion-groups", body)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert StackingGroup.objects.count() == 1


def test_only_keys_for_rules_touch_groups(programme):
    reader = Till("rules:read")

    assert (
        reader.post("promotion-groups", {"code": "g", "name": "G", "mode": "all"}).status_code
        == 403
    )
    assert reader.get("promotion-groups").json()["data"] == []
    assert Till("sales:read").get("promotion-groups").status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "change",
    ["UPDATE rewards_stackinggroup SET code = 'h'", "DELETE FROM rewards_stackinggroup",
     "UPDATE rewards_stackinggroup SET mode = 'best'", "UPDATE rewards_stackinggroup SET n = 0"],
)  # fmt: skip
def test_the_database_keeps_what_wordings_name(programme, change):
    create_group(programme=programme, code="g", name="g", mode="all", actor=SYSTEM)

    with pytest.raises(DatabaseError):
        by_owner(change)

    assert StackingGroup.objects.filter(code="g", mode="all", n=1).exists()


def test_the_list_of_groups_costs_the_same_for_many(programme, till, django_assert_max_num_queries):
    for code in "abcdefgh":
        create_group(programme=programme, code=code, name=code, mode="all", actor=SYSTEM)

    with django_assert_max_num_queries(4):
        page = till.get("promotion-groups?limit=5").json()

    assert [one["code"] for one in page["data"]] == list("abcde")
    rest = till.get(f"promotion-groups?limit=5&after={page['next']}").json()
    assert [one["code"] for one in rest["data"]] == list("fgh")


# The admin


def send(desk, address, **fields):
    given = {"name": "G", "code": "g", "mode": "first", "n": 1, "read": "", **fields}
    return desk.post(address, given)


def test_a_marketer_makes_and_changes_a_group(programme):
    desk = at_desk("marketer")
    assert send(desk, reverse("admin:rewards_stackinggroup_add")).status_code == 302
    group = StackingGroup.objects.get()
    make_promotion(programme, "p", {"kind": "fixed_points", "points": 1}, stacking={"group": "g"})
    address = reverse("admin:rewards_stackinggroup_change", args=[group.pk])

    assert send(desk, address, mode="max_n", n=3, read=1).status_code == 302
    late = send(desk, address, mode="all", read=1)

    assert "Somebody else has changed the group" in late.content.decode()
    group.refresh_from_db()
    assert (group.mode, group.n, group.version, group.code) == ("max_n", 3, 2, "g")
    listed = desk.get(reverse("admin:rewards_stackinggroup_changelist")).content.decode()
    assert re.search(r"field-promotions[^>]*>\s*1\s*<", listed)


def test_a_taken_code_is_said_under_its_field(programme):
    desk = at_desk("marketer")
    create_group(programme=programme, code="g", name="g", mode="all", actor=SYSTEM)

    said = send(desk, reverse("admin:rewards_stackinggroup_add")).content.decode()

    assert "A stacking group with this code exists" in said


@pytest.mark.parametrize("role", ["analyst", "store_manager"])
def test_others_may_look_at_groups_and_change_nothing(programme, role):
    group = create_group(programme=programme, code="g", name="g", mode="all", actor=SYSTEM)
    desk, address = at_desk(role), reverse("admin:rewards_stackinggroup_change", args=[group.pk])

    assert desk.get(address).status_code == 200
    assert send(desk, address, mode="first", read=1).status_code == 403
    assert desk.get(reverse("admin:rewards_stackinggroup_add")).status_code == 403
