"""Quality bar 29 to 39, at a test endpoint that adds coins once per key."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from loyalty_crm.kernel import idempotency
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.errors import DomainError, IdempotencyInFlight, TooManyRequests
from loyalty_crm.kernel.idempotency import fingerprint, run_once
from loyalty_crm.kernel.models import IdempotencyRecord, Integration, OutboxEvent
from tests.api import Integrator, new_key
from tests.concurrency import Race, in_own_session, race, wait_until_a_session_is_blocked

pytestmark = pytest.mark.django_db


class Refused(DomainError):
    code = "test_refused"
    status = 422
    title = "Refused"


def effects() -> int:
    return OutboxEvent.objects.filter(kind="coins.added").count()


def once(key: str, work: Any, *, asked: bytes = b"x" * 32, scope: str = "t") -> Any:
    return run_once(scope=scope, key=key, fingerprint=asked, work=work)


@pytest.mark.parametrize("key", [None])
def test_a_call_that_changes_value_needs_a_key(api, value_endpoint, key):
    response = api("sales:write").post(value_endpoint, {"amount": 1}, key)

    assert response.json()["code"] == "idempotency_key_missing"
    assert effects() == 0


def test_delete_needs_a_key_too(api, value_endpoint):
    assert api("sales:write").delete(value_endpoint).json()["code"] == "idempotency_key_missing"


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "tab\t", "ключ", "\x7f"])
def test_a_malformed_key_is_refused(api, value_endpoint, key):
    response = api("sales:write").post(value_endpoint, {"amount": 1}, key)

    assert response.json()["code"] == "idempotency_key_invalid"
    assert effects() == 0


@pytest.mark.parametrize("key", ["x", "~" * 255, "0192f0c4-7d4e-7c3a-9a51-2b8d7c1e0f00"])
def test_a_repeat_gets_the_same_bytes_and_changes_nothing(api, value_endpoint, key):
    till = api("sales:write")

    first = till.post(value_endpoint, {"amount": 5, "note": "Ёлка"}, key)
    again = till.post(value_endpoint, b'{ "note":"\\u0401\\u043b\\u043a\\u0430", "amount":5}', key)

    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert effects() == 1


def test_another_body_under_the_same_key_is_refused(api, value_endpoint):
    till = api("sales:write")
    till.post(value_endpoint, {"amount": 5}, "k")

    other = till.post(value_endpoint, {"amount": 6}, "k")

    assert other.json()["code"] == "idempotency_key_reused"
    assert till.post(value_endpoint, {"amount": 5}, "k").status_code == 201
    assert effects() == 1


def test_another_store_or_operation_is_another_request():
    prints = {
        fingerprint("a", {}, "S1", {"x": 1}),
        fingerprint("b", {}, "S1", {"x": 1}),
        fingerprint("a", {"id": 1}, "S1", {"x": 1}),
        fingerprint("a", {}, "S2", {"x": 1}),
        fingerprint("a", {}, "S1", {"x": 2}),
    }

    assert len(prints) == 5
    assert fingerprint("a", {}, "", {"x": 1, "y": 2}) == fingerprint("a", {}, "", {"y": 2, "x": 1})


def test_a_business_refusal_is_final_for_its_key(api, value_endpoint, trouble):
    till = api("sales:write")
    trouble["room"] = 10
    first = till.post(value_endpoint, {"amount": 11}, "k")
    trouble["room"] = 100

    again = till.post(value_endpoint, {"amount": 11}, "k")

    assert first.status_code == again.status_code == 422
    assert first.content == again.content
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert effects() == 0
    assert till.post(value_endpoint, {"amount": 11}, "new").status_code == 201


def test_a_refusal_keeps_nothing_of_the_work_not_even_its_hooks(
    django_capture_on_commit_callbacks,
):
    called = []

    def work() -> tuple[int, bytes]:
        transaction.on_commit(partial(called.append, "work"))
        with transaction.atomic(savepoint=False):
            OutboxEvent.objects.create(kind="coins.added", object_type="x", object_id="1")
            raise Refused

    with django_capture_on_commit_callbacks(execute=True):
        answer = once("k", work)

    assert answer.status == 422
    assert json.loads(answer.body)["code"] == "test_refused"
    assert called == []
    assert effects() == 0


@pytest.mark.parametrize(
    ("ail", "heal"),
    [
        ({"body": b'{"amount": "1"}'}, {}),
        ({"token": "crm_live_no_no"}, {}),
        ({"raise": TooManyRequests()}, {}),
        ({"raise": RuntimeError("bug")}, {}),
    ],
    ids=["400", "401", "429", "500"],
)
def test_what_a_repeat_may_heal_is_not_frozen(api, value_endpoint, trouble, ail, heal):
    till = api("sales:write")
    trouble.update({name: value for name, value in ail.items() if name == "raise"})
    sick = Integrator(ail.get("token", till.token))

    first = sick.post(value_endpoint, ail.get("body", {"amount": 1}), "k")
    trouble.clear()
    second = till.post(value_endpoint, {"amount": 1}, "k")

    assert first.status_code in (400, 401, 429, 500)
    assert second.status_code == 201
    assert "Idempotent-Replayed" not in second.headers
    assert effects() == 1


def test_a_missing_scope_is_not_frozen(api, value_endpoint):
    integration = Integration.objects.create(name="narrow", scopes=["sales:read"])
    till = Integrator(new_key(integration=integration))

    assert till.post(value_endpoint, {"amount": 1}, "k").json()["code"] == "forbidden_scope"
    Integration.objects.update(scopes=["sales:write"])

    assert till.post(value_endpoint, {"amount": 1}, "k").status_code == 201


def test_keys_of_two_integrations_have_nothing_to_do_with_each_other(api, value_endpoint):
    one, other = api("sales:write"), api("sales:write")

    first = one.post(value_endpoint, {"amount": 1, "note": "mine"}, "k")
    second = other.post(value_endpoint, {"amount": 2}, "k")

    assert first.json()["note"] == "mine"
    assert second.json() == {"amount": 2, "note": ""}
    assert effects() == 2


def test_a_rotated_secret_still_replays(api, value_endpoint):
    integration = Integration.objects.create(name="till", scopes=["sales:write"])
    old, new = (Integrator(new_key(integration=integration)) for _ in range(2))
    first = old.post(value_endpoint, {"amount": 1}, "k")

    replay = new.post(value_endpoint, {"amount": 1}, "k")

    assert replay.content == first.content
    assert replay.headers["Idempotent-Replayed"] == "true"
    assert effects() == 1


def test_old_keys_are_purged_and_young_ones_stay():
    once("old", lambda: (200, b"1"))
    IdempotencyRecord.objects.update(created_at=now() - timedelta(days=31))
    once("young", lambda: (200, b"2"))

    assert idempotency.purge(now() - timedelta(days=30)) == 1
    assert [record.key for record in IdempotencyRecord.objects.all()] == ["young"]


def test_the_work_costs_four_round_trips_more(django_assert_num_queries):
    with django_assert_num_queries(4) as captured:  # two of them are this test's own savepoint
        once("k", lambda: (200, b""))

    assert [query["sql"].split()[0] for query in captured.captured_queries] == [
        "SAVEPOINT",
        "SET",
        "RELEASE",
        "RELEASE",
    ]


# Races: real transactions, sessions of their own.


def slow_work(started: threading.Event, go_on: threading.Event) -> tuple[int, bytes]:
    OutboxEvent.objects.create(kind="coins.added", object_type="x", object_id="1")
    started.set()
    assert go_on.wait(10)
    return 201, b"done"


def quick_work() -> tuple[int, bytes]:
    OutboxEvent.objects.create(kind="coins.added", object_type="x", object_id="1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.05)")
    return 201, b"done"


def sixteen_at_once(key: str) -> Race[Any]:
    return race([partial(once, key, quick_work) for _ in range(16)])


@pytest.mark.django_db(transaction=True)
def test_sixteen_at_once_make_one_execution_and_fifteen_replays():
    result = sixteen_at_once("k")

    assert result.overlap > 8
    assert not result.errors
    assert sorted(answer.replayed for answer in result.results) == [False] + [True] * 15
    assert {(answer.status, answer.body) for answer in result.results} == {(201, b"done")}
    assert effects() == 1


@pytest.mark.django_db(transaction=True)
def test_negative_control_without_the_unique_key_the_race_doubles():
    with pytest.MonkeyPatch.context() as patch:
        claim_nothing = idempotency._CLAIM.replace("VALUES (%s,", "VALUES (%s || random(),")
        patch.setattr(idempotency, "_CLAIM", claim_nothing)
        result = sixteen_at_once("k")

    assert result.overlap > 8
    assert effects() == 16


@pytest.mark.django_db(transaction=True)
def test_a_twin_waits_for_the_first_and_gets_its_answer():
    started, go_on = threading.Event(), threading.Event()
    first = partial(once, "k", partial(slow_work, started, go_on))

    def second() -> Any:
        assert started.wait(5)
        return once("k", quick_work)

    def usher() -> None:
        assert started.wait(5)
        wait_until_a_session_is_blocked()
        go_on.set()

    result = race([first, second, usher])

    assert not result.errors
    assert [run.outcome.replayed for run in result.runs[:2]] == [False, True]
    assert effects() == 1


@pytest.mark.django_db(transaction=True)
def test_another_body_is_refused_even_while_the_first_still_runs():
    started, go_on = threading.Event(), threading.Event()
    first = partial(once, "k", partial(slow_work, started, go_on))

    def second() -> Any:
        assert started.wait(5)
        return once("k", quick_work, asked=b"y" * 32)

    def usher() -> None:
        assert started.wait(5)
        wait_until_a_session_is_blocked()
        go_on.set()

    result = race([first, second, usher])

    assert [type(error).__name__ for error in result.errors] == ["IdempotencyKeyReused"]
    assert effects() == 1


@pytest.mark.django_db(transaction=True)
def test_a_twin_does_not_wait_for_ever_and_a_later_one_replays():
    started, go_on = threading.Event(), threading.Event()
    first = threading.Thread(
        target=partial(in_own_session, partial(once, "k", partial(slow_work, started, go_on)))
    )
    first.start()
    assert started.wait(5)

    with pytest.raises(IdempotencyInFlight) as refusal:
        once("k", quick_work)
    go_on.set()
    first.join(10)

    assert refusal.value.detail["retry_after"] == 1
    assert once("k", quick_work).replayed
    assert effects() == 1


@pytest.mark.django_db(transaction=True)
def test_over_http_the_waiting_twin_is_told_when_to_come_back(value_endpoint, trouble):
    trouble["sleep"] = 2.5
    token = new_key("sales:write")
    call = partial(Integrator(token).post, value_endpoint, {"amount": 1}, "k")

    result = race([call, partial(Integrator(token).post, value_endpoint, {"amount": 1}, "k")])

    done, busy = sorted(result.results, key=lambda response: response.status_code)
    assert done.status_code == 201
    assert busy.json()["code"] == "idempotency_in_flight"
    assert busy.headers["Retry-After"] == "1"
    trouble.clear()
    assert call().headers["Idempotent-Replayed"] == "true"
    assert effects() == 1


def _raising(sqlstate: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{sqlstate}'; END $$"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_a_serialization_failure_runs_the_whole_unit_again(sqlstate):
    tries = []

    def work() -> tuple[int, bytes]:
        tries.append(1)
        OutboxEvent.objects.create(kind="coins.added", object_type="x", object_id="1")
        if len(tries) < 5:
            with connection.cursor() as cursor:
                cursor.execute(_raising(sqlstate))
        return 201, b"done"

    assert once("k", work).status == 201
    assert len(tries) == 5
    assert effects() == 1


@pytest.mark.django_db(transaction=True)
def test_after_five_failures_the_caller_is_sent_away_and_the_key_is_free(
    api, value_endpoint, trouble
):
    till = api("sales:write")
    trouble["sql"] = _raising("40P01")

    response = till.post(value_endpoint, {"amount": 1}, "k")
    trouble.clear()

    assert response.json()["code"] == "temporarily_unavailable"
    assert response.headers["Retry-After"]
    assert till.post(value_endpoint, {"amount": 1}, "k").status_code == 201
    assert effects() == 1


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_answers_within_two_seconds(api, value_endpoint, trouble):
    till = api("sales:write")
    trouble["sql"] = "SELECT kernel_bump_stamp('held')"

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT kernel_bump_stamp('held')")
            held.set()
            assert done.wait(10)

    held, done = threading.Event(), threading.Event()
    holder = threading.Thread(target=partial(in_own_session, hold))
    holder.start()
    assert held.wait(5)
    response = till.post(value_endpoint, {"amount": 1}, "k")
    done.set()
    holder.join(10)

    assert response.json()["code"] == "wallet_busy"
    assert response.headers["Retry-After"] == "1"
    assert till.post(value_endpoint, {"amount": 1}, "k").status_code == 201
