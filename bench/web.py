"""The product's web server, and a client so thin that the server is what is measured."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
WORKERS = 2


@dataclass
class Web:
    port: int
    process: subprocess.Popen[bytes]

    def cpu(self) -> float:
        """Seconds of CPU that the workers have used."""
        workers = psutil.Process(self.process.pid).children(recursive=True)
        return sum(sum(worker.cpu_times()[:2]) for worker in workers)


@contextmanager
def web(workers: int = WORKERS) -> Iterator[Web]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.py"),
               "--workers", str(workers), "--threads", "4"]  # fmt: skip
    environment = {**os.environ, "PORT": str(port)}
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait_for(port)
        yield Web(port, process)
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
                line.sendall(
                    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                if b" 200 " in line.recv(200):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the web server does not answer")


Body = Callable[[random.Random], bytes]


def requests(
    port: int, token: str, path: str, make: Any, duration: float, seed: int, queue: Any
) -> None:
    """One client: requests one after another on one connection; tells how many a second."""
    chance, done = random.Random(seed), 0
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        while time.perf_counter() < began + duration:
            body = make(chance)
            line.sendall(head(path, token, len(body)) + body)
            status = answered(line)
            if status not in (200, 201):
                queue.put(f"status {status}")
                return
            done += 1
        # The last answer may come late: it counts, and so does the time it took.
        queue.put(done / (time.perf_counter() - began))


def head(path: str, token: str, length: int) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def answered(line: socket.socket) -> int:
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = line.recv(65_536)
        if not part:
            return 0
        raw += part
    top, _, rest = raw.partition(b"\r\n\r\n")
    wanted = next(
        int(row[15:]) for row in top.split(b"\r\n") if row.lower().startswith(b"content-length:")
    )
    while len(rest) < wanted:
        rest += line.recv(65_536)
    return int(top.split(b" ", 2)[1])


def rate(port: int, token: str, path: str, make: Any, duration: float, clients: int = 2) -> float:
    """Answers a second of so many clients at once."""
    # A clean process each: the parent holds database connections that must not be shared.
    context = get_context("spawn")
    queue = context.Queue()
    running = [
        context.Process(target=requests, args=(port, token, path, make, duration, seed, queue))
        for seed in range(clients)
    ]
    for one in running:
        one.start()
    results = [queue.get(timeout=duration + 60) for _ in running]
    for one in running:
        one.join()
    if wrong := [one for one in results if isinstance(one, str)]:
        raise RuntimeError(f"{path}: {wrong[0]}")
    return sum(results)


@dataclass(frozen=True)
class PurchaseMaker:
    """Bodies of purchases: five lines, a random member of some, a number never used before."""

    cards: tuple[str, ...]
    skus: tuple[str, ...]
    lines: int = 5

    def __call__(self, chance: random.Random) -> bytes:
        return json.dumps(self.purchase(chance)).encode()

    def purchase(self, chance: random.Random) -> dict[str, Any]:
        lines = [
            {"sku": sku, "quantity": "2", "price": {"amount": 150 + at, "currency": "USD"}}
            for at, sku in enumerate(chance.sample(self.skus, self.lines))
        ]
        return {
            "store": "bench", "number": uuid.uuid4().hex, "lines": lines,
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "member": {"card": chance.choice(self.cards)},
        }  # fmt: skip


@dataclass(frozen=True)
class BatchMaker:
    """Bodies of offline batches of so many purchases."""

    one: PurchaseMaker
    size: int

    def __call__(self, chance: random.Random) -> bytes:
        operations = [
            {"kind": "purchase", "key": uuid.uuid4().hex, "purchase": self.one.purchase(chance)}
            for _ in range(self.size)
        ]
        return json.dumps({"operations": operations}).encode()


def nothing(chance: random.Random) -> bytes:
    return b"{}"
