from __future__ import annotations

import random
import threading
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from loyalty_crm.kernel.api.pagination import MAX_LIMIT
from tests.api import Integrator, new_key
from tests.concurrency import in_own_session

pytestmark = pytest.mark.django_db
TRAIL = "/api/v1/trail"


def write_rows(count: int, action: str = "made", every: int = 3) -> None:
    """Rows of which ``every`` share one moment, so that the second column of the key matters."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_auditentry (actor, action, object_type, object_id, recorded_at)"
            " SELECT 'system:system', %s, 'row', lpad(i::text, 6, '0'),"
            " timestamptz '2026-01-01' + (i / %s) * interval '1.000001 second'"
            " FROM generate_series(1, %s) AS i",
            [action, every, count],
        )


def walk(caller: Integrator, path: str, limit: int) -> list[str]:
    seen: list[str] = []
    joint = "&" if "?" in path else "?"
    after = ""
    while True:
        page = caller.get(f"{path}{joint}limit={limit}{after}").json()
        seen += [row["object_id"] for row in page["data"]]
        assert page["has_more"] == (page["next"] is not None)
        if not page["has_more"]:
            return seen
        assert len(page["data"]) == limit
        after = f"&after={page['next']}"


@pytest.mark.parametrize("limit", [1, 3, 7, MAX_LIMIT])
def test_pages_meet_without_a_gap_or_a_double(api, value_endpoint, limit):
    write_rows(25)

    assert walk(api("members:read"), TRAIL, limit) == [f"{i:06}" for i in range(1, 26)]


def test_descending_pages(api, value_endpoint):
    write_rows(10)

    assert walk(api("members:read"), "/api/v1/trail-newest", 3) == [
        f"{i:06}" for i in range(10, 0, -1)
    ]


def test_filters_apply_to_every_page(api, value_endpoint):
    write_rows(6, "made")
    write_rows(6, "kept")

    assert len(walk(api("members:read"), f"{TRAIL}?action=kept", 4)) == 6


def test_an_empty_list(api, value_endpoint):
    page = api("members:read").get(TRAIL).json()

    assert page == {"data": [], "next": None, "has_more": False}


def test_the_default_is_fifty_and_nothing_is_counted(
    api, value_endpoint, django_assert_num_queries
):
    write_rows(60)
    caller = api("members:read")
    caller.get(TRAIL)

    with django_assert_num_queries(2) as captured:
        page = caller.get(TRAIL).json()

    assert len(page["data"]) == 50
    assert "COUNT" not in str(captured.captured_queries)


def test_the_last_page_starts_in_the_index(api, value_endpoint):
    caller = api("members:read")
    write_rows(6)
    after = caller.get(f"{TRAIL}?limit=5").json()["next"]

    with connection.execute_wrapper(capture := Statements()):
        caller.get(f"{TRAIL}?limit=5&after={after}")

    assert '"recorded_at" >= ' in capture.sql


class Statements:
    sql = ""

    def __call__(self, execute, sql, params, many, context):
        self.sql += sql
        return execute(sql, params, many, context)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e2", "١٢", "50.0", "9" * 5000])
def test_a_wrong_limit_is_refused(api, value_endpoint, limit):
    problem = api("members:read").get(f"{TRAIL}?limit={limit}").json()

    assert problem["code"] == "validation_failed"
    assert problem["errors"][0]["pointer"] == "/query/limit"


@pytest.mark.parametrize(
    "tamper", [str.swapcase, lambda c: c[:-1], lambda c: "x", lambda c: c + "x"]
)
def test_a_forged_cursor_is_refused(api, value_endpoint, tamper):
    write_rows(3)
    caller = api("members:read")
    cursor = caller.get(f"{TRAIL}?limit=1").json()["next"]

    problem = caller.get(f"{TRAIL}?limit=1&after={tamper(cursor)}").json()

    assert problem["errors"][0]["code"] == "invalid_cursor"


def test_the_cursor_of_another_order_is_refused(api, value_endpoint):
    write_rows(3)
    caller = api("members:read")
    cursor = caller.get(f"{TRAIL}?limit=1").json()["next"]

    assert caller.get(f"/api/v1/trail-newest?after={cursor}").status_code == 400


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("action__regex=.", "unknown_parameter"),
        ("actor=x", "unknown_parameter"),
        ("page=2", "unknown_parameter"),
        ("format=api", "unknown_parameter"),
        ("action=a&action=b", "repeated"),
        ("since=0008-03-17T18:13:59-16:39", "invalid"),
        ("since=yesterday", "invalid"),
        ("reasoned=1e9", "invalid"),
        ("reasoned=True", "invalid"),
        ("action=", "empty"),
        ("after=", "empty"),
        ("action=%00", "null_characters_not_allowed"),
    ],
)
def test_parameters_are_allow_listed(api, value_endpoint, query, code):
    problem = api("members:read").get(f"{TRAIL}?{query}").json()

    assert problem["errors"][0]["code"] == code


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_view_without_a_list_takes_no_parameter_it_does_not_name(api, value_endpoint, method):
    caller = api("sales:read", "sales:write")

    problem = caller.request(method, f"{value_endpoint}?dry_run=true", {"amount": 1}, "k").json()

    assert problem["errors"][0]["pointer"] == "/query/dry_run"


@pytest.mark.django_db(transaction=True)
def test_rows_that_existed_throughout_are_seen_exactly_once(value_endpoint):
    """Row 47: ten thousand rows are walked while another session adds and takes away."""
    write_rows(10_000, "kept")
    stop = threading.Event()

    def meddle() -> None:
        dice = random.Random(47)
        while not stop.is_set():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO kernel_auditentry"
                    " (actor, action, object_type, object_id, recorded_at)"
                    " VALUES ('x', 'new', 'row', 'new', timestamptz '2026-01-01' + %s)",
                    [timedelta(seconds=dice.random() * 3600)],
                )

    threads = [threading.Thread(target=partial(in_own_session, meddle)) for _ in range(2)]
    for thread in threads:
        thread.start()
    seen = walk(Integrator(new_key("members:read")), TRAIL, MAX_LIMIT)
    stop.set()
    for thread in threads:
        thread.join(10)

    kept = [row for row in seen if row != "new"]
    assert kept == [f"{i:06}" for i in range(1, 10_001)]
    assert len(seen) > len(kept)
