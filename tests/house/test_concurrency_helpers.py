"""The helpers that other tests trust: a race must be one, and says so when it was none."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from tests.concurrency import (
    in_own_session,
    race,
    race_processes,
    wait_until_a_session_is_blocked,
)


def backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), pg_sleep(0.1)")
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("start", [race, race_processes])
def test_contestants_overlap_in_sessions_of_their_own(start):
    done = start([backend] * 3)

    assert len(set(done.results)) == 3
    assert done.overlap == 3
    assert done.errors == []


@pytest.mark.django_db(transaction=True)
def test_processes_are_processes_and_the_parents_session_survives():
    done = race_processes([os.getpid] * 2)

    assert os.getpid() not in done.results
    assert Group.objects.count() >= 0


@pytest.mark.django_db(transaction=True)
def test_runs_one_after_the_other_count_as_no_race():
    turn = threading.Lock()

    def alone():
        time.sleep(0.02)

    done = race([lambda: None, alone])
    assert done.overlap <= 2
    with turn:
        assert race([alone]).overlap == 1


@pytest.mark.django_db(transaction=True)
def test_an_error_is_the_contestants_own_result():
    def fails():
        raise ValueError("no")

    done = race([fails, lambda: 1])

    assert done.results == [1]
    assert [str(error) for error in done.errors] == ["no"]


@pytest.mark.django_db(transaction=True)
def test_waiting_for_a_lock_is_seen_and_not_waiting_is_too():
    group = Group.objects.create(name="held")
    rename = Group.objects.filter(pk=group.pk).update

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            rename(name="first")
            second = other.submit(in_own_session, lambda: rename(name="second"))
            wait_until_a_session_is_blocked()
        assert second.result(timeout=5) == 1

    with pytest.raises(AssertionError, match="no session ever waited"):
        wait_until_a_session_is_blocked(seconds=0.2)
