"""The back office's page of a ladder: worded, previewed, saved; and the member's panel."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import TierMembership, TierStructure
from rewards.services import tiers
from rewards.services.tiers.ladders import Step
from tests.factories.members import MemberFactory
from tests.factories.rewards import ProgrammeFactory
from tests.staff import at_desk

pytestmark = pytest.mark.django_db

STEPS = [Step("base", "Base", 0), Step("gold", "Gold", 50_000)]


@pytest.fixture
def programme():
    return ProgrammeFactory(is_default=True, currency="USD", time_zone="UTC")


@pytest.fixture
def ladder(programme):
    structure = TierStructure(programme=programme, code="club", name="Club", is_primary=True)
    return tiers.save_structure(structure=structure, steps=STEPS, actor=SYSTEM)


def form(*rows, **more):
    values = {
        "name": "Club", "code": "club", "is_primary": "on", "metric": "spend",
        "window": "rolling", "window_days": "365", "term_days": "365",
        "landing": "one_step", "grace_days": "0", "rises": "at_once", "needs": "all",
        "form-TOTAL_FORMS": len(rows),
        "form-INITIAL_FORMS": 0, **more,
    }  # fmt: skip
    for no, (code, name, threshold) in enumerate(rows):
        fields = {"code": code, "name": name, "threshold": threshold}
        values |= {f"form-{no}-{field}": value for field, value in fields.items()}
    return values


NEW = reverse("admin:rewards_tierstructure_new")


def page(structure):
    return reverse("admin:rewards_tierstructure_change", args=[structure.pk])


def test_a_marketer_makes_a_ladder_in_money(programme):
    desk = at_desk("marketer")
    assert desk.get(NEW).status_code == 200
    rows = [("base", "Base", "0"), ("gold", "Gold", "500.50"), ("", "", "")]
    assert desk.post(NEW, form(*rows)).status_code == 302
    made = TierStructure.objects.get()
    assert list(made.tiers.values_list("code", "threshold")) == [("base", 0), ("gold", 50_050)]
    assert 'value="500.50"' in desk.get(page(made)).content.decode()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "A", "5"), ("b", "B", "5")], "b must begin above"),
        ([("a", "A", "lots")], "amount of money"),
        ([("a", "", "5")], "a code, a name"),
        ([], "1 to 20"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_written(programme, rows, said):
    answer = at_desk("marketer").post(NEW, form(*rows))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not TierStructure.objects.exists()


def test_a_code_is_taken_once(ladder):
    answer = at_desk("marketer").post(NEW, form(("a", "A", "0")))
    assert answer.status_code == 422
    assert "with this code exists" in answer.content.decode()


def test_a_preview_counts_and_saves_nothing(ladder):
    for _ in range(3):
        MemberFactory()
    tiers.rise_all(structure=ladder)
    rows = [("base", "Base", "1"), ("gold", "Gold", "500")]
    text = at_desk("marketer").post(page(ladder), form(*rows, preview="1")).content.decode()
    assert "Members by tier" in text
    assert "no tier" in text
    assert list(ladder.tiers.values_list("threshold", flat=True)) == [0, 50_000]
    assert TierMembership.objects.count() == 3


def test_visits_and_points_are_typed_in_their_own_units(programme):
    programme.points_scale = 2
    programme.save()
    desk = at_desk("marketer")
    desk.post(NEW, form(("a", "A", "3"), code="v", metric="visits"))
    desk.post(NEW, form(("a", "A", "3.5"), code="p", metric="points"))
    found = dict(TierStructure.objects.values_list("code", "tiers__threshold"))
    assert found == {"v": 3, "p": 350}


def test_who_may(ladder):
    analyst = at_desk("analyst")
    assert analyst.get(page(ladder)).status_code == 200
    assert analyst.post(page(ladder), form(("a", "A", "0"))).status_code == 403
    assert analyst.get(NEW).status_code == 403
    assert at_desk("cashier").get(page(ladder)).status_code in (302, 403)


def test_the_member_panel_tells_tier_way_and_why(ladder):
    member = MemberFactory()
    tiers.rise_all(structure=ladder)
    address = reverse("admin:rewards_member_tier", args=[member.pk])
    desk = at_desk("marketer")
    text = desk.get(address).content.decode()
    assert "0.00 so far, 500.00 more for gold" in text
    assert "reached: Base" in text
    with CaptureQueriesContext(connection) as few:
        desk.get(address)
    for no in range(8):
        tiers.end_tier(structure=ladder, member=member, reason=f"test {no}", actor=SYSTEM)
        tiers.rise_all(structure=ladder)
    with CaptureQueriesContext(connection) as many:
        desk.get(address)
    assert len(few) == len(many)
