"""python -m bench [--short] [names …]: run the benchmarks, print the table, keep it by commit."""

from __future__ import annotations

import argparse
import atexit
import importlib
import json
import os
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = ROOT / ".data" / "bench"
HISTORY = ROOT / "bench" / "history.jsonl"
SUITE = (
    "commit",
    "budget",
    "intake",
    "parse",
    "quote",
    "redeem",
    "expiry",
    "tiers",
    "imports",
    "search",
    "backtest",
)


def start() -> None:
    """A server of the benchmarks' own, as safe as a shop's: fsync is on."""
    from loyalty_crm import embedded_postgres  # noqa: PLC0415 (the environment comes first)

    dsns = embedded_postgres.ensure_running(DATA_DIR)
    atexit.register(embedded_postgres.release, DATA_DIR)
    os.environ.update(
        DATA_DIR=str(DATA_DIR), DATABASE_URL=dsns.app, DATABASE_OWNER_URL=dsns.owner,
        DJANGO_SETTINGS_MODULE="bench.settings", LOG_LEVEL="WARNING",
        CELERY_BROKER_URL="memory://", SECRET_KEY="only-for-benchmarks-" * 3,
    )  # fmt: skip
    import django  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def commit() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"


def print_table(rows) -> None:
    print(f"\n{'path':<52} {'limit or peer':>24} {'ours':>18} {'ratio':>9}  {'to land':<9} goal")
    for row in rows:
        print(
            f"{row.name:<52} {row.limit:>24} {row.ours:>18} {row.ratio:>7.2f} {row.unit:<2}"
            f" {row.land:<9} {row.goal}" + (f"   {row.note}" if row.note else "")
        )


def keep(rows, short: bool) -> None:
    entry = {
        "commit": commit(), "at": datetime.now(UTC).isoformat(timespec="seconds"), "short": short,
        "load": round(os.getloadavg()[0], 1), "rows": [row.as_json() for row in rows],
    }  # fmt: skip
    with HISTORY.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", choices=[*SUITE, []], help="some of the benchmarks")
    parser.add_argument("--short", action="store_true", help="small data, three rounds")
    options = parser.parse_args()
    start()
    rows, failed = [], []
    for name in options.names or SUITE:
        print(f"… {name}", file=sys.stderr, flush=True)
        try:
            rows += importlib.import_module(f"bench.{name}").run(options.short)
        except Exception:  # noqa: BLE001 (what was measured before is not lost)
            failed.append(name)
            traceback.print_exc()
    print_table(rows)
    keep(rows, options.short)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
