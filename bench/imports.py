"""History import against raw COPY of the very same rows into the very same tables.

The receipts are the first ones of The Complete Journey. Members, stores and products
are there before any arm starts; between the arms the receipts are taken away.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
from django.db import connection, transaction

from bench.measure import Row, interleaved, seconds
from bench.shop import shop
from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.roles import as_owner
from members.imports.catalogue import Catalogue
from members.imports.facts import write_facts
from members.imports.mapping import load_mapping
from members.imports.source import HistoryFile
from rewards.services.history import import_history

ROOT = Path(__file__).resolve().parent.parent
FACTS = ("members_receipt", "members_receiptline", "members_tender")
MADE = (
    "members_refundline",
    "members_refund",
    "rewards_grant",
    "rewards_purchaserefund",
    "rewards_purchase",
    "rewards_lotmove",
    "rewards_lot",
    "rewards_ledgerentry",
    "rewards_holdresolution",
    "rewards_hold",
    "rewards_pendinggrant",
    "rewards_ledgerincident",
    "rewards_earncarry",
    "rewards_ledgertx",
    *FACTS,
)


def run(short: bool) -> list[Row]:
    shop()
    with tempfile.TemporaryDirectory() as folder:
        file = journey(Path(folder), 50_000 if short else 200_000)
        take_away()
        counts = import_history(file=file, actor=SYSTEM).counts
        copy_out(Path(folder))
        lines = counts["new_lines"]
        found = interleaved(
            {
                "copy": lambda: fresh(lambda: copy_in(Path(folder))),
                "facts": lambda: fresh(lambda: facts_only(file)),
                "points": lambda: fresh(lambda: import_history(file=file, actor=SYSTEM)),
            },
            3 if short else 5,
        )
    take_away()
    copy = f"COPY {lines / found['copy']:,.0f} lines/s"
    return [
        Row(
            f"history import, facts, {lines:,} lines",
            copy,
            f"{lines / found['facts']:,.0f} lines/s",
            found["facts"] / found["copy"],
            "≤ 3",
            "≤ 1.5",
        ),
        Row(
            "the same with rules, points, ledger",
            copy,
            f"{lines / found['points']:,.0f} lines/s",
            found["points"] / found["copy"],
            "≤ 10",
            "≤ 3",
            note=memory(),
        ),
    ]


def journey(folder: Path, lines: int) -> HistoryFile:
    """The first lines of The Complete Journey, as a file of their own."""
    mapping = load_mapping("complete_journey")
    assert mapping.source.path is not None
    path = folder / "journey.parquet"
    pq.write_table(pq.read_table(mapping.source.path).slice(0, lines), path)
    return HistoryFile(mapping, path)


def fresh(work) -> float:
    take_away()
    return seconds(work)


def take_away() -> None:
    """Receipts and all that follows from them; members, stores and products stay."""
    with as_owner(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(MADE)} CASCADE")
        # What the entries had moved is put back by hand, past the guards.
        cursor.execute("ALTER TABLE rewards_wallet DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE rewards_wallet SET posted = 0, held = 0, last_seq = 0 WHERE last_seq > 0"
        )
        cursor.execute("ALTER TABLE rewards_wallet ENABLE TRIGGER USER")


@contextmanager
def raw():
    with connection.cursor() as cursor:
        yield cursor


def copy_out(folder: Path) -> None:
    for table in FACTS:
        with (
            raw() as cursor,
            (folder / table).open("wb") as file,
            cursor.copy(
                f"COPY (SELECT * FROM {table} ORDER BY id) TO STDOUT (FORMAT binary)"
            ) as rows,
        ):
            file.writelines(rows)


@transaction.atomic
def copy_in(folder: Path) -> None:
    for table in FACTS:
        statement = f"COPY {table} FROM STDIN (FORMAT binary)"
        with raw() as cursor, (folder / table).open("rb") as file, cursor.copy(statement) as rows:
            while block := file.read(1 << 20):
                rows.write(block)


def facts_only(file: HistoryFile) -> None:
    catalogue = Catalogue(file.mapping, file.tables, SYSTEM)
    for chunk in file.chunks(clock.now()):
        with transaction.atomic():
            write_facts(chunk, file.mapping, catalogue, file.shift)


def memory() -> str:
    """The most that an import of all receipts keeps in memory; a process of its own measures it."""
    command = [sys.executable, "-c", RSS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return f"reading and mapping all 1,469,307 lines: RSS {done.stdout.strip()} MiB"


RSS = """
import re
from pathlib import Path
import django
django.setup()
from django.utils import timezone
from members.imports.mapping import load_mapping
from members.imports.source import HistoryFile
mapping = load_mapping("complete_journey")
for chunk in HistoryFile(mapping, mapping.source.path).chunks(timezone.now()):
    pass
# Not getrusage: its maximum begins with what the parent had at the fork.
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""
