"""The embedded server: its locale, its roles, who stops it, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from loyalty_crm import embedded_postgres
from tests.live import ROOT

FAST = {"fsync": "off"}


@pytest.fixture
def data_dir(tmp_path):
    tmp_path.chmod(0o755)
    yield tmp_path
    embedded_postgres.release(tmp_path)


def test_trigrams_see_cyrillic(data_dir):
    """Under a plain C locale this list is empty, and search by name silently finds nobody."""
    dsns = embedded_postgres.ensure_running(data_dir, settings=FAST)

    with psycopg.connect(dsns.app) as session:
        (trigrams,) = session.execute("SELECT show_trgm('Ёлка')").fetchone()
        (lower,) = session.execute("SELECT lower('ЁЛКА')").fetchone()
    assert len(trigrams) == 5
    assert lower == "ёлка"


def test_the_owner_makes_tables_and_the_application_does_not(data_dir):
    dsns = embedded_postgres.ensure_running(data_dir, settings=FAST)

    with psycopg.connect(dsns.owner) as session:
        session.execute("CREATE TABLE mine (id int)")
    with psycopg.connect(dsns.app) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("CREATE TABLE yours (id int)")


def test_the_last_one_out_stops_it(data_dir):
    dsns = embedded_postgres.ensure_running(data_dir, settings=FAST)
    other = subprocess.Popen(
        [sys.executable, "-c", ANOTHER_USER, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "joined\n"

    assert embedded_postgres.release(data_dir) is False
    psycopg.connect(dsns.app).close()

    assert other.communicate("leave\n", timeout=30)[0] == "stopped: True\n"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsns.app)


ANOTHER_USER = """
import sys
from pathlib import Path
from loyalty_crm import embedded_postgres
data_dir = Path(sys.argv[1])
embedded_postgres.ensure_running(data_dir)
print("joined", flush=True)
sys.stdin.readline()
print("stopped:", embedded_postgres.release(data_dir))
"""


def test_a_long_path_gets_a_short_socket(tmp_path):
    data_dir = tmp_path / ("long" * 25) / "with a space"
    try:
        dsns = embedded_postgres.ensure_running(data_dir, settings=FAST)

        with psycopg.connect(dsns.app) as session:
            assert session.execute("SELECT current_user").fetchone() == (embedded_postgres.APP,)
    finally:
        embedded_postgres.release(data_dir)


def test_data_of_another_version_is_refused_with_the_way_out(data_dir):
    embedded_postgres.ensure_running(data_dir, settings=FAST)
    embedded_postgres.release(data_dir)
    (data_dir / "postgres" / "data" / "PG_VERSION").write_text("15\n")

    with pytest.raises(embedded_postgres.EmbeddedPostgresError, match=r"written by PostgreSQL 15"):
        embedded_postgres.ensure_running(data_dir)


def test_lost_passwords_are_told(data_dir):
    embedded_postgres.ensure_running(data_dir, settings=FAST)
    embedded_postgres.release(data_dir)
    (data_dir / "postgres.json").unlink()

    with pytest.raises(embedded_postgres.EmbeddedPostgresError, match=r"postgres\.json is missing"):
        embedded_postgres.ensure_running(data_dir)


def test_passwords_are_nobody_elses_to_read(data_dir):
    embedded_postgres.ensure_running(data_dir, settings=FAST)

    assert (data_dir / "postgres.json").stat().st_mode & 0o777 == 0o600
    assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700
