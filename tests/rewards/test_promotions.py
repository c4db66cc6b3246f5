"""Promotions: immutable versions, one live, seen by every process at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from loyalty_crm.kernel import clock, stamps
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import ConflictVersion
from rewards.errors import DefinitionInvalid, ProgrammeInvalid, PromotionState
from rewards.models import Promotion, PromotionVersion
from rewards.rules.quote import quote
from rewards.services import programmes, promotions, rule_sets
from rewards.services.ledger import wallet_for
from tests.factories.members import CategoryFactory, MemberFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.rule_examples import MEMBER, line, sale
from tests.rewards.till_client import Till

pytestmark = pytest.mark.django_db

EARN = {"kind": "earn_rate", "points": 1, "per_minor": 100}


def stamp():
    return stamps.current().get("rule_set", 0)


@pytest.fixture
def programme():
    return make_programme()


def test_a_new_version_ends_the_one_before_at_the_same_moment(programme):
    first = make_promotion(programme, "p", EARN)

    second = promotions.publish(
        promotion=first.promotion, definition={"effects": [{**EARN, "points": 2}]}, actor=SYSTEM
    )

    first.refresh_from_db()
    assert (first.state, second.state) == ("ended", "live")
    assert first.ends_at == second.starts_at is not None


@pytest.mark.parametrize(
    "change",
    [
        {"definition": {"effects": [{**EARN, "points": 9}]}},
        {"priority": 5},
        {"number": 7},
        {"starts_at": clock.now()},
        {"state": "draft"},
    ],
)
def test_the_database_refuses_to_reword_a_version(programme, change):
    version = make_promotion(programme, "p", EARN)

    # The application's role by a fence, everybody by the guard (test_promotion_states).
    with pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic():
        PromotionVersion.objects.filter(pk=version.pk).update(**change)
    with pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic():
        PromotionVersion.objects.filter(pk=version.pk).delete()


def test_what_a_point_is_stays_once_somebody_has_one(programme):
    type(programme).objects.update(points_scale=1)
    wallet_for(MemberFactory().pk, programme)

    with pytest.raises(IntegrityError), transaction.atomic():
        type(programme).objects.update(points_scale=2)


def test_every_change_moves_the_stamp_even_one_by_hand(programme):
    version = make_promotion(programme, "p", EARN)
    seen = [stamp()]
    promotions.pause(promotion=version.promotion, actor=SYSTEM)
    seen.append(stamp())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rewards_programme SET min_redeem_points = 7")
    seen.append(stamp())
    CategoryFactory()
    seen.append(stamp())

    assert seen == sorted(set(seen))


def test_the_compiled_set_is_kept_until_the_stamp_moves(programme, django_assert_num_queries):
    first = rule_sets.current(stamp())
    with django_assert_num_queries(0):
        assert rule_sets.current(first.stamp) is first

    make_promotion(programme, "p", EARN)

    assert len(rule_sets.current(stamp()).rules.rules) == len(first.rules.rules) + 1


def test_a_paused_promotion_still_counts_for_sales_of_before(programme):
    bonus = {"kind": "fixed_points", "points": 50}
    version = make_promotion(programme, "bonus", bonus)
    promotions.pause(promotion=version.promotion, actor=SYSTEM)
    rules = rule_sets.current().rules

    def earned(at):
        basket = sale(line(1, "a", 10_00), member=MEMBER)
        return quote(
            type(basket)(store="S", at=at, lines=basket.lines, member=MEMBER), rules
        ).earned

    assert earned(clock.now() - timedelta(hours=1)) == 60
    assert earned(clock.now() + timedelta(seconds=1)) == 10


def test_a_pause_ends_by_a_version_of_its_own(programme):
    version = make_promotion(programme, "p", EARN)
    promotions.pause(promotion=version.promotion, actor=SYSTEM)

    resumed = promotions.resume(promotion=version.promotion, actor=SYSTEM)

    assert (resumed.number, resumed.state, resumed.definition) == (2, "live", version.definition)
    with pytest.raises(PromotionState):
        promotions.resume(promotion=version.promotion, actor=SYSTEM)


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        ({}, "/definition/effects"),
        ({"effects": [{"kind": "no_such"}]}, "/definition/effects/0"),
        ({"effects": [{**EARN, "points": "1"}]}, "/definition/effects/0/points"),
        ({"effects": [{**EARN, "extra": 1}]}, "/definition/effects/0/extra"),
        ({"effects": [EARN], "when": {"all": [{"kind": "schedule", "weekdays": [8]}]}},
         "/definition/when/all/0/weekdays/0"),
        ({"effects": [EARN], "when": {"all": [{"kind": "card", "shown": True}] * 51}},
         "/definition/when/all"),
        ({"effects": [EARN], "goods": {"include": {"skus": ["x" * 300_000]}}}, "/definition"),
    ],
)  # fmt: skip
def test_a_definition_that_is_not_valid_is_refused_with_the_place(programme, definition, pointer):
    promotion = promotions.create(programme=programme, code="p", name="p", actor=SYSTEM)

    with pytest.raises(DefinitionInvalid) as refusal:
        promotions.draft(promotion=promotion, definition=definition, actor=SYSTEM)

    assert [one["pointer"] for one in refusal.value.detail["errors"]] == [pointer]
    assert not promotion.versions.exists()


def test_settings_change_once_per_version_read(programme):
    programmes.update_programme(
        programme=programme, changes={"point_value_minor": 5}, version=1, actor=SYSTEM
    )

    with pytest.raises(ConflictVersion):
        programmes.update_programme(
            programme=programme, changes={"point_value_minor": 6}, version=1, actor=SYSTEM
        )
    programme.refresh_from_db()
    assert (programme.point_value_minor, programme.version) == (5, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "EUR"},
        {"time_zone": "Mars/Base"},
        {"max_points_share_percent": 101},
        {"expiry": "fixed", "expiry_dates": []},
        {"expiry_dates": ["02-30"]},
        {"expiry_dates": "12-31"},
        {"rounding": "sideways"},
    ],
)
def test_settings_that_cannot_be_are_refused(programme, changes):
    with pytest.raises(ProgrammeInvalid):
        programmes.update_programme(programme=programme, changes=changes, version=1, actor=SYSTEM)


def test_a_promotion_goes_live_by_api(programme):
    till = Till()
    made = till.post("promotions", {"code": "tea-week", "name": "Tea week"}).json()
    at = f"promotions/{made['id']}"
    wording = {"effects": [{"kind": "percent_off", "basis_points": 1000}]}
    drafted = till.post(f"{at}/versions", {"definition": wording})
    assert (drafted.status_code, drafted.json()["state"]) == (201, "draft")

    assert till.post(f"{at}/versions/1/publish", {}).json()["state"] == "live"
    assert till.post(f"{at}/pause", {"reason": "typo"}).json()["state"] == "paused"
    assert till.post(f"{at}/resume", {}).json()["number"] == 2
    assert [v["state"] for v in till.get(at).json()["versions"]] == ["live", "ended"]
    assert {p["code"] for p in till.get("promotions").json()["data"]} == {"base", "tea-week"}
    assert till.get("programme").json()["currency"] == "USD"
    kinds = till.get("promotions/schema").json()["$defs"]
    assert {"EarnRate", "PercentOff", "SpendsAtLeast"} <= kinds.keys()
    assert Till("rules:read").post(f"{at}/pause", {}).status_code == 403
    assert Promotion.objects.get(code="tea-week").versions.count() == 2
