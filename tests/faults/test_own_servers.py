"""``make run`` on a PostgreSQL and a broker of one's own, where this machine has them."""

from __future__ import annotations

import contextlib
import secrets
import socket

import psycopg
import pytest

from tests.faults.supervisor import Supervisor

pytestmark = pytest.mark.faults

ADDRESS = "127.0.0.1:5432"


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture
def database():
    """Two roles and an empty database, as docs/operators.md tells to make them."""
    if not listens(5432):
        pytest.skip("no PostgreSQL of the machine's own")
    mark = secrets.token_hex(4)
    owner, app, name = f"owner_{mark}", f"app_{mark}", f"shop_{mark}"
    with psycopg.connect(f"postgresql://postgres@{ADDRESS}/postgres", autocommit=True) as session:
        session.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'own'")
        session.execute(f"CREATE ROLE {app} LOGIN PASSWORD 'app'")
        session.execute(f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'")
        yield {
            "DATABASE_URL": f"postgresql://{app}:app@{ADDRESS}/{name}",
            "DATABASE_OWNER_URL": f"postgresql://{owner}:own@{ADDRESS}/{name}",
        }
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")
        session.execute(f"DROP ROLE {owner}")
        session.execute(f"DROP ROLE {app}")


@pytest.mark.parametrize(
    ("broker", "port"),
    [
        ("pgmq://", 5432),
        ("redis://127.0.0.1:6379/9", 6379),
        ("amqp://guest:guest@127.0.0.1:5672//", 5672),
    ],
)
def test_opens_on_servers_of_ones_own(tmp_path, database, broker, port):
    if not listens(port):
        pytest.skip(f"nothing listens on port {port}")
    shop = Supervisor(tmp_path, environment={**database, "CELERY_BROKER_URL": broker})
    try:
        shop.open()

        assert shop.is_ready()
        assert not (tmp_path / "postgres").exists()
        assert shop.interrupt() == 0
    finally:
        shop.clean_up()
    assert shop.leftovers() == []
