"""A kept session is looked at before each request, at no round trip while it lives."""

from __future__ import annotations

from unittest import mock

import psycopg
import pytest
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.backends.postgresql import base

from loyalty_crm.kernel.backend.base import DatabaseWrapper
from tests.concurrency import in_own_session, race

pytestmark = pytest.mark.django_db(transaction=True)


def backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def ended_by_the_server(pid):
    parts = connection.get_connection_params()
    known = {
        key: parts[key] for key in ("dbname", "user", "password", "host", "port") if key in parts
    }
    with psycopg.connect(**known, autocommit=True) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)


def test_a_living_session_is_kept_and_not_asked():
    first = backend()

    close_old_connections()
    with mock.patch.object(base.DatabaseWrapper, "is_usable") as asked:
        second = backend()

    assert second == first
    assert not asked.called


def test_a_session_that_the_server_ended_is_replaced_before_the_next_request():
    first = backend()
    ended_by_the_server(first)

    close_old_connections()

    assert backend() != first


def test_without_the_look_the_next_request_would_fail():
    """Negative control."""
    ended_by_the_server(backend())
    close_old_connections()

    with (
        mock.patch.object(DatabaseWrapper, "is_usable", return_value=True),
        pytest.raises(Exception, match=r"terminating connection|closed"),
    ):
        backend()
    connection.close()


def test_sessions_of_other_threads_are_their_own():
    assert len(set(race([lambda: in_own_session(backend)] * 2).results)) == 2
    assert settings.DATABASES["default"]["CONN_HEALTH_CHECKS"] is True
