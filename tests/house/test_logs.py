"""One JSON object a line, and no secret in any of them."""

from __future__ import annotations

import json
import logging

import pytest

from loyalty_crm.kernel import logs


@pytest.fixture
def written():
    """What a logger writes through the product's own formatter."""
    config = logs.as_json("INFO")["formatters"]["json"]
    formatter = config.pop("()")(**config)

    def write(message, *args, **extra):
        record = logging.getLogger("shop").makeRecord(
            "shop", logging.INFO, "f", 1, message, args, extra.pop("exc_info", None), extra=extra
        )
        return formatter.format(record)

    return write


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer lcrm_live_a1b2c3d4",
        "lcrm_a1b2c3d4e5",
        "postgresql://shop:hunter2@host/db",
        "+7 999 123-45-67",
        "9000000000000017",
    ],
)
def test_secrets_in_a_text_are_hidden(written, secret):
    line = written("refused %s", secret)

    for part in ("a1b2c3d4", "hunter2", "123-45-67", "9000000000000017"):
        assert part not in line
    assert logs.HIDDEN in line


@pytest.mark.parametrize(
    "harmless", ["0.0004737369999929797", "8cd5f2bf-b109-4bfb-8a29-171926447412", "took 1234 ms"]
)
def test_numbers_that_are_no_secret_stay(written, harmless):
    assert harmless in written("x %s", harmless)


def test_secrets_under_their_name_are_hidden_however_deep(written):
    line = written("x", details={"customer": [{"password": "hunter2", "phone": "112"}]}, pin=1234)

    assert "hunter2" not in line
    assert "112" not in json.loads(line)["details"]["customer"][0]["phone"]
    assert json.loads(line)["pin"] == logs.HIDDEN


def test_secrets_in_a_traceback_are_hidden(written):
    try:
        raise ValueError("postgresql://shop:hunter2@host/db")
    except ValueError as error:
        line = written("failed", exc_info=(ValueError, error, error.__traceback__))

    assert "hunter2" not in line
    assert "ValueError" in line


def test_a_line_break_in_the_input_starts_no_new_line(written):
    line = written("name %s", 'Anna\r\n{"event": "forged"}')

    assert len(line.splitlines()) == 1
    assert json.loads(line)["event"].startswith("name Anna")


def test_a_request_is_logged_without_its_query(rf):
    request = rf.get("/till/find", {"phone": "112"})

    assert logs.RequestLog.format_request(request) == "GET /till/find"
