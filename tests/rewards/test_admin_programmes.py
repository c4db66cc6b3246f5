"""The settings of the programme and the earning rules, as marketers change them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from loyalty_crm.kernel.models import AuditEntry
from rewards.forms import ProgrammeForm
from rewards.models import Programme
from rewards.services import promotions
from tests.factories.members import CategoryFactory
from tests.factories.promotions import TILL, make_programme
from tests.staff import at_desk

pytestmark = pytest.mark.django_db


def settings_of(programme, **changes):
    """What the browser would send: every field as the page shows it."""
    page = ProgrammeForm(instance=programme)
    shown = {bound.name: bound.value() for bound in page}
    return {**shown, "version": programme.version, **changes}


def change(role, programme, **changes):
    address = reverse("admin:rewards_programme_change", args=[programme.pk])
    return at_desk(role).post(address, settings_of(programme, **changes))


@pytest.mark.parametrize(
    ("role", "status"),
    [("admin", 302), ("marketer", 302), ("store_manager", 403), ("analyst", 403)],
)
def test_the_programme_is_changed_by_those_who_may(role, status):
    programme = make_programme()

    assert change(role, programme, max_points_share_percent="30").status_code == status
    share = Programme.objects.get().max_points_share_percent
    assert share == (30 if status == 302 else 50)


def test_only_what_was_changed_goes_into_the_trail():
    change("marketer", make_programme(), point_value_minor="0.05", expiry_days="100")

    entry = AuditEntry.objects.get(action="programme.updated")
    assert entry.after == {"point_value_minor": 5, "expiry_days": 100}
    assert entry.before == {"point_value_minor": 1, "expiry_days": 365}


def test_of_two_editors_the_second_is_told():
    programme = make_programme()
    change("marketer", programme, expiry_days="100")

    answer = change("admin", programme, expiry_days="200")

    assert answer.status_code == 422
    assert "Somebody else" in answer.content.decode()
    assert Programme.objects.get().expiry_days == 100


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("max_points_share_percent", "101", "percent"),
        ("point_value_minor", "0.001", "amount of money"),
        ("point_value_minor", "NaN", "amount of money"),
        ("time_zone", "Mars/Base", "IANA"),
        ("expiry_dates", "31-12", "MM-DD"),
        ("min_redeem_points", "-5", "below zero"),
        ("expiry", "sometimes", "Select a valid choice"),
        ("version", "x", "Somebody else"),
    ],
)
def test_a_bad_setting_is_named_and_nothing_changes(field, value, complaint):
    programme = make_programme()

    answer = change("admin", programme, **{field: value})

    assert answer.status_code == 422
    assert complaint.lower() in answer.content.decode().lower()
    assert Programme.objects.get().version == 1


def test_the_preview_counts_with_what_stands_in_the_form_and_saves_nothing():
    programme = make_programme()
    address = reverse("admin:rewards_programme_preview", args=[programme.pk])
    typed = settings_of(programme, point_value_minor="0.10", max_points_share_percent="20")

    page = at_desk("marketer").post(address, typed).content.decode()

    assert "100 points, worth $10.00" in page
    assert "at most $10.00" in page
    assert Programme.objects.get().version == 1


def test_the_preview_says_when_a_field_is_wrong():
    programme = make_programme()
    address = reverse("admin:rewards_programme_preview", args=[programme.pk])

    page = (
        at_desk("marketer").post(address, settings_of(programme, expiry_days="")).content.decode()
    )

    assert "not filled in rightly" in page


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (
            {"effects": [{"kind": "earn_rate", "points": 1, "per_minor": 1000}]},
            "1 point for every $10.00",
        ),
        (
            {"effects": [{"kind": "fixed_points", "points": 50}]},
            "50 points once a receipt",
        ),
        ({"effects": [{"kind": "amount_off", "amount_minor": 500}]}, "5.00"),
        (
            {
                "effects": [{"kind": "earn_rate", "points": 2, "per_minor": 100}],
                "goods": {"include": {"categories": ["dairy"], "skus": ["7"]}},
                "when": {
                    "all": [
                        {"kind": "card", "shown": True},
                        {"kind": "schedule", "weekdays": [1, 2], "first_day": "2026-01-02"},
                    ]
                },
            },
            (
                "Dairy goods, SKU 7: 2 points for every $1.00, with a card,"
                " on Mon, Tue from 01/02/2026"
            ),
        ),
    ],
)
def test_a_rule_reads_as_a_sentence(definition, said):
    CategoryFactory(code="dairy", name="Dairy goods")
    promotion = promotions.create(programme=make_programme(), code="r", name="r", actor=TILL)
    promotions.publish(promotion=promotion, definition=definition, actor=TILL)

    address = reverse("admin:rewards_promotion_change", args=[promotion.pk])

    assert said in at_desk("analyst").get(address).context["says"].replace("\xa0", " ")
