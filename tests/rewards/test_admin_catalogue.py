"""Marketers write rewards, causes and services, count stock and pay; refusals stand in place."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Cause, CausePayment, Redemption, Reward, RewardCode, Service
from rewards.services import redemptions
from tests.factories.catalogue import make_cause, make_reward
from tests.factories.members import ProductFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def desk(programme):
    return at_desk("marketer")


def send(desk, page, /, *args, **said):
    return desk.post(reverse(f"admin:{page}", args=args), {"key": str(uuid.uuid4()), **said})


def test_a_reward_is_written_counted_and_put_on_offer(desk, programme):
    ProductFactory(sku="MUG")
    said = {
        "kind": "product", "code": "mug", "name": "Mug", "name_ru": "Кружка", "product": "MUG",
        "price_points": "250", "quantity": "1", "stock_mode": "counted", "reserve_days": "7",
        "ends_on": "2030-12-31",
    }  # fmt: skip

    short = send(desk, "rewards_reward_add", **{**said, "product": ""})
    assert short.status_code == 422
    assert "This kind of reward needs it." in short.content.decode()
    assert send(desk, "rewards_reward_add", **said).status_code == 302

    reward = Reward.objects.get()
    assert (reward.price_points, reward.translations["ru"]["name"]) == (250, "Кружка")
    send(desk, "rewards_reward_stock", reward.pk, on_hand="4")
    send(desk, "rewards_reward_state", reward.pk, "live")
    reward.refresh_from_db()
    assert (reward.state, reward.stock.get().on_hand) == ("live", 4)
    edit = desk.get(reverse("admin:rewards_reward_edit", args=[reward.pk])).content.decode()
    assert 'value="2030-12-31"' in edit
    page = desk.get(reverse("admin:rewards_reward_changelist")).content.decode()
    assert "Mug" in page


def test_codes_of_a_partner_are_pasted(desk, programme):
    spa = make_reward(programme, kind="partner_code")
    send(desk, "rewards_reward_codes", spa.pk, codes="A-1\nA-2\n\nA-1")
    assert RewardCode.objects.count() == 2


def test_a_redemption_is_found_by_its_code_handed_over_and_taken_back(desk, programme):
    member = WalletFactory(programme=programme, points=500).member
    taken = redemptions.redeem(
        reward=make_reward(programme), member=member, source="t", source_ref="1",
        now=clock.now(), actor=SYSTEM,
    )  # fmt: skip
    code = redemptions.code_of(taken)
    listed = desk.get(reverse("admin:rewards_redemption_changelist"), {"q": code})
    assert reverse("admin:rewards_redemption_change", args=[taken.pk]) in listed.content.decode()

    send(desk, "rewards_redemption_verb", taken.pk, "fulfil")
    refused = send(desk, "rewards_redemption_verb", taken.pk, "cancel", reason="")
    assert refused.status_code == 422
    send(desk, "rewards_redemption_verb", taken.pk, "cancel", reason="broken")

    assert Redemption.objects.get().state == "cancelled"
    page = desk.get(reverse("admin:rewards_redemption_change", args=[taken.pk]))
    assert "broken" in page.content.decode()


def test_the_lists_cost_the_same_however_much_is_on_them(desk, programme):
    def more(count):
        for _ in range(count):
            member = WalletFactory(programme=programme, points=500).member
            reward = make_reward(programme, f"r{Reward.objects.count()}", stock=3)
            redemptions.redeem(
                reward=reward, member=member, source="t", source_ref=reward.code,
                now=clock.now(), actor=SYSTEM,
            )  # fmt: skip

    more(1)
    pages = [reverse(f"admin:rewards_{name}_changelist") for name in ("reward", "redemption")]
    before = [len(cost_of(desk, page)) for page in pages]
    more(5)
    assert [len(cost_of(desk, page)) for page in pages] == before


def test_a_cause_is_given_to_paid_and_a_wrong_payment_countered(desk, programme):
    send(desk, "rewards_cause_add", code="trees", name="Trees", is_active="on", is_default="on")
    cause = Cause.objects.get()
    member = WalletFactory(programme=programme, points=500).member
    give = make_reward(programme, kind="donation", value_minor=300)
    redemptions.redeem(
        reward=give, member=member, source="t", source_ref="1", now=clock.now(), actor=SYSTEM
    )
    pay = {"paid_on": "2026-03-01", "document": "PP-1"}

    too_much = send(desk, "rewards_cause_pay", cause.pk, amount="3.01", **pay)
    assert too_much.status_code == 422
    send(desk, "rewards_cause_pay", cause.pk, amount="2.00", **pay)
    payment = CausePayment.objects.get()
    send(desk, "rewards_causepayment_counter", payment.pk, reason="wrong bank")

    report = desk.get(reverse("admin:rewards_cause_report")).content.decode()
    assert "wrong bank" in report
    assert sorted(CausePayment.objects.values_list("amount_minor", flat=True)) == [-200, 200]
    assert send(at_desk("store_manager"), "rewards_cause_pay", cause.pk, **pay).status_code == 403


def test_a_service_and_its_rules_are_one_form(desk, programme):
    rows = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0"}
    said = {"form-0-count": "2", "form-0-period": "year", "form-1-period": "year"}
    send(
        desk, "rewards_service_add", code="wash", name="Wash", is_active="on", **rows, **said
    )  # fmt: skip
    service = Service.objects.get()
    assert [(rule.count, rule.period) for rule in service.rules.all()] == [(2, "year")]
    member = WalletFactory(programme=programme).member
    send(
        desk, "rewards_member_service", member.pk, service=service.pk, count="3", reason="sorry"
    )  # fmt: skip
    panel = desk.get(reverse("admin:rewards_member_benefits", args=[member.pk]))
    assert "3 / 3" in panel.content.decode()


def test_everybody_sees_what_is_given_in_both_languages(programme):
    cause = make_cause(
        programme, is_default=True, translations={"ru": {"name": "Деревья", "description": ""}}
    )
    member = WalletFactory(programme=programme, points=500).member
    give = make_reward(programme, kind="donation", value_minor=300)
    assert Client().get("/charity/").status_code == 200
    redemptions.redeem(
        reward=give, member=member, source="t", source_ref="1", now=clock.now(), actor=SYSTEM
    )
    page = Client().get("/charity/").content.decode()
    assert "$3.00" in page
    assert cause.name in page
    assert "Деревья" in Client().get("/charity/?language=ru").content.decode()
