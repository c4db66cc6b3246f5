"""The nightly proof of coupons and limits: true counters are silent, damage opens an incident."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from loyalty_crm.kernel.models import OutboxEvent
from rewards.models import CouponTally, LedgerIncident, LimitCounter
from rewards.services.audit_counters import audit_counters, guard_counters
from rewards.tasks import BEAT_SCHEDULE
from rewards.tasks import audit_counters as nightly
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.coupon_tools import coupon_promotion, one_code, unique_codes
from tests.rewards.ledger_tools import damage
from tests.rewards.till_client import ALL, Till, basket, line, purchase

pytestmark = pytest.mark.django_db(transaction=True)

TEA = line("tea", 10_00)


@pytest.fixture
def busy():
    """A coupon that was used, one that is reserved, one that came back, and a limit besides."""
    limits = [{"per": "total", "what": "uses", "max": 100}]
    coupon_promotion(make_programme(), limits=limits)
    shop, card, till = StoreFactory(code="S1"), CardFactory(), Till(*ALL)
    used = one_code(code="EVERYBODY", uses_per_code=100, uses_per_member=9)
    held, back, _free = unique_codes(3)
    for number, code in enumerate((used.code, used.code, back.code)):
        body = purchase(shop, f"R-{number}", TEA, coupons=[code], member={"card": card.number})
        sold = till.post("purchases", body)
        assert sold.status_code == 201, sold.content
    returned = till.post(f"purchases/{sold.json()['id']}/refunds", {"number": "B-1"})
    assert returned.status_code == 201
    asked = basket(shop, TEA, coupons=[held.code], reserve=True)
    assert till.post("quotes", asked).status_code == 200
    return used


def test_true_counters_are_silent(busy):
    assert audit_counters() == []
    nightly()
    assert not LedgerIncident.objects.exists()
    said = io.StringIO()
    call_command("audit_coupons", stdout=said)
    assert [one.split()[0] for one in said.getvalue().splitlines()] == ["0"] * 4


DAMAGE = {
    "C1": "UPDATE rewards_coupon SET uses = uses + 1 WHERE id = {coupon}",
    "C2": "UPDATE rewards_coupon SET held = held + 1 WHERE id = {coupon}",
    "C3": "UPDATE rewards_coupontally SET uses = uses + 1",
    "C4": "UPDATE rewards_couponbatch SET made = made - 1 WHERE kind = 'unique'",
    "L1": "UPDATE rewards_limitcounter SET used = used - 1 WHERE used > 0",
}


@pytest.mark.parametrize("check", DAMAGE)
def test_damage_is_found_and_becomes_one_incident(busy, check):
    damage(DAMAGE[check].format(coupon=busy.pk))

    found = guard_counters()
    nightly()

    assert check in {one.check for one in found}
    incident = LedgerIncident.objects.get(check_name=check)
    assert incident.wallet is None
    assert incident.detail["count"] == 1
    assert incident.detail["first"]
    told = OutboxEvent.objects.filter(kind="ledger.incident", object_id=check)
    assert told.count() == 1


def test_the_command_says_what_does_not_agree(busy):
    damage(DAMAGE["C1"].format(coupon=busy.pk))
    said = io.StringIO()

    with pytest.raises(CommandError):
        call_command("audit_coupons", stdout=said)

    assert f"coupon {busy.pk}" in said.getvalue()


def test_the_proof_runs_every_night():
    assert BEAT_SCHEDULE["rewards-audit-counters"]["task"] == nightly.name


def test_there_is_something_to_prove(busy):
    assert CouponTally.objects.filter(uses=2).exists()
    assert LimitCounter.objects.filter(used__gt=0).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rewards_couponuse")
        assert cursor.fetchone()[0] >= 5
