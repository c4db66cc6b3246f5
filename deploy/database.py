"""Back the shop's database up, restore it, or look into it, as its owner.

    python deploy/database.py backup shop.dump
    python deploy/database.py restore shop.dump     (stop the shop first)
    python deploy/database.py psql

With DATABASE_OWNER_URL or DATABASE_URL it takes PostgreSQL's programs of the
path, and restores into an empty database. Else it takes those of the embedded
server, starts that if it has to, and makes the database anew before a restore.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from loyalty_crm import embedded_postgres, env  # noqa: E402 - the checkout is not installed

# The broker's tables come back by `migrate`: what stood in them was only "look now".
DUMP = ["pg_dump", "--format=custom", "--exclude-schema=pgmq"]
RESTORE = ["pg_restore", "--no-owner", "--no-privileges", "--no-comments", "--exit-on-error"]
NAMES = {
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "host": "PGHOST",
    "port": "PGPORT",
    "sslmode": "PGSSLMODE",
}


def main(action: str, *files: str) -> int:
    address = env.text("DATABASE_OWNER_URL") or env.text("DATABASE_URL")
    if address:
        return act(action, files, address, folder=None)
    with embedded_server() as (address, folder):
        if action == "restore":
            make_anew(address)
        return act(action, files, address, folder)


@contextlib.contextmanager
def embedded_server() -> Iterator[tuple[str, Path]]:
    data_dir = env.folder("DATA_DIR", ROOT / ".data")
    dsns = embedded_postgres.ensure_running(data_dir)
    try:
        yield dsns.owner, embedded_postgres.programs_of(data_dir)
    finally:
        embedded_postgres.release(data_dir)


def make_anew(address: str) -> None:
    name = embedded_postgres.DATABASE
    with psycopg.connect(address, dbname="postgres", autocommit=True) as session:
        session.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        session.execute(f"CREATE DATABASE {name}".encode())


def act(action: str, files: tuple[str, ...], address: str, folder: Path | None) -> int:
    if action == "backup":
        return run([*DUMP, f"--file={files[0]}"], address, folder)
    if action == "restore":
        name = env.parsed(address)["dbname"]
        failed = run([*RESTORE, f"--dbname={name}", files[0]], address, folder)
        return (
            failed or subprocess.run([sys.executable, "manage.py", "migrate"], cwd=ROOT).returncode
        )
    return run(["psql", *files], address, folder)


def run(command: list[str], address: str, folder: Path | None) -> int:
    """The password goes by environment: everybody may read the arguments of a process."""
    known = {NAMES[key]: value for key, value in env.parsed(address).items() if key in NAMES}
    path = f"{folder}{os.pathsep}{os.environ['PATH']}" if folder else os.environ["PATH"]
    environment = {**os.environ, **known, "PATH": path}
    return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
