"""Receipts of the past: whole, once, and with the points the till would have given."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from loyalty_crm.kernel import clock, jobs
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import Job
from members.imports import source
from members.imports.facts import write_facts
from members.models import Member, Product, Receipt, ReceiptLine, Store
from rewards.models import EarnCarry, LedgerEntry, Programme, Purchase, Wallet
from rewards.services import rule_sets
from rewards.services.checkout.asks import Ask, AskedLine, MemberKey, Sale
from rewards.services.checkout.committing import commit_purchase
from rewards.services.history import run, unfinished_run
from rewards.services.wallets import freeze_wallet
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.history_tools import contents, counted, line, load, mapped, written

pytestmark = pytest.mark.django_db

SHOP = [
    line("R1", "tea", "10.00", discount="1.50"),
    line("R1", "milk", "0.99", quantity="2.5"),
    line("R2", "tea", "20.00", member="m2", occurred_at="2025-06-02 09:30:00"),
    line("R3", "milk", "5.55", member="", occurred_at="2025-06-02 10:00:00"),
    line("R4", "tea", "7.77", occurred_at="2025-06-03 12:00:00"),
]


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def shop(programme, tmp_path):
    return written(tmp_path / "shop.csv", SHOP)


@pytest.fixture
def small_chunks(monkeypatch):
    """One receipt a chunk: what holds between chunks has a chance to fail."""
    monkeypatch.setattr(source, "CHUNK_LINES", 1)
    monkeypatch.setattr("members.imports.readers.BLOCK_BYTES", 90)


def problems(path: Path) -> list[tuple[str, str, str]]:
    with path.open(newline="") as file:
        return [(row["line"], row["field"], row["value"]) for row in csv.DictReader(file)]


def test_writes_receipts_lines_members_and_points(shop):
    counts = load(shop)

    assert counts["new_receipts"], counts["new_lines"] == (4, 5)
    receipt = Receipt.objects.get(number="R1")
    assert (receipt.gross_minor, receipt.discount_minor, receipt.total_minor) == (1099, 150, 949)
    assert list(receipt.lines.values_list("sku", "quantity_milli", "net_minor")) == [
        ("tea", 1000, 850),
        ("milk", 2500, 99),
    ]
    wallet = Wallet.objects.get(member=receipt.member)
    assert wallet.posted == Purchase.objects.get(receipt=receipt).earned + 7
    assert Purchase.objects.get(receipt__number="R3").wallet is None
    assert Member.objects.get(pk=receipt.member_id).enrolled_at == datetime(
        2025, 6, 1, 12, tzinfo=UTC
    )


def test_grants_what_the_till_would_have_granted(shop, programme):
    effect = {"kind": "earn_rate", "points": 2, "per_minor": 100}
    make_promotion(programme, "double", effect, goods={"include": {"skus": ["tea"]}})
    load(shop)
    past = Purchase.objects.get(receipt__number="R1")

    sale = Sale(number="T1", ask=Ask(
        store="s1", currency=programme.currency, occurred_at=past.receipt.occurred_at, offline=True,
        member=MemberKey(id=past.receipt.member.public_id),
        lines=tuple(AskedLine(
            line_no=one.line_no, sku=one.sku, name=one.name, quantity_milli=one.quantity_milli,
            unit_price_minor=one.unit_price_minor, gross_minor=one.gross_minor,
            discount_minor=one.discount_minor,
        ) for one in past.receipt.lines.order_by("line_no")),
    ))  # fmt: skip
    now = past.receipt.occurred_at
    view = commit_purchase(sale=sale, compiled=rule_sets.current(), now=now, actor=SYSTEM).view

    told = list(msgspec.to_builtins(view.decisions))
    assert (view.earned, told) == (past.earned, past.decisions)
    assert view.expires_at == past.lots_expire_at


def test_the_same_file_again_changes_nothing(shop):
    load(shop)
    before = contents(), counted()

    counts = load(shop)

    assert (contents(), counted()) == before
    assert {name: count for name, count in counts.items() if count} == {
        "same_receipts": 4, "same_lines": 5, "same_net_minor": 949 + 2000 + 555 + 777,
    }  # fmt: skip


def test_a_dry_run_counts_the_same_and_writes_nothing(shop, small_chunks):
    before = counted()

    foreseen = load(shop, dry_run=True)

    assert counted() == before
    assert not Job.objects.exists()
    rule_sets.forget()
    assert foreseen == load(shop)


def test_remainders_are_carried_from_chunk_to_chunk_and_foreseen(tmp_path, small_chunks):
    make_programme(rounding=Programme.Rounding.CARRY)
    rows = [
        line(f"R{at}", gross="0.60", occurred_at=f"2025-06-0{at} 12:00:00") for at in range(1, 6)
    ]
    path = written(tmp_path / "f.csv", rows)

    foreseen = load(path, dry_run=True)

    assert load(path)["points"] == foreseen["points"] == 3
    assert EarnCarry.objects.get().units == 0


def test_other_content_under_a_known_number_is_told_of_and_left_alone(shop, tmp_path):
    load(shop)
    before = contents()
    changed = written(tmp_path / "other.csv", [{**SHOP[2], "gross": "21.00"}])
    errors = tmp_path / "errors.csv"

    counts = load(changed, errors=errors)

    assert contents() == before
    assert counts["differing_receipts"] == 1
    assert problems(errors) == [("2", "number", "R2")]


def test_lines_of_a_receipt_that_stand_apart_are_told_of(programme, tmp_path):
    path = written(tmp_path / "f.csv", [line("A"), line("B"), line("A", "milk")])
    errors = tmp_path / "errors.csv"

    load(path, errors=errors)

    assert problems(errors) == [("4", "number", "A")]
    assert ReceiptLine.objects.filter(receipt__number="A").count() == 1


def test_a_broken_line_keeps_its_receipt_out_and_no_other(programme, tmp_path):
    rows = [line("A"), line("A", gross="x"), line("B"), line("C", quantity="-1"), line("D", "=1")]
    errors = tmp_path / "errors.csv"

    counts = load(written(tmp_path / "f.csv", rows), errors=errors)

    assert set(Receipt.objects.values_list("number", flat=True)) == {"B", "D"}
    assert (counts["refused_receipts"], counts["refused_lines"], counts["errors"]) == (2, 3, 2)
    assert problems(errors) == [("3", "gross", "x"), ("5", "quantity", "'-1")]


@pytest.mark.parametrize(
    ("unknown", "field", "value"),
    [
        ("unknown_products", "sku", "tea"),
        ("unknown_stores", "store", "s1"),
        ("unknown_members", "member", "m1"),
    ],
)
def test_unknown_things_are_refused_by_line_where_the_mapping_says_so(
    programme, tmp_path, unknown, field, value
):
    path, errors = (
        written(tmp_path / "f.csv", [line("A"), line("A", "tea")]),
        tmp_path / "errors.csv",
    )

    counts = load(path, mapped(**{unknown: "refuse"}), errors=errors)

    assert (counts["new_receipts"], counts["refused_receipts"]) == (0, 1)
    assert ("2", field, value) in problems(errors)
    assert not Receipt.objects.exists()
    assert not Product.objects.exists()


def test_a_frozen_account_gets_the_receipt_and_no_points(shop, tmp_path):
    load(shop)
    freeze_wallet(
        wallet=Wallet.objects.get(member__receipts__number="R2"), reason="test", actor=SYSTEM
    )

    counts = load(written(tmp_path / "g.csv", [line("R9", member="m2")]))

    assert (counts["new_receipts"], counts["points"], counts["notes"]) == (1, 0, 1)


def test_products_that_are_known_stay_as_they_are(shop):
    Product.objects.create(sku="tea", name="My tea", excluded_from_earning=True, cost_minor=5)

    load(shop)

    tea = ReceiptLine.objects.filter(sku="tea").first()
    assert (tea.name, tea.cost_minor) == ("My tea", 5)
    assert not LedgerEntry.objects.filter(wallet__member__receipts__number="R2").exists()


def test_points_that_are_not_active_yet_wait(tmp_path):
    make_programme(activation_delay_days=14)
    yesterday = clock.now() - timedelta(days=1)

    load(written(tmp_path / "f.csv", [line("A", occurred_at=yesterday.isoformat())]))

    assert Purchase.objects.get().pending.amount == 10
    assert not LedgerEntry.objects.exists()


def test_days_are_those_of_the_store(programme, tmp_path):
    Store.objects.create(code="s1", name="Far east", time_zone="Asia/Vladivostok")

    load(written(tmp_path / "f.csv", [line("A", occurred_at="2025-06-01 20:00:00")]))

    assert str(Receipt.objects.get().business_date) == "2025-06-02"


def test_a_shifted_file_is_still_the_same_file(shop):
    load(shop, shift=timedelta(weeks=3))
    first = Receipt.objects.get(number="R1")

    counts = load(shop, shift=timedelta(weeks=5))

    assert first.occurred_at == datetime(2025, 6, 22, 12, tzinfo=UTC)
    assert counts["same_receipts"] == 4


def test_two_files_tell_the_same_as_one(programme, tmp_path):
    heads = [{k: row[k] for k in ("store", "number", "occurred_at", "member")} for row in
             (SHOP[0], SHOP[2], SHOP[3], SHOP[4])]  # fmt: skip
    goods = [{k: v for k, v in row.items() if k not in ("occurred_at", "member")} for row in SHOP]
    optional = [*mapped().source.optional, "member"]
    mapping = mapped(source={"optional": optional}, lines={"optional": optional})

    counts = load(written(tmp_path / "heads.csv", heads), mapping,
                  lines_path=written(tmp_path / "lines.csv", goods))  # fmt: skip

    assert counts["new_lines"] == 5
    assert Receipt.objects.get(number="R2").total_minor == 2000


class Crash(BaseException):
    """No error that anybody handles: as if the power had gone."""


def crash_at(monkeypatch, nth):
    calls = []

    def advance(*args, **named):
        calls.append(1)
        if len(calls) == nth:
            raise Crash
        return original(*args, **named)

    original = jobs.advance
    monkeypatch.setattr(run.jobs, "advance", advance)


@pytest.mark.django_db(transaction=True)
def test_a_crash_between_two_chunks_is_made_good_by_resuming(
    shop, tmp_path, small_chunks, monkeypatch
):
    errors = tmp_path / "errors.csv"
    rows = [*SHOP[:2], line("X", gross="x"), *SHOP[2:]]
    path = written(tmp_path / "f.csv", rows)
    file = source.HistoryFile(mapped(), path)
    with monkeypatch.context() as patched:
        crash_at(patched, 3)
        with pytest.raises(Crash):
            load(path, errors=errors)
    # No receipt without its points, whatever was written.
    assert Purchase.objects.count() == Receipt.objects.count() < 4

    counts = load(path, errors=errors, resume=unfinished_run(file))

    assert counts["new_receipts"] == Receipt.objects.count() == 4
    assert problems(errors) == [("4", "gross", "x")]
    assert unfinished_run(file) is None
    assert Job.objects.get().state == Job.State.SUCCEEDED


def test_a_chunk_that_met_a_twin_is_written_again(shop, small_chunks, monkeypatch):
    """Another import took the same numbers first: the second look finds them recorded."""
    calls = []

    def met(chunk, *rest):
        calls.append(chunk.last_line)
        written = write_facts(chunk, *rest)
        if len(calls) == 2:
            raise IntegrityError("receipt_number_once_per_store")
        return written

    monkeypatch.setattr(run, "write_facts", met)

    counts = load(shop)

    assert calls[1] == calls[2]
    assert counts["new_receipts"] == Receipt.objects.count() == 4
    assert counts["points"] == sum(Purchase.objects.values_list("earned", flat=True))


def test_ctrl_c_leaves_a_run_that_can_go_on(shop, small_chunks):
    file = source.HistoryFile(mapped(), shop)

    def pressed(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(shop, progress=pressed)

    job = unfinished_run(file)
    assert job.state == Job.State.CANCELLED
    assert load(shop, resume=job)["new_receipts"] == 4


def test_a_resumed_run_keeps_its_shift_whatever_the_day_is(shop, small_chunks, monkeypatch):
    options = {"mapping": "standard", "shift_to_today": True, "verbosity": 0}
    Store.objects.create(code="s1", name="One")
    with time_machine.travel("2025-07-01"), monkeypatch.context() as patched:
        crash_at(patched, 3)
        with pytest.raises(Crash):
            call_command("import_history", str(shop), **options)

    with time_machine.travel("2025-09-01"):
        call_command("import_history", str(shop), **options, resume=True)

    days = Receipt.objects.order_by("number").values_list("business_date", flat=True)
    assert [str(day) for day in days] == ["2025-06-22", "2025-06-23", "2025-06-23", "2025-06-24"]


def test_the_command_names_what_is_wrong(programme, tmp_path):
    with pytest.raises(CommandError, match="no file"):
        call_command("import_history", str(tmp_path / "none.csv"), mapping="standard")
    path = written(tmp_path / "f.csv", [{"store": "s1"}])
    with pytest.raises(CommandError, match=r"missing.*gross"):
        call_command("import_history", str(path), mapping="standard")
    with pytest.raises(CommandError, match="no unfinished import"):
        call_command(
            "import_history", str(written(path, [line("A")])), mapping="standard", resume=True
        )


def test_the_command_prints_what_it_did(shop, capsys):
    Store.objects.create(code="s1", name="One")

    call_command("import_history", str(shop), mapping="standard", dry_run=True)

    printed = capsys.readouterr().out
    assert "nothing was written" in printed
    assert "new_receipts" in printed
