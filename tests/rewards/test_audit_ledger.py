"""The proof of the books, and what happens when it fails (quality bar 1, 28 and 119)."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import OutboxEvent
from rewards.models import DailyRollup, LedgerIncident
from rewards.rules.expiry import NEVER
from rewards.services.audit_ledger import audit_ledger, guard_ledger
from rewards.services.ledger import adjust, expire_lots, merge_wallets, place_hold
from rewards.services.rollups import rebuild_rollups, refresh_rollups
from tests.factories.rewards import ProgrammeFactory, WalletFactory, earn_points, event
from tests.rewards.ledger_tools import damage

SPRING = datetime(2030, 4, 1, tzinfo=UTC)


def counts(wallet_id=None):
    return {finding.check: finding.count for finding in audit_ledger(wallet_id)}


ZEROS = dict.fromkeys(["A1", "A2", "A3", "A4", "A5", "A6", "A7"], 0)


def busy_wallets(ref="1"):
    """Two wallets with a bit of everything."""
    programme = ProgrammeFactory()
    one, other = [
        WalletFactory(lots={SPRING: 30, NEVER: 70}, programme=programme) for _ in range(2)
    ]
    adjust(wallet=one, points=-5, reason="a mistake", reference=ref, actor=SYSTEM)
    expire_lots(as_of=SPRING)
    place_hold(
        wallet=other, amount=10, ttl=timedelta(hours=1), source="pos", source_ref=ref, actor=SYSTEM
    )
    merge_wallets(source=one, survivor=other, event=event("merge"))
    return one, other


@pytest.mark.django_db
def test_true_books_have_seven_zeros():
    _, other = busy_wallets()

    assert counts() == ZEROS
    assert counts(other.pk) == ZEROS


DAMAGE = {
    "A1": "UPDATE rewards_wallet SET posted = posted + 1 WHERE id = {wallet}",
    "A2": "UPDATE rewards_ledgerentry SET amount = amount + 1"
    " WHERE wallet_id = {wallet} AND seq = 1",
    "A3": "UPDATE rewards_wallet SET posted = posted - 1 WHERE id = {wallet}",
    "A4": "UPDATE rewards_lot SET remaining = remaining - 1"
    " WHERE wallet_id = {wallet} AND remaining > 0",
    "A5": "UPDATE rewards_wallet SET held = held + 1 WHERE id = {wallet}",
    "A6": "UPDATE rewards_ledgerentry SET amount = amount + 1"
    " WHERE wallet_id = {wallet} AND kind = 'clearing'",
    "A7": "DELETE FROM rewards_hold WHERE wallet_id = {wallet}",
}


@pytest.mark.allow_broken_books
@pytest.mark.django_db(transaction=True)
def test_each_kind_of_damage_is_found_in_its_wallet():
    damaged = {check: busy_wallets(check)[1].pk for check in DAMAGE}
    assert counts() == ZEROS

    damage(*(DAMAGE[check].format(wallet=wallet) for check, wallet in damaged.items()))

    everywhere = counts()
    for check, wallet in damaged.items():
        assert everywhere[check] >= 1
        # A transaction without a movement belongs to no wallet.
        assert counts(wallet)[check] >= 1 or check == "A7"


@pytest.mark.allow_broken_books
@pytest.mark.django_db(transaction=True)
def test_drift_freezes_its_wallet_opens_one_incident_and_leaves_others_alone():
    drifted, sound = WalletFactory(points=100), WalletFactory(points=100)
    damage(f"UPDATE rewards_wallet SET posted = 90 WHERE id = {drifted.pk}")

    guard_ledger()
    guard_ledger()

    drifted.refresh_from_db()
    assert drifted.status == "frozen"
    opened = LedgerIncident.objects.filter(wallet=drifted).order_by("check_name")
    assert list(opened.values_list("check_name", flat=True)) == ["A1", "A3"]
    assert (
        OutboxEvent.objects.filter(kind="ledger.incident", object_id=drifted.public_id).count() == 2
    )
    earn_points(sound, 5)
    sound.refresh_from_db()
    assert (sound.status, sound.posted) == ("active", 105)


@pytest.mark.django_db
def test_the_command_prints_seven_zeros_and_speaks_json():
    wallet = WalletFactory(points=5)
    plain, machine = io.StringIO(), io.StringIO()

    call_command("audit_ledger", stdout=plain)
    call_command("audit_ledger", wallet=str(wallet.public_id), json=True, stdout=machine)

    assert [line.split()[:2] for line in plain.getvalue().splitlines()] == [
        [check, "0"] for check in ZEROS
    ]
    assert [row["check"] for row in json.loads(machine.getvalue())] == list(ZEROS)


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["999999", "not-a-wallet"])
def test_the_command_names_a_wallet_that_does_not_exist(given):
    with pytest.raises(CommandError, match=given):
        call_command("audit_ledger", wallet=given)


@pytest.mark.allow_broken_books
@pytest.mark.django_db(transaction=True)
def test_the_command_fails_when_the_books_do_not_agree():
    wallet = WalletFactory(points=100)
    damage(f"UPDATE rewards_wallet SET posted = 90 WHERE id = {wallet.pk}")
    out = io.StringIO()

    with pytest.raises(CommandError):
        call_command("audit_ledger", stdout=out)

    assert f"wallet {wallet.pk}" in out.getvalue()


def rollup():
    columns = ["day", "unit", "kind", "contra", "entries", "amount"]
    return sorted(map(str, DailyRollup.objects.values_list(*columns)))


@pytest.mark.django_db
def test_the_roll_up_can_be_dropped_and_built_again():
    busy_wallets()
    long_ago = datetime(2024, 1, 1, tzinfo=UTC)
    refresh_rollups(recorded_since=long_ago)
    first = rollup()

    DailyRollup.objects.all().delete()
    rebuild_rollups()

    assert rollup() == first
    assert len(first) == 4


@pytest.mark.django_db
def test_a_day_of_the_roll_up_is_a_day_of_the_programme():
    late = datetime(2030, 1, 1, 22, 30, tzinfo=UTC)
    wallet = WalletFactory(programme=ProgrammeFactory(time_zone="Europe/Moscow"))
    earn_points(wallet, 5, effective_at=late)

    rebuild_rollups()

    assert str(DailyRollup.objects.get().day) == "2030-01-02"
