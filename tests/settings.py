"""The product's settings on a server and a database of the tests' own.

Two runs at once, of two people or two terminals, never share a database: each
claims the first free name.
"""

# ruff: noqa: E402, F403 - the environment has to be set before the settings read it

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
from pathlib import Path

from loyalty_crm import embedded_postgres

TEST_DATA_DIR = Path(__file__).resolve().parent.parent / ".data" / "test"

# What makes a disk safe and a test slow. Suites that crash the server start their own.
UNSAFE_BUT_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
}


def use_test_server() -> None:
    """The embedded server of the tests, unless TEST_DATABASE_URL names another."""
    app, owner = (os.environ.get(f"TEST_DATABASE_{name}URL", "") for name in ("", "OWNER_"))
    if not app:
        atexit.register(embedded_postgres.release, TEST_DATA_DIR)
        dsns = embedded_postgres.ensure_running(TEST_DATA_DIR, settings=UNSAFE_BUT_FAST)
        app, owner = dsns.app, dsns.owner
    os.environ.update(DATABASE_URL=app, DATABASE_OWNER_URL=owner, DATA_DIR=str(TEST_DATA_DIR))


def claim_database_name() -> str:
    """The first name nobody tests under; workers of pytest-xdist inherit it and add their own."""
    wanted = "test_loyalty" + os.environ.get("TEST_DB_SUFFIX", "")
    for count in itertools.count(1):
        name = wanted if count == 1 else f"{wanted}_{count}"
        lock = os.open(TEST_DATA_DIR / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return name
    raise AssertionError("itertools.count ended")


use_test_server()
os.environ.update(
    SECRET_KEY="only-for-tests-" * 4, CELERY_BROKER_URL="memory://", LOG_LEVEL="WARNING"
)
os.environ.setdefault("TEST_DB_NAME", "")
if not os.environ["TEST_DB_NAME"]:
    os.environ["TEST_DB_NAME"] = claim_database_name()

from loyalty_crm.settings import *

DATABASES["default"]["TEST"] = {"NAME": os.environ["TEST_DB_NAME"]}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True  # looks files up when asked instead of all of them at each start
