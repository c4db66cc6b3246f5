"""Quality bar 43: no request makes the API fall over. Schemathesis reads the schema and tries.

`make test` tries a few cases of every operation, `make fuzz` some ten thousand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck, given, settings
from psycopg.pq import TransactionStatus
from schemathesis.specs.openapi.checks import positive_data_acceptance

from loyalty_crm.kernel.scopes import SCOPES
from tests.api import Integrator, check_problem, new_key
from tests.house.fuzz_world import EMPTY, build, leading_somewhere

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
# A body may fit the schema and still name a store that is not there: that is not a fault.
MEANINGLESS = [positive_data_acceptance]
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


@cache
def operations() -> dict[str, Any]:
    """Every operation of the schema over the product itself, by method and address."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "label" not in metafunc.fixturenames:
        return
    reading = metafunc.function is test_reading_writes_nothing
    wanted = "GET " if reading else ""
    metafunc.parametrize("label", [label for label in operations() if label.startswith(wanted)])


@pytest.fixture(autouse=True)
def _one_session(db: None) -> Iterator[None]:
    """The requests run in the test's own transaction, so they must not end its session."""
    keep_session()
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def keep_session() -> None:
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)


def world_of(label: str, key: str) -> dict[str, str]:
    """Something to find, where the address names something. Django's client ends sessions again."""
    world = build(key) if "{" in label else {}
    keep_session()
    return world


def is_a_problem(ctx: Any, response: Any, case: Any) -> None:
    """Row 42 of every refusal that the fuzzing provokes."""
    if response.status_code >= 400 and case.method.upper() != "HEAD":
        check_problem(Answer(response))


class Answer:
    """Schemathesis' response in the words of Django's."""

    def __init__(self, response: Any) -> None:
        self.status_code = response.status_code
        self.content = response.content
        self.headers = {"Content-Type": response.headers["content-type"][0]}


@contextmanager
def error_stays_inside() -> Iterator[None]:
    """A statement that the database refused spoils the rest of a transaction, here the test's."""
    before = transaction.savepoint()
    yield
    spoilt = connection.connection.info.transaction_status == TransactionStatus.INERROR
    (transaction.savepoint_rollback if spoilt else transaction.savepoint_commit)(before)
    assert not spoilt, "a value reached the database that no column takes"


def fuzz(label: str, headers: dict[str, str], world: dict[str, str]) -> None:
    """A third of the cases name an object that is there, where the address names one."""
    operation = operations()[label]
    fitting, faulty = (operation.as_strategy(generation_mode=mode) for mode in MODES)
    cases = fitting | faulty
    if "{" in label:
        cases |= fitting.map(leading_somewhere(world))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(case=cases)
    def attempt(case: schemathesis.Case) -> None:
        with error_stays_inside():
            case.call_and_validate(
                headers=headers, additional_checks=[is_a_problem], excluded_checks=MEANINGLESS
            )

    attempt()


def test_with_a_key_that_may_do_everything(label: str) -> None:
    key = new_key(*SCOPES)
    fuzz(label, {"Authorization": f"Bearer {key}"}, world_of(label, key))


def test_without_a_key(label: str) -> None:
    fuzz(label, {}, {})


def test_reading_writes_nothing(label: str) -> None:
    """Row 41: in a transaction that takes no writes no GET fails."""
    key = new_key(*SCOPES)
    world = world_of(label, key)
    with writing_forbidden():
        fuzz(label, {"Authorization": f"Bearer {key}"}, world)


@contextmanager
def writing_forbidden() -> Iterator[None]:
    before = transaction.savepoint()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET TRANSACTION READ ONLY")
    yield
    transaction.savepoint_rollback(before)


def test_every_address_of_something_is_read_without_writing() -> None:
    """Row 41 where it counts: not a 404 among the answers."""
    key = new_key(*SCOPES)
    caller, world = Integrator(key), build(key)
    labels = [label for label in operations() if label.startswith("GET ") and "{" in label]
    answers = {}
    with writing_forbidden():
        for label in labels:
            head, _, tail = label.removeprefix("GET /api/v1/").partition("{")
            collection = head.rstrip("/")
            if collection not in EMPTY:
                rest = tail.partition("}")[2]
                answers[label] = caller.get(f"/api/v1/{collection}/{world[collection]}{rest}")

    assert {
        label: one.status_code for label, one in answers.items() if one.status_code != 200
    } == {}
    assert len(answers) > 20
