"""Quality bar 43 and 46 on a real socket: bodies that never end, lie about their length, bloat."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from tests.api import new_key
from tests.live import LiveApp

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
MEBIBYTE = 1 << 20


def talk(app: LiveApp, *headers: str, body: bytes = b"", hang_up: bool = False) -> tuple[int, str]:
    """Status and problem code of one raw request; ``hang_up`` says that nothing more will come."""
    lines = [
        "POST /api/v1/members/lookup HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {new_key('members:read')}",
        "Content-Type: application/json",
        "Connection: close",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", app.port), timeout=20) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        if hang_up:
            wire.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _, text = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer[:500]
    return int(head.split()[1]), json.loads(text)["code"]


def test_broken_bodies_are_refused_and_the_server_lives_on(live_app: LiveApp) -> None:
    chunk = b'7\r\n{"a": 1\r\n'
    bomb = gzip.compress(b" " * 50 * MEBIBYTE)

    chunked = "Transfer-Encoding: chunked"
    assert talk(live_app, chunked, body=chunk + b"1\r\n}\r\n0\r\n\r\n") == (411, "length_required")
    assert talk(live_app, chunked, body=chunk, hang_up=True) == (411, "length_required")
    short = talk(live_app, "Content-Length: 100", body=b'{"phone": ', hang_up=True)
    assert short == (400, "validation_failed")
    # Judged by the announced length: not a byte of the body was sent.
    assert talk(live_app, f"Content-Length: {MEBIBYTE + 1}") == (413, "payload_too_large")
    inflated = talk(live_app, f"Content-Length: {len(bomb)}", "Content-Encoding: gzip", body=bomb)
    assert inflated == (415, "unsupported_media_type")
    assert talk(live_app, "Content-Length: 2", body=b"[]") == (400, "validation_failed")
