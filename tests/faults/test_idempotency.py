"""Quality bar 33 and 34: a real server, killed in the middle of the work and right behind it."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest
from django.db import connection

from loyalty_crm.kernel.models import IdempotencyRecord, OutboxEvent
from tests.api import new_key
from tests.live import LiveApp

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

SEED = int(os.environ.get("FAULT_SEED", time.time_ns() % 10**6))
KILLS, CLIENTS = 25, 8


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., LiveApp]]:
    """Starts the product with the kernel's test endpoint and the given environment."""
    apps: list[LiveApp] = []

    def started(**environment: str) -> LiveApp:
        environment["DJANGO_SETTINGS_MODULE"] = "tests.kernel.value_settings"
        name = str(connection.settings_dict["NAME"])
        apps.append(LiveApp(data_dir=tmp_path, database=name, environment=environment))
        apps[-1].start()
        return apps[-1]

    yield started
    for app in apps:
        app.stop()


def post(app: LiveApp, token: str, key: str, amount: int) -> tuple[int, bytes, bool]:
    """Status, bytes and whether it is a replay. A connection that breaks raises."""
    caller = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
    headers = {
        "Authorization": f"Bearer {token}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    caller.request("POST", "/api/v1/coins", json.dumps({"amount": amount}), headers)
    response = caller.getresponse()
    replayed = response.headers["Idempotent-Replayed"] == "true"
    return response.status, response.read(), replayed


def post_until_answered(app: LiveApp, token: str, key: str, amount: int) -> tuple[int, bytes, bool]:
    """What a till does: the same key again until there is an answer that is final."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            answer = post(app, token, key, amount)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
            continue
        if answer[0] not in (409, 503):
            return answer
        time.sleep(0.1)
    raise AssertionError(f"no answer for {key}:\n{app.log}")


def workers_of(app: LiveApp) -> list[psutil.Process]:
    return psutil.Process(app.pid).children(recursive=True)


def wait_for_work_in_progress() -> None:
    """Until a session has done its insert and sleeps inside of its transaction."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state = 'idle in transaction' AND query LIKE '%%kernel_outboxevent%%'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("the work never began")


def test_killed_inside_the_transaction_the_key_is_free_and_the_work_happens_once(start):
    app, token = start(SLEEP_IN_WORK="30"), new_key("sales:write")
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(post, app, token, "k", 5)
        wait_for_work_in_progress()
        app.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            lost.result(timeout=20)

    assert not IdempotencyRecord.objects.exists()
    app.environment["SLEEP_IN_WORK"] = ""
    app.start()
    status, _, replayed = post(app, token, "k", 5)

    assert (status, replayed) == (201, False)
    assert OutboxEvent.objects.count() == 1


def test_killed_behind_the_commit_the_retry_replays(start, tmp_path):
    flag = tmp_path / "die"
    app, token = start(DIE_AFTER_COMMIT=str(flag)), new_key("sales:write")
    flag.touch()
    with pytest.raises((OSError, http.client.HTTPException)):
        post(app, token, "k", 5)
    assert not flag.exists(), "the server died somewhere else"
    assert OutboxEvent.objects.count() == 1

    status, body, replayed = post_until_answered(app, token, "k", 5)

    assert (status, json.loads(body)["amount"], replayed) == (201, 5, True)
    assert OutboxEvent.objects.count() == 1


def test_two_hundred_requests_killed_at_random_points_each_happen_once(start):
    """Each round kills the workers while eight requests are somewhere in between."""
    print(f"seed {SEED}")
    dice, app, token = random.Random(SEED), start(), new_key("sales:write")
    cut = 0
    with ThreadPoolExecutor(CLIENTS) as pool:
        for kill in range(KILLS):
            keys = [f"{kill}-{client}" for client in range(CLIENTS)]
            first = [pool.submit(post, app, token, key, 1) for key in keys]
            time.sleep(dice.uniform(0, 0.06))
            for worker in workers_of(app):
                worker.send_signal(signal.SIGKILL)
            answered = {
                key: sent.result() for key, sent in zip(keys, first, strict=True) if survived(sent)
            }
            cut += CLIENTS - len(answered)

            final = list(pool.map(partial(post_until_answered, app, token, amount=1), keys))

            for key, (status, body, replayed) in zip(keys, final, strict=True):
                assert status == 201
                if key in answered:
                    assert replayed
                    assert body == answered[key][1]
            assert OutboxEvent.objects.count() == IdempotencyRecord.objects.count()
            assert OutboxEvent.objects.count() == (kill + 1) * CLIENTS
    assert cut > CLIENTS, "too few requests were in flight when their server died"


def survived(sent: object) -> bool:
    """Whether the answer arrived before the kill."""
    error = sent.exception()  # type: ignore[attr-defined]
    assert error is None or isinstance(error, OSError | http.client.HTTPException)
    return error is None and sent.result()[0] == 201  # type: ignore[attr-defined]
