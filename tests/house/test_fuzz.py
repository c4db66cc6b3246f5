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
from hypothesis import strategies as st
from psycopg.pq import TransactionStatus
from schemathesis.specs.openapi.checks import positive_data_acceptance

from loyalty_crm.kernel.scopes import SCOPES
from tests.api import check_problem, new_key

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
    reading = metafunc.function is test_reading_writes_nothing
    wanted = "GET " if reading else ""
    metafunc.parametrize("label", [label for label in operations() if label.startswith(wanted)])


@pytest.fixture(autouse=True)
def _one_session(db: None) -> Iterator[None]:
    """The requests run in the test's own transaction, so they must not end its session."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


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


def fuzz(label: str, headers: dict[str, str]) -> None:
    operation = operations()[label]
    cases = st.one_of(*[operation.as_strategy(generation_mode=mode) for mode in MODES])

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
    fuzz(label, {"Authorization": f"Bearer {new_key(*SCOPES)}"})


def test_without_a_key(label: str) -> None:
    fuzz(label, {})


def test_reading_writes_nothing(label: str) -> None:
    """Row 41: in a transaction that takes no writes no GET fails."""
    key = new_key(*SCOPES)
    before = transaction.savepoint()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET TRANSACTION READ ONLY")
    fuzz(label, {"Authorization": f"Bearer {key}"})
    transaction.savepoint_rollback(before)
