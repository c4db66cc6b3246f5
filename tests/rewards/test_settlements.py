"""Settlements: counted once, tied to the ledger, approved by another, and never changed after."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction

from loyalty_crm.kernel import clock
from rewards.errors import OwnApproval, SettlementDoesNotTie, SettlementState
from rewards.models import PartnerOperation, Settlement, SettlementLine
from rewards.services.partners import settling, statements
from tests.concurrency import race
from tests.factories.members import CardFactory
from tests.factories.promotions import make_programme
from tests.rewards.ledger_tools import owner_did
from tests.rewards.partner_tools import ANNA, BORIS, Mall, long_ago, today

pytestmark = pytest.mark.django_db


@pytest.fixture
def mall():
    make_programme()
    return Mall("cafe")


@pytest.fixture
def card(mall):
    return CardFactory()


def day(ago):
    return today() - timedelta(days=ago)


def settle(mall, ago=1, actor=ANNA):
    return settling.run_settlement(partner=mall.partner, last_day=day(ago), actor=actor)


def approve(settlement):
    return settling.approve_settlement(settlement=settlement, actor=BORIS)


def test_a_period_is_counted_and_ties_to_the_ledger(mall, card):
    earned = mall.earn(card, 1_000_00, occurred_at=long_ago(5))
    mall.burn(card, 300, occurred_at=long_ago(4))
    mall.earn(card, 50_00)  # today: not yet

    made = approve(settle(mall))

    assert (made.operations, made.earned_points, made.burned_points) == (2, 1_000, 300)
    assert (made.earned_due_minor, made.burned_due_minor) == (10_00, 2_70)
    assert (made.net_minor, made.difference) == (7_30, 0)
    assert earned["operation"]["due"]["amount"] == 10_00
    assert [one.operations for one in statements.days_of(made)] == [1, 1]


def test_the_same_day_again_is_the_same_settlement(mall, card):
    mall.earn(card, 100_00, occurred_at=long_ago(3))
    assert settle(mall) == settle(mall)
    with pytest.raises(SettlementState):
        settle(mall, ago=2)
    approve(Settlement.objects.get())
    assert settle(mall).state == "approved"
    with pytest.raises(Exception, match="not valid"):
        settle(mall, ago=0)


def test_nobody_approves_what_they_counted(mall, card):
    made = settle(mall)
    with pytest.raises(OwnApproval):
        settling.approve_settlement(settlement=made, actor=ANNA)
    approve(made)
    with pytest.raises(SettlementState):
        approve(made)


def test_a_correction_after_closing_goes_into_the_next_period(mall, card):
    wrong = mall.earn(card, 1_000_00, occurred_at=long_ago(5))
    first = approve(settle(mall, ago=3))
    mall.reverse(wrong)
    mall.earn(card, 200_00, occurred_at=long_ago(4))  # arrives late
    first.refresh_from_db()
    assert first.net_minor == 10_00

    second = approve(settle_tomorrow(mall))

    assert (second.operations, second.earned_points, second.net_minor) == (2, -800, -8_00)
    assert second.first_day == first.last_day + timedelta(days=1)
    assert settling.tie_out(mall.partner).difference == 0


def settle_tomorrow(mall):
    last = today()
    with time_machine.travel(clock.now() + timedelta(days=1), tick=False):
        return settling.run_settlement(partner=mall.partner, last_day=last, actor=ANNA)


def test_what_was_cancelled_is_free_again(mall, card):
    mall.earn(card, 100_00, occurred_at=long_ago(3))
    settling.cancel_settlement(settlement=settle(mall), actor=ANNA)
    assert not SettlementLine.objects.exists()
    again = settle(mall)
    assert (again.number, again.operations) == (2, 1)


def test_a_closed_settlement_is_never_changed(mall, card):
    mall.earn(card, 100_00, occurred_at=long_ago(3))
    made = approve(settle(mall))
    for change in (
        lambda: Settlement.objects.filter(pk=made.pk).update(earned_points=1),
        lambda: Settlement.objects.filter(pk=made.pk).delete(),
        lambda: SettlementLine.objects.all().delete(),
        lambda: Settlement.objects.filter(pk=made.pk).update(state="draft"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_what_does_not_tie_is_not_approved(mall, card):
    """An operation without its entry, made by hand past every fence."""
    mall.earn(card, 100_00, occurred_at=long_ago(3))
    forged = PartnerOperation.objects.get()
    forged.pk, forged.public_id, forged.reference = None, "0" * 32, "forged"
    forged.points, forged.due_minor = 50, 50
    forged.save(force_insert=True)
    made = settle(mall)
    # The twin counts the entry of the first a second time.
    assert made.difference == 50
    with pytest.raises(SettlementDoesNotTie):
        approve(made)
    assert settling.tie_out(mall.partner).difference == 50
    with pytest.raises(IntegrityError), transaction.atomic():
        Settlement.objects.filter(pk=made.pk).update(state="approved", decided_by="user:9")


def test_statements_are_files_that_open(mall, card):
    mall.earn(card, 100_00, "=1+1", occurred_at=long_ago(3))
    made = settle(mall)
    workbook = mall.get(f"/settlements/{made.public_id}/statement.xlsx")
    page = mall.get(f"/settlements/{made.public_id}/statement.pdf")

    with zipfile.ZipFile(io.BytesIO(workbook.content)) as book:
        sheets = [book.read(name) for name in book.namelist() if "sheet" in name]
    assert b"<f>" not in b"".join(sheets)
    assert any(b"=1+1" in sheet for sheet in sheets)
    assert page.content.startswith(b"%PDF")
    assert "settlement-cafe-1.pdf" in page.headers["Content-Disposition"]


def test_a_partner_reads_its_own_settlements(mall, card):
    made, other = settle(mall), Mall("books")
    assert [one["id"] for one in mall.get("/settlements").json()["data"]] == [str(made.public_id)]
    assert mall.get(f"/settlements/{made.public_id}").json()["net"]["amount"] == 0
    for path in ("", "/statement.pdf", "/statement.xlsx"):
        assert other.get(f"/settlements/{made.public_id}{path}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_are_one(mall, card):
    mall.earn(card, 100_00, occurred_at=long_ago(3))
    run = partial(settling.run_settlement, partner=mall.partner, last_day=day(1), actor=ANNA)
    found = race([run, run, run])
    assert found.errors == []
    assert len({one.pk for one in found.results}) == 1
    assert SettlementLine.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_unique_place_an_operation_would_be_settled_twice(mall, card):
    """The control of the line's key: by hand the second place is refused, without it taken."""
    mall.earn(card, 100_00, occurred_at=long_ago(3))
    settle(mall)
    line = SettlementLine.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        SettlementLine.objects.create(settlement_id=line.settlement_id, operation=line.operation)
    name = _unique_of("rewards_settlementline")
    table = "ALTER TABLE rewards_settlementline"
    with owner_did(
        before=f"{table} DROP CONSTRAINT {name}",
        after=f"DELETE FROM rewards_settlementline a USING rewards_settlementline b"
        f" WHERE a.id > b.id; {table} ADD CONSTRAINT {name} UNIQUE (operation_id)",
    ):
        SettlementLine.objects.create(settlement_id=line.settlement_id, operation=line.operation)
    assert SettlementLine.objects.count() == 1


def _unique_of(table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'u'",
            [table],
        )
        return cursor.fetchone()[0]
