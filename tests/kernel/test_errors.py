"""Quality bar 42: every refusal is a problem with a registered code, whoever caused it."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, transaction
from django.http import Http404
from django.http.request import UnreadablePostError
from rest_framework import exceptions

from loyalty_crm.kernel import errors
from loyalty_crm.kernel.errors import DomainError, registry
from loyalty_crm.kernel.problems import fault, problem
from tests.api import check_problem

pytestmark = pytest.mark.django_db
FAILING = "/api/v1/failing"


def test_the_codes_of_the_specification_are_registered():
    kernel = {
        "validation_failed": (400, False),
        "unknown_field": (400, False),
        "idempotency_key_missing": (400, False),
        "idempotency_key_invalid": (400, False),
        "idempotency_in_flight": (409, True),
        "idempotency_key_reused": (422, False),
        "unauthenticated": (401, False),
        "forbidden_scope": (403, False),
        "not_found": (404, False),
        "method_not_allowed": (405, False),
        "conflict_version": (409, False),
        "source_ref_conflict": (409, False),
        "wallet_busy": (409, True),
        "payload_too_large": (413, False),
        "too_many_requests": (429, True),
        "temporarily_unavailable": (503, True),
        "internal": (500, True),
    }

    known = {code: (error.status, error.retryable) for code, error in registry().items()}

    assert kernel.items() <= known.items()


def test_a_code_belongs_to_one_refusal():
    with pytest.raises(TypeError, match="not_found is taken"):
        type("Other", (DomainError,), {"code": "not_found", "title": "x"})

    assert registry()["not_found"] is errors.NotFound


def test_what_a_repeat_may_heal_is_not_stored():
    stored = {code for code, error in registry().items() if error.stored}

    assert "source_ref_conflict" in stored
    assert not stored & {"wallet_busy", "idempotency_in_flight", "validation_failed", "not_found"}


CAUSES = [
    (errors.ValidationFailed("No.", pointer="/a"), "validation_failed"),
    (errors.UnknownField(pointer="/a"), "unknown_field"),
    (errors.ForbiddenStore(store="S9"), "forbidden_store"),
    (errors.ConflictVersion(), "conflict_version"),
    (errors.SourceRefConflict(), "source_ref_conflict"),
    (errors.TooManyRequests(retry_after=9), "too_many_requests"),
    (exceptions.ParseError(), "validation_failed"),
    (exceptions.ValidationError({"a": ["x"], "b": [{"c": ["y"]}]}), "validation_failed"),
    (exceptions.NotAuthenticated(), "unauthenticated"),
    (exceptions.AuthenticationFailed(), "unauthenticated"),
    (exceptions.PermissionDenied(), "forbidden"),
    (exceptions.NotFound(), "not_found"),
    (exceptions.MethodNotAllowed("GET"), "method_not_allowed"),
    (exceptions.NotAcceptable(), "unsupported_media_type"),
    (exceptions.UnsupportedMediaType("x"), "unsupported_media_type"),
    (exceptions.Throttled(wait=3.2), "too_many_requests"),
    (exceptions.APIException("secret"), "internal"),
    (PermissionDenied("secret"), "forbidden"),
    (Http404("SELECT secret"), "not_found"),
    (ModelValidationError("wrong"), "validation_failed"),
    (SuspiciousOperation("secret"), "validation_failed"),
    (RequestDataTooBig("secret"), "payload_too_large"),
    (UnreadablePostError("secret"), "validation_failed"),
    (DataError("SELECT secret"), "validation_failed"),
    (OperationalError("connection to 10.0.0.1 failed"), "temporarily_unavailable"),
    (InterfaceError("connection already closed"), "temporarily_unavailable"),
    (IntegrityError("SELECT secret"), "internal"),
    (RuntimeError("SELECT secret"), "internal"),
    (RecursionError(), "internal"),
]


@pytest.mark.parametrize(("cause", "code"), CAUSES, ids=[repr(cause)[:40] for cause, _ in CAUSES])
def test_every_exception_leaves_as_a_problem(api, value_endpoint, trouble, cause, code):
    caller = api("sales:read")
    trouble["raise"] = cause

    response = caller.get(FAILING)

    body = response.json()
    assert body["code"] == code
    assert body["instance"] == FAILING
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert "secret" not in response.content.decode()
    assert ("Retry-After" in response.headers) == body["retryable"]
    assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)


def test_a_server_that_knows_its_time_says_when(api, value_endpoint, trouble):
    trouble["raise"] = exceptions.Throttled(wait=7)

    assert api("sales:read").get(FAILING).headers["Retry-After"] == "7"


def test_nested_messages_become_pointers(api, value_endpoint, trouble):
    trouble["raise"] = exceptions.ValidationError(
        {"a/b": ["x"], "rows": [{}, {"c": ["y"]}], "non_field_errors": ["z"]}
    )

    faults = api("sales:read").get(FAILING).json()["errors"]

    assert [one["pointer"] for one in faults] == ["/a~1b", "/rows/1/c", ""]


@pytest.mark.parametrize("sqlstate", ["57P01", "57014", "53300", "40001", "08006"])
def test_a_database_that_cannot_answer_now_is_temporary(api, value_endpoint, trouble, sqlstate):
    caller = api("sales:read")
    trouble["sql"] = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{sqlstate}'; END $$"

    # The refused statement spoils the test's own transaction: back to before it.
    before = transaction.savepoint()
    response = caller.get(FAILING)
    transaction.savepoint_rollback(before)

    assert response.json()["code"] == "temporarily_unavailable"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/", "/api/v2/members", "/api/v1/coins/"])
def test_an_address_that_does_not_exist(stranger, value_endpoint, path):
    for method in ("GET", "POST", "DELETE"):
        assert stranger.request(method, path).json()["code"] == "not_found"


def test_a_crash_outside_of_rest_framework(stranger, value_endpoint):
    response = stranger.get("/api/v1/crash")

    assert response.json()["code"] == "internal"
    assert "secret" not in response.content.decode()


def test_pages_for_people_stay_pages(client, value_endpoint):
    response = client.get("/nothing")

    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_asking_for_html_changes_nothing(api, value_endpoint):
    response = api("sales:read").get("/api/v1/coins", Accept="text/html")

    assert response.headers["Content-Type"] == "application/json"


def test_details_become_params_and_pointers():
    plain = problem(errors.SourceRefConflict(original="01J"), "/x")
    pointed = problem(errors.SourceRefConflict("No.", pointer="/a", max=3, retry_after=1))

    assert plain["params"] == {"original": "01J"}
    assert "errors" not in plain
    assert pointed["errors"] == [fault("/a", "source_ref_conflict", "No.", max=3)]


def test_the_register_is_public_and_problems_point_into_it(stranger, value_endpoint):
    register = stranger.get("/api/v1/errors").json()
    missing = stranger.get("/api/v1/nothing").json()

    assert [entry["code"] for entry in register] == list(registry())
    described = stranger.get(missing["type"]).json()
    assert described["code"] == "not_found"
    assert described in register
    assert stranger.get("/api/v1/errors/no_such_code").status_code == 404


def test_the_judge_itself_notices(client, settings):
    with pytest.raises(AssertionError):
        check_problem(client.get("/nothing"))
