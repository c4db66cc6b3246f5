from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.models import OutboxEvent, Stamp
from loyalty_crm.kernel.tasks import drain_outbox
from tests.concurrency import in_own_session, race

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """A register of its own for each test."""
    own: dict[str, list[Any]] = outbox.defaultdict(list)
    monkeypatch.setattr(outbox, "_handlers", own)
    return own


def emit(object_id: str = "1", kind: str = "points.earned") -> None:
    with transaction.atomic():
        outbox.emit(kind, object_type="wallet", object_id=object_id, data={"points": 5})


def listen(kind: str = "points.earned") -> list[str]:
    heard: list[str] = []
    outbox.subscribe(kind)(lambda event: heard.append(event.object_id))
    return heard


def fail(event: OutboxEvent) -> None:
    raise ValueError("broken \0 handler")


def due_again() -> None:
    OutboxEvent.objects.update(next_attempt_at=now() - timedelta(seconds=1))


def test_an_event_reaches_those_who_asked_for_it_once():
    heard, everything, other = listen(), listen("*"), listen("points.spent")
    emit("7")

    assert outbox.drain() == 1
    assert outbox.drain() == 0

    assert (heard, everything, other) == (["7"], ["7"], [])
    event = OutboxEvent.objects.get()
    assert event.published_at
    assert event.data == {"points": 5}
    assert event.version == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_of_a_transaction_is_a_mistake():
    with pytest.raises(RuntimeError, match="inside the transaction"):
        outbox.emit("x", object_type="x", object_id="1")


def test_a_rollback_takes_the_event_away():
    with transaction.atomic():
        outbox.emit("x", object_type="x", object_id="1")
        transaction.set_rollback(True)

    assert not OutboxEvent.objects.exists()


def test_four_columns_are_enough_for_set_based_sql():
    heard = listen()
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH sold AS (SELECT generate_series(1, 3) AS id)"
            " INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)"
            " SELECT 'points.earned', 'wallet', id, '{}' FROM sold"
        )

    outbox.drain()

    assert heard == ["1", "2", "3"]
    assert OutboxEvent.objects.values("public_id").distinct().count() == 3


def test_a_poison_event_stops_nobody_and_ends_as_a_dead_letter_with_its_reason():
    outbox.subscribe("poison")(fail)
    heard = listen()
    emit("bad", kind="poison")
    emit("good")

    for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
        due_again()
        outbox.drain()
        assert OutboxEvent.objects.get(kind="poison").attempts == attempt
    due_again()

    assert outbox.drain() == 0
    assert heard == ["good"]
    dead = OutboxEvent.objects.get(kind="poison")
    assert dead.dead_at
    assert dead.published_at is None
    assert dead.last_error == "ValueError: broken  handler"


def test_between_attempts_there_are_growing_pauses():
    outbox.subscribe("poison")(fail)
    emit(kind="poison")
    pauses = []

    for _ in range(3):
        due_again()
        before = now()
        outbox.drain()
        pauses.append(round((OutboxEvent.objects.get().next_attempt_at - before).total_seconds()))

    assert pauses == [5, 10, 20]
    assert outbox.drain() == 0


def test_a_failed_delivery_leaves_nothing_of_any_handler():
    def writes(event: OutboxEvent) -> None:
        Stamp.objects.create(name="half done")

    outbox.subscribe("poison")(writes)
    outbox.subscribe("poison")(fail)
    emit(kind="poison")

    outbox.drain()

    assert not Stamp.objects.exists()


def test_dead_letters_can_be_revived():
    outbox.subscribe("poison")(fail)
    emit(kind="poison")
    OutboxEvent.objects.update(dead_at=now(), attempts=10)
    heard = listen("poison")
    outbox._handlers["poison"].remove(fail)

    assert outbox.revive(list(OutboxEvent.objects.values_list("pk", flat=True))) == 1
    outbox.drain()

    assert heard == ["1"]


def test_only_published_events_are_purged():
    emit("old")
    outbox.drain()
    emit("waiting")

    assert outbox.purge(now() + timedelta(seconds=1)) == 1
    assert OutboxEvent.objects.get().object_id == "waiting"


def test_the_task_drains_until_nothing_is_left(monkeypatch):
    heard = listen()
    monkeypatch.setattr("loyalty_crm.kernel.tasks.BATCH", 2)
    for number in range(5):
        emit(str(number))

    assert drain_outbox() == 5
    assert heard == list("01234")


# Sessions of their own.


@pytest.mark.django_db(transaction=True)
def test_a_late_committer_with_a_lower_id_is_not_skipped():
    heard = listen()
    emitted, commit = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            outbox.emit("points.earned", object_type="wallet", object_id="late")
            emitted.set()
            assert commit.wait(10)

    thread = threading.Thread(target=partial(in_own_session, late))
    thread.start()
    assert emitted.wait(5)
    emit("early")
    outbox.drain()
    assert heard == ["early"]

    commit.set()
    thread.join(10)
    outbox.drain()

    assert heard == ["early", "late"]
    low, high = OutboxEvent.objects.order_by("id").values_list("object_id", flat=True)
    assert (low, high) == ("late", "early")


@pytest.mark.django_db(transaction=True)
def test_many_drains_at_once_deliver_each_event_once():
    Stamp.objects.create(name="heard")
    heard: list[str] = []
    outbox.subscribe("points.earned")(lambda event: heard.append(event.object_id))
    for number in range(60):
        emit(str(number))

    result = race([outbox.drain] * 6)

    assert not result.errors
    assert result.overlap > 1
    assert sorted(heard, key=int) == [str(number) for number in range(60)]


@pytest.mark.django_db(transaction=True)
def test_negative_control_without_the_claim_events_are_delivered_twice(monkeypatch):
    monkeypatch.setattr("django.db.models.QuerySet.select_for_update", lambda rows, **_: rows.all())
    both = threading.Barrier(2, timeout=5)
    heard: list[str] = []

    def meet(event: OutboxEvent) -> None:
        heard.append(event.object_id)
        both.wait()

    outbox.subscribe("points.earned")(meet)
    emit("1")

    race([outbox.drain] * 2)

    assert heard == ["1", "1"]


@pytest.mark.django_db(transaction=True)
def test_an_event_in_another_drains_hands_is_passed_over_not_waited_for():
    held, done = threading.Event(), threading.Event()
    heard: list[str] = []

    def slow(event: OutboxEvent) -> None:
        heard.append(event.object_id)
        if event.object_id == "slow":
            held.set()
            assert done.wait(10)

    outbox.subscribe("points.earned")(slow)
    emit("slow")
    first: Callable[[], int] = outbox.drain
    thread = threading.Thread(target=partial(in_own_session, first))
    thread.start()
    assert held.wait(5)
    emit("quick")

    outbox.drain()
    done.set()
    thread.join(10)

    assert heard == ["slow", "quick"]
