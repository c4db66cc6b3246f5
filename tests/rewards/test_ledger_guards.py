"""What the database refuses, whoever writes (quality bar 2, 3, 10 and 27)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.roles import as_owner
from rewards.models import LedgerTx, Lot, Wallet
from rewards.services.audit_ledger import audit_ledger
from rewards.services.ledger import place_hold
from tests.factories.rewards import LONG_AGO, ProgrammeFactory, WalletFactory, earn_points
from tests.rewards.ledger_tools import owner_did

# A transaction by hand, with nothing in it, is part of most attempts here.
pytestmark = [pytest.mark.django_db, pytest.mark.allow_broken_books]

HISTORY = ["ledgertx", "ledgerentry", "lotmove", "hold", "holdresolution"]
DENIED = "42501"  # insufficient_privilege
REFUSED = {"23000", "23503", "23505", "23514"}


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def sqlstate_of(sql, *values):
    """What the database says to the statement, and to the COMMIT after it."""
    try:
        with transaction.atomic():
            run(sql, *values)
            run("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError as error:
        return error.__cause__.sqlstate
    return "done"


@pytest.fixture
def wallet():
    return WalletFactory(points=100)


@pytest.fixture
def rows(wallet):
    """At least one row in each table of the ledger."""
    place_hold(
        wallet=wallet, amount=1, ttl=timedelta(hours=1), source="t", source_ref="t", actor=SYSTEM
    )


@pytest.mark.parametrize("table", [*HISTORY, "wallet", "lot", "pendinggrant"])
@pytest.mark.parametrize("statement", ["DELETE FROM rewards_{}", "TRUNCATE rewards_{} CASCADE"])
def test_the_application_can_not_erase_the_ledger(rows, table, statement):
    assert sqlstate_of(statement.format(table)) == DENIED


@pytest.mark.parametrize(
    "assignment",
    [
        "ledgertx SET actor = 'nobody'",
        "ledgerentry SET amount = amount + 1",
        "lotmove SET amount = amount + 1",
        "hold SET expires_at = now()",
        "holdresolution SET captured = 0",
        "lot SET remaining = remaining + 1",
        "lot SET granted = granted + 1",
        "wallet SET posted = posted + 1",
        "wallet SET held = 0",
        "wallet SET last_seq = last_seq + 1",
        "wallet SET unit = 'PTS:other'",
        "wallet SET member_id = NULL",
        "pendinggrant SET amount = amount + 1",
    ],
)
def test_the_application_can_not_change_history_or_balances(rows, assignment):
    assert sqlstate_of(f"UPDATE rewards_{assignment}") == DENIED


def test_the_application_can_not_switch_the_guards_off(wallet):
    assert sqlstate_of("ALTER TABLE rewards_wallet DISABLE TRIGGER ALL") == DENIED
    assert sqlstate_of("SET session_replication_role = replica") == DENIED
    assert sqlstate_of("DROP TRIGGER explain ON rewards_ledgerentry") == DENIED


def test_a_wallet_is_born_at_zero_and_a_lot_empty(wallet):
    programme = ProgrammeFactory()
    insert = (
        "INSERT INTO rewards_wallet (programme_id, member_id, unit, {}) VALUES (%s, %s, 'PTS:x', 1)"
    )
    for column in ("posted", "held", "last_seq"):
        assert sqlstate_of(insert.format(column), programme.pk, wallet.member_id) == "23000"
    lot = "INSERT INTO rewards_lot (wallet_id, expires_at, granted, remaining)"
    assert sqlstate_of(f"{lot} VALUES (%s, now(), 5, 5)", wallet.pk) == "23000"


ENTRY = """
    INSERT INTO rewards_ledgerentry (wallet_id, seq, tx_id, kind, contra, amount, balance_after)
    VALUES (%s, 0, %s, %s, %s, %s, 0)
"""
MOVE = "INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount) VALUES (%s, %s, %s, %s)"
BOTH = f"""
    WITH entry AS ({ENTRY} RETURNING seq)
    INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount) SELECT %s, seq, %s, %s FROM entry
