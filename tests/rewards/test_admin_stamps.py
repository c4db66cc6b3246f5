"""Stamp programmes, second looks, challenges and leaderboards in the back office."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from rewards.models import (
    Badge,
    Challenge,
    ClaimTerms,
    Leaderboard,
    ManualStamp,
    Promotion,
    StampProgramme,
)
from rewards.services.stamps.by_hand import stamp_by_hand
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.stamp_tools import stamp_programme, stamps_of
from tests.till import make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    make_programme()
    client = Client()
    client.force_login(make_staff("mia", "marketer"))
    return client


def at(name, *args):
    return reverse(f"admin:rewards_{name}", args=args)


CARD = {
    "name": "Coffee", "code": "coffee", "kind": "stamps", "needed": "6", "is_active": "on",
    "reward_kind": "points", "reward_code": "", "reward_amount": "50", "carry_over": "on",
    "after_use": "debt", "manual_per_day": "3", "manual_direct": "2",
}  # fmt: skip


def test_a_marketer_makes_a_card_with_a_look_at_it(desk):
    preview = desk.post(at("stampprogramme_new"), {**CARD, "preview": "1"})
    assert preview.content.decode().count("<circle") == 24
    assert not StampProgramme.objects.exists()

    assert desk.post(at("stampprogramme_new"), CARD).status_code == 302
    made = StampProgramme.objects.get()
    assert (made.needed, made.reward_kind, made.reward_amount) == (6, "points", 50)
    page = desk.get(at("stampprogramme_change", made.pk)).content.decode()
    assert "No promotion puts these stamps on yet" in page
    drafted = desk.post(at("stampprogramme_promotion", made.pk))
    assert drafted.status_code == 302
    assert Promotion.objects.get(code="stamps-coffee").versions.count() == 1
    changed = {**CARD, "needed": "8", "carry_over": ""}
    assert desk.post(at("stampprogramme_change", made.pk), changed).status_code == 302
    made.refresh_from_db()
    assert (made.needed, made.carry_over) == (8, False)


def test_a_sum_is_written_as_money_and_faults_stand_at_their_fields(desk):
    money = {**CARD, "code": "sum", "kind": "sum", "needed": "100.50"}
    assert desk.post(at("stampprogramme_new"), money).status_code == 302
    assert StampProgramme.objects.get(code="sum").needed == 100_50
    for wrong in (
        {"needed": "x"}, {"needed": "0"}, {"code": "sum"},
        {"reward_kind": "next_coupon", "reward_code": "nothing"}, {"reward_kind": "what"},
    ):  # fmt: skip
        assert desk.post(at("stampprogramme_new"), {**CARD, **wrong}).status_code == 422
    assert StampProgramme.objects.count() == 1


def test_terms_of_claims(desk):
    terms = {"is_open": "on", "window_days": "7", "per_day": "2", "staff_per_day": "5"}
    asked = {**terms, "review_above_minor": "99.90"}
    assert desk.post(at("claimterms"), asked).status_code == 302
    saved = ClaimTerms.objects.get()
    assert (saved.window_days, saved.review_above_minor, saved.is_open) == (7, 99_90, True)


def test_a_second_person_agrees(desk):
    programme, member = stamp_programme(manual_direct=0), MemberFactory()
    asked = stamp_by_hand(
        programme=programme, member=member, amount=2, reason="torn", reference="1",
        actor=Actor("user", "999"),
    )  # fmt: skip
    page = at("manualstamp_change", asked.pk)
    assert "torn" in desk.get(page).content.decode()

    assert desk.post(page, {"agree": "1"}).status_code == 302

    assert (ManualStamp.objects.get().state, stamps_of(member)) == ("done", 2)


def test_challenges_badges_and_leaderboards(desk):
    sign = {"name": "Regular", "code": "regular", "text": "", "icon": "★"}
    assert desk.post(at("badge_new"), sign).status_code == 302
    day = clock.now().date()
    rows = {
        "form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0",
        "form-0-target": "3", "form-0-reward_kind": "points", "form-0-reward_amount": "10",
        "form-0-badge": Badge.objects.get().pk,
        "form-1-target": "", "form-1-reward_amount": "1",
    }  # fmt: skip
    asked = {
        "name": "Three", "code": "three", "text": "", "is_active": "on", "metric": "purchases",
        "grace_weeks": "0", "starts_on": day.isoformat(), "ends_on": "", "least_minor": "", **rows,
    }  # fmt: skip
    assert desk.post(at("challenge_new"), asked).status_code == 302
    made = Challenge.objects.get()
    [step] = made.steps.all()
    assert (step.target, step.reward_amount, step.badge.code) == (3, 10, "regular")
    for wrong in (
        {"form-0-target": "x"}, {"form-0-target": ""}, {"code": "three"},
        {"ends_on": (day - timedelta(days=1)).isoformat()},
        {"form-0-reward_kind": "next_coupon", "form-0-reward_code": "none"},
    ):  # fmt: skip
        assert desk.post(at("challenge_new"), {**asked, **wrong}).status_code == 422
    assert desk.get(at("challenge_change", made.pk)).status_code == 200
    board = {
        "name": "Week", "code": "week", "is_active": "on", "score": "visits", "cycle": "week",
        "places": "10", "freeze_after_hours": "24",
    }  # fmt: skip
    assert desk.post(at("leaderboard_new"), board).status_code == 302
    assert desk.get(at("leaderboard_change", Leaderboard.objects.get().pk)).status_code == 200


def test_the_panel_of_a_member(desk):
    programme, member = stamp_programme(needed=3, manual_direct=5), MemberFactory()
    stamp_by_hand(
        programme=programme, member=member, amount=2, reason="x", reference="1", actor=SYSTEM
    )
    panel = desk.get(at("member_stamps", member.pk)).content.decode()
    assert panel.count("<circle") == 3
    assert "2 / 3" in panel
