"""Fixtures of the whole house. The database is made by its owner; every test is the application."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import setup_databases
from hypothesis import HealthCheck, Phase, settings
from pytest_django import DjangoDbBlocker

from loyalty_crm.kernel.roles import as_owner
from rewards.services.audit_ledger import audit_ledger
from tests import flush
from tests.api import api, stranger
from tests.error_codes import pytest_addoption, pytest_sessionfinish, pytest_testnodedown
from tests.live import LiveApp
from tests.settings import TEST_DATA_DIR

__all__ = ["api", "pytest_addoption", "pytest_sessionfinish", "pytest_testnodedown", "stranger"]

# The same examples every day, so that a red run is red again, and soon: `make long` and
# `make fuzz` look for new ones, and for smaller ones of the same fault.
SEARCHING = "RANDOM_EXAMPLES" in os.environ
settings.register_profile(
    "house",
    derandomize=not SEARCHING,
    phases=tuple(Phase) if SEARCHING else (Phase.explicit, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: DjangoDbBlocker,
    request: pytest.FixtureRequest,
) -> None:
    """Make the test database as owner, or take the last run's when no migration has changed."""
    note = TEST_DATA_DIR / f"{connection.settings_dict['TEST']['NAME']}.migrations"
    unchanged = note.exists() and note.read_text() == migrations_fingerprint()
    keep = unchanged and not request.config.getvalue("create_db")
    note.unlink(missing_ok=True)
    with django_db_blocker.unblock():
        with as_owner():
            setup_databases(verbosity=0, interactive=False, keepdb=keep)
        # A run that was killed leaves its rows behind.
        call_command("flush", interactive=False, verbosity=0)
        flush.install()
    note.write_text(migrations_fingerprint())


def migrations_fingerprint() -> str:
    """Whatever shapes the database: migrations, fences and seeds."""
    digest = hashlib.sha256()
    shaping = ("*/migrations/*.py", "loyalty_crm/kernel/*/*.py", "*/apps.py", "*/fences.py")
    for path in sorted({path for pattern in shaping for path in ROOT.glob(pattern)}):
        digest.update(path.read_bytes())
    for name in ("privileges", "broker_tables", "apps"):
        digest.update((ROOT / f"loyalty_crm/kernel/{name}.py").read_bytes())
    return digest.hexdigest()


@pytest.fixture
def live_app(transactional_db: None, tmp_path: Path) -> Iterator[LiveApp]:
    """The real web server on the test database: for races over HTTP and for kill -9."""
    app = LiveApp(data_dir=tmp_path, database=str(connection.settings_dict["NAME"]))
    app.start()
    yield app
    app.stop()


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees the same environment on every machine."""
    for name in ("DEMO_PASSWORD", "PORT", "HOST"):
        monkeypatch.delenv(name, raising=False)
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "tests.settings"


@pytest.fixture(autouse=True)
def _books_agree(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test with a database the ledger's seven checks are zero (quality bar 1)."""
    asks = {"db", "transactional_db", "live_app"} & set(request.fixturenames)
    if not asks and not request.node.get_closest_marker("django_db"):
        yield
        return
    request.getfixturevalue("_django_db_helper")
    yield
    if connection.needs_rollback or request.node.get_closest_marker("allow_broken_books"):
        return
    assert {each.check: each.found for each in audit_ledger() if each.count} == {}