"""


@pytest.fixture
def tx(wallet):
    run(
        "INSERT INTO rewards_ledgertx (op, source, source_ref, effective_at, actor)"
        " VALUES ('by-hand', 'test', '1', now(), 'me')"
    )
    return LedgerTx.objects.get(op="by-hand").pk


@pytest.mark.parametrize(
    ("kind", "contra", "amount"),
    [("earn", "issuance", 5), ("redeem", "redemption", -5), ("restore", "redemption", 5)],
)
def test_an_entry_without_its_lot_moves_does_not_commit(wallet, tx, kind, contra, amount):
    assert sqlstate_of(ENTRY, wallet.pk, tx, kind, contra, amount) == "23000"


@pytest.mark.django_db(transaction=True)
def test_control_without_the_check_at_commit_one_sided_entries_pass_and_the_audit_sees_them(wallet):
    run(
        "INSERT INTO rewards_ledgertx (op, source, source_ref, effective_at, actor)"
        " VALUES ('by-hand', 'test', '1', now(), 'me')"
    )
    by_hand = LedgerTx.objects.get(op="by-hand").pk
    with owner_did(
        before="DROP TRIGGER explain ON rewards_ledgerentry",
        after="CREATE CONSTRAINT TRIGGER explain AFTER INSERT ON rewards_ledgerentry"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_explain()",
    ):
        assert sqlstate_of(ENTRY, wallet.pk, by_hand, "redeem", "redemption", -5) == "done"

    assert {finding.check for finding in audit_ledger() if finding.count} == {"A3"}


def test_one_leg_of_a_move_between_wallets_does_not_commit(wallet, tx):
    lot = Lot.objects.get()

    said = sqlstate_of(BOTH, wallet.pk, tx, "clearing", "clearing", -5, wallet.pk, lot.pk, -5)

    assert said == "23000"


def test_a_lot_does_not_move_without_a_new_entry(wallet, tx):
    """Entries of the past are explained in full: nothing more fits under them."""
    lot = Lot.objects.get()
    for seq, amount in [(1, -5), (1, 5), (2, -5)]:
        assert sqlstate_of(MOVE, wallet.pk, seq, lot.pk, amount) in REFUSED


def test_a_lot_of_another_wallet_is_refused(wallet, tx):
    other = WalletFactory(points=100)
    lot = Lot.objects.get(wallet=other)

    said = sqlstate_of(BOTH, wallet.pk, tx, "redeem", "redemption", -5, wallet.pk, lot.pk, -5)

    assert said == "23000"


def test_lots_are_neither_overdrawn_nor_overfilled(wallet, tx):
    earn_points(wallet, 50, LONG_AGO)
    small = Lot.objects.get(expires_at=LONG_AGO)

    spent = sqlstate_of(BOTH, wallet.pk, tx, "redeem", "redemption", -60, wallet.pk, small.pk, -60)
    restored = sqlstate_of(BOTH, wallet.pk, tx, "restore", "redemption", 5, wallet.pk, small.pk, 5)

    assert (spent, restored) == ("23514", "23514")


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("earn", -1), ("redeem", 1), ("earn", 0), ("earn", 10**12 + 1), ("redeem", -(10**12) - 1)],
)
def test_amounts_of_the_wrong_sign_or_size_are_refused(wallet, tx, kind, amount):
    contra = "issuance" if kind == "earn" else "redemption"
    assert sqlstate_of(ENTRY, wallet.pk, tx, kind, contra, amount) in {*REFUSED, "P0L02"}


@pytest.mark.parametrize(
    ("literal", "sqlstate"),
    [("9223372036854775808", "22003"), ("'NaN'", "22P02"), ("1e999", "22003"), ("'1e5'", "22P02")],
)
def test_what_is_no_whole_number_of_points_is_refused(wallet, tx, literal, sqlstate):
    said = sqlstate_of(ENTRY.replace("%s, 0)", f"{literal}, 0)"), wallet.pk, tx, "earn", "issuance")
    assert said == sqlstate


def test_spending_held_points_is_refused(rows, wallet, tx):
    assert sqlstate_of(ENTRY, wallet.pk, tx, "redeem", "redemption", -100) == "P0L02"


CLAIM = """
    WITH entry AS (
        INSERT INTO rewards_ledgerentry
               (wallet_id, seq, tx_id, kind, contra, amount, balance_after, recorded_at)
        SELECT %s, unnest(%s::bigint[]), %s, %s, %s, unnest(%s::bigint[]), unnest(%s::bigint[]),
               '2001-01-01' RETURNING seq, amount)
    INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount)
    SELECT %s, seq, (SELECT id FROM rewards_lot WHERE wallet_id = %s), amount FROM entry
