"""The settings of the programme and the earning rules, as marketers change them."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse

from loyalty_crm.kernel.models import AuditEntry
from rewards.forms import EarningRuleForm, ProgrammeForm
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.services import promotions
from tests.factories.members import BrandFactory, CategoryFactory, StoreFactory
from tests.factories.promotions import TILL, make_programme, make_promotion
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


def rule(**changes):
    return {"key": uuid.uuid4(), "name": "Dairy", "points": "5", "per_minor": "1", **changes}


def write(role, promotion, **changes):
    address = reverse("admin:rewards_promotion_word", args=[promotion.pk])
    return at_desk(role).post(address, rule(**changes))


def test_a_new_rule_is_written_down_and_published_in_one_step():
    make_programme()
    CategoryFactory(code="dairy", name="Dairy")
    asked = rule(code="dairy", categories=["dairy"], min_spend="10", publish="1")

    answer = at_desk("marketer").post("/admin/rewards/promotion/add/", asked)

    assert answer.status_code == 302
    version = PromotionVersion.objects.get(promotion__code="dairy")
    assert version.state == "live"
    assert version.definition == {
        "goods": {"include": {"categories": ["dairy"]}},
        "when": {"all": [{"kind": "min_spend", "amount_minor": 1000}]},
        "effects": [{"kind": "earn_rate", "points": 5, "per_minor": 100}],
    }


def test_a_code_that_is_taken_is_said_under_its_field():
    make_programme()

    answer = at_desk("marketer").post("/admin/rewards/promotion/add/", rule(code="base"))

    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"code"}


def test_a_double_click_writes_one_version():
    promotion = make_promotion_of_dairy()
    key = uuid.uuid4()

    answers = [write("marketer", promotion, key=key, points="7") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert promotion.versions.count() == 2


def make_promotion_of_dairy() -> Promotion:
    effect = {"kind": "earn_rate", "points": 2, "per_minor": 100}
    return make_promotion(make_programme(), "dairy", effect).promotion


def test_a_draft_waits_until_it_is_published():
    promotion = make_promotion_of_dairy()
    write("marketer", promotion, points="7")
    assert promotion.versions.get(state="live").number == 1

    address = reverse("admin:rewards_promotion_publish", args=[promotion.pk, 2])
    shown = at_desk("marketer").get(address).content.decode()
    at_desk("marketer").post(address)

    assert "7 points for every $1.00" in shown
    assert promotion.versions.get(state="live").number == 2


def test_a_rule_is_paused_and_resumed():
    promotion, desk = make_promotion_of_dairy(), at_desk("marketer")
    pause = reverse("admin:rewards_promotion_pause", args=[promotion.pk])

    assert desk.post(pause, {"reason": ""}).status_code == 200
    assert promotion.versions.filter(state="live").exists()
    desk.post(pause, {"reason": "Budget is spent"})
    assert not promotion.versions.filter(state="live").exists()
    assert desk.post(pause, {"reason": "Again"}).status_code == 422
    desk.post(reverse("admin:rewards_promotion_resume", args=[promotion.pk]))

    assert promotion.versions.get(state="live").number == 2


@pytest.mark.parametrize("role", ["store_manager", "analyst"])
@pytest.mark.parametrize("verb", ["word", "pause", "resume"])
def test_rules_are_closed_to_other_roles(role, verb):
    promotion = make_promotion_of_dairy()
    address = reverse(f"admin:rewards_promotion_{verb}", args=[promotion.pk])

    answer = at_desk(role).post(address, rule(publish="1", reason="x"))

    assert answer.status_code == 403
    assert promotion.versions.get().state == "live"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("per_minor", "0"),
        ("points", "-1"),
        ("points", ""),
        ("categories", ["nowhere"]),
        ("key", ""),
    ],
)
def test_a_bad_rule_is_not_written(field, value):
    promotion = make_promotion_of_dairy()

    assert write("marketer", promotion, **{field: value}).status_code == 422
    assert promotion.versions.count() == 1


def test_the_form_reads_back_what_it_wrote():
    CategoryFactory(code="dairy")
    BrandFactory(code="acme")
    StoreFactory(code="S1")
    programme = make_programme()
    asked = {
        **rule(categories=["dairy"], brands=["acme"], skus="1 2", excluded_skus="3"),
        "stores": ["S1"],
        "min_spend": "9.90",
        "first_day": "2026-01-01",
        "last_day": "2026-02-01",
    }
    form = EarningRuleForm(asked, programme=programme)
    assert form.is_valid(), form.errors

    again = EarningRuleForm.initial_of(form.definition())

    assert again is not None
    reread = EarningRuleForm(
        {**asked, **again, "per_minor": "1", "min_spend": "9.90"}, programme=programme
    )
    assert reread.is_valid(), reread.errors
    assert reread.definition() == form.definition()


def test_a_rule_that_says_more_than_the_form_can_is_shown_and_not_opened():
    effect = {"kind": "percent_off", "basis_points": 1000}
    promotion = make_promotion(make_programme(), "off", effect).promotion
    desk = at_desk("marketer")

    page = desk.get(reverse("admin:rewards_promotion_change", args=[promotion.pk])).content.decode()
    word = desk.get(reverse("admin:rewards_promotion_word", args=[promotion.pk]))

    assert "All goods: 10 % off" in page
    assert "New version" not in page
    assert word.status_code == 403


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
            "Dairy goods, SKU 7: 2 points for every $1.00, with a card, on Mon, Tue from 01/02/2026",
        ),
    ],
)
def test_a_rule_reads_as_a_sentence(definition, said):
    CategoryFactory(code="dairy", name="Dairy goods")
    promotion = promotions.create(programme=make_programme(), code="r", name="r", actor=TILL)
    promotions.publish(promotion=promotion, definition=definition, actor=TILL)

    address = reverse("admin:rewards_promotion_change", args=[promotion.pk])

    assert said in at_desk("analyst").get(address).context["says"].replace("\xa0", " ")
