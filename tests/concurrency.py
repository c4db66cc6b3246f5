"""Two sessions that meet at a chosen point.

Ask of each race test: what exactly did the second session wait for? A race
that never overlapped proves nothing, so ``Race.overlap`` says how many ran at
one moment.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import connection, connections

T = TypeVar("T")


def in_own_session(call: Callable[[], T]) -> T:
    """Run in a worker thread, and hand its connection back."""
    try:
        return call()
    finally:
        connection.close()


def wait_until_a_session_is_blocked(seconds: float = 5) -> None:
    """Return once a session of this database waits for a lock. Other databases' do not count."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            # Inside a transaction the list of sessions would stay that of the first look.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND datname = current_database())"
            )
            if cursor.fetchone() == (True,):
                return
        time.sleep(0.01)
    raise AssertionError("no session ever waited for a lock")


@dataclass(frozen=True)
class Run(Generic[T]):
    """One contestant: what came of it, and from when to when it ran."""

    outcome: T | Exception
    began: float
    ended: float


@dataclass(frozen=True)
class Race(Generic[T]):
    runs: Sequence[Run[T]]

    @property
    def results(self) -> list[T]:
        return [run.outcome for run in self.runs if not isinstance(run.outcome, Exception)]

    @property
    def errors(self) -> list[Exception]:
        return [run.outcome for run in self.runs if isinstance(run.outcome, Exception)]

    @property
    def overlap(self) -> int:
        """The most contestants that ran at one moment. 1 means it was no race."""
        return max(
            sum(other.began <= run.began < other.ended for other in self.runs) for run in self.runs
        )


def race(calls: Sequence[Callable[[], T]], *, seconds: float = 60) -> Race[T]:
    """Run the calls in threads that start together, each in a session of its own."""
    barrier = threading.Barrier(len(calls))

    def contestant(call: Callable[[], T]) -> Run[T]:
        def ready() -> Run[T]:
            connection.ensure_connection()
            return timed(call, barrier)

        return in_own_session(ready)

    with ThreadPoolExecutor(len(calls)) as pool:
        waiting = [pool.submit(contestant, call) for call in calls]
        return Race([each.result(timeout=seconds) for each in waiting])


def race_processes(calls: Sequence[Callable[[], T]], *, seconds: float = 60) -> Race[T]:
    """The same in processes of their own: no shared interpreter, no shared caches.

    Outcomes travel by pickle. The parent's connections are closed first,
    because a forked child would speak on the same socket.
    """
    connections.close_all()
    forking = multiprocessing.get_context("fork")
    barrier, outcomes = forking.Barrier(len(calls)), forking.Queue()

    def contestant(call: Callable[[], T]) -> None:
        connection.ensure_connection()
        outcomes.put(timed(call, barrier))
        connection.close()

    children = [forking.Process(target=contestant, args=(call,), daemon=True) for call in calls]
    for child in children:
        child.start()
    runs = [outcomes.get(timeout=seconds) for _ in children]
    for child in children:
        child.join(timeout=seconds)
    return Race(runs)


def timed(call: Callable[[], T], barrier: Any) -> Run[T]:
    barrier.wait(timeout=30)
    began = time.monotonic()
    try:
        outcome: T | Exception = call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this contestant's result
        outcome = error
    return Run(outcome, began, time.monotonic())