"""


def claim(wallet, tx, seqs, amounts, balances, kind="redeem", contra="redemption"):
    given = (wallet.pk, seqs, tx, kind, contra, amounts, balances, wallet.pk, wallet.pk)
    return sqlstate_of(CLAIM, *given)


def test_an_entry_may_claim_the_next_places_and_nothing_else(wallet, tx):
    """The wallet stands at place 1 with 100 points."""
    assert claim(wallet, tx, [3], [-5], [95]) == "40001"
    assert claim(wallet, tx, [2, 4], [-5, -5], [95, 90]) == "40001"
    assert claim(wallet, tx, [-1], [-5], [95]) == "40001"
    assert claim(wallet, tx, [1], [-5], [95]) == "23505"
    assert claim(wallet, tx, [2], [-5], [96]) == "40001"
    assert claim(wallet, tx, [2, 3], [-5, -5], [90, 95]) == "40001"
    assert claim(wallet, tx, [2, 3], [-5, -5], [95, 90]) == "done"
    wallet.refresh_from_db()
    assert (wallet.posted, wallet.last_seq) == (90, 3)
    assert not wallet.entries.filter(recorded_at__year=2001).exists()


def test_a_claim_is_refused_what_a_single_entry_is(rows, wallet, tx):
    assert claim(wallet, tx, [2], [-100], [0]) == "P0L02"  # one point is held
    assert (
        claim(wallet, tx, [2, 3], [-100, 50], [0, 50], kind="adjust", contra="adjustment")
        == "P0L02"
    )
    Wallet.objects.filter(pk=wallet.pk).update(status="frozen")
    assert claim(wallet, tx, [2], [-5], [95]) == "P0L01"


@pytest.mark.parametrize("status", ["closed", "frozen"])
def test_a_wallet_that_is_not_active_does_not_move(wallet, tx, status):
    Wallet.objects.filter(pk=wallet.pk).update(status=status)
    assert sqlstate_of(ENTRY, wallet.pk, tx, "redeem", "redemption", -5) == "P0L01"


def test_pending_points_are_only_cancelled_or_posted(wallet, tx):
    run(
        "INSERT INTO rewards_pendinggrant (wallet_id, tx_id, amount, available_at, expires_at)"
        " VALUES (%s, %s, 10, now(), now())",
        wallet.pk,
        tx,
    )
    update = "UPDATE rewards_pendinggrant SET {}"
    assert sqlstate_of(update.format("cancelled = 4")) == "done"
    assert sqlstate_of(update.format("cancelled = 3")) == "23000"
    assert sqlstate_of(update.format("cancelled = 11")) == "23514"
    assert sqlstate_of(update.format(f"posted_tx_id = {tx}")) == "done"
    assert sqlstate_of(update.format("posted_tx_id = NULL")) == "23000"
    assert sqlstate_of(update.format("cancelled = 5")) == "23000"


@pytest.mark.django_db(transaction=True)
def test_the_owner_is_stopped_by_the_triggers(wallet):
    """Where one role does everything there are no column privileges, and the second fence holds."""
    with as_owner():
        assert sqlstate_of("UPDATE rewards_wallet SET posted = posted + 1") == "23000"
        assert sqlstate_of("UPDATE rewards_lot SET remaining = remaining - 1") == "23000"
        for table in ("ledgertx", "ledgerentry", "lotmove", "wallet", "lot"):
            assert sqlstate_of(f"DELETE FROM rewards_{table}") == "23000"
        for table, column in [("ledgertx", "op"), ("ledgerentry", "kind"), ("lotmove", "seq")]:
            assert sqlstate_of(f"UPDATE rewards_{table} SET {column} = {column}") == "23000"


def test_the_orm_has_no_way_to_save_or_delete_a_ledger_row(wallet):
    for row in (wallet, wallet.lots.get(), wallet.entries.get(), LedgerTx.objects.get()):
        with pytest.raises(TypeError):
            row.save()
        with pytest.raises(TypeError):
            row.delete()
