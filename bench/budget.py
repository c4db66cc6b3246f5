"""64 tills on one budget over HTTP: how long a sale takes beside the same sales without a limit."""

from __future__ import annotations

import json
import random
import socket
import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, count
from typing import Any

from django.db.models import Sum

from bench.measure import Row, milli
from bench.shop import Shop, shop, token
from bench.web import PurchaseMaker, Web, head, web
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import LimitCounter, Promotion, PromotionVersion
from rewards.services import promotions
from rewards.services.programmes import default_programme

PURCHASES = "/api/v1/purchases"
TILLS, BUDGET = 64, 1_000_00
_numbers = count(1)


def run(short: bool) -> list[Row]:
    market, key = shop(), token()
    make = PurchaseMaker(tuple(market.cards), tuple(market.skus))
    sales, rounds = (4, 2) if short else (12, 5)
    found: dict[str, list[list[float]]] = {"free": [], "budget": []}
    with web() as server:
        burst(server, key, make, 2)  # the workers compile their rules
        for _ in range(rounds):
            for arm, times in found.items():
                times.append(with_offer(market, server, key, make, sales, limited=arm == "budget"))
    free, budget = (statistics.median(p95(one) for one in found[arm]) for arm in ("free", "budget"))
    middle = statistics.median(chain.from_iterable(found["budget"]))
    note = f"p50 {milli(middle)}; the sum is never above the budget"
    name = f"{TILLS} tills on one budget, p95 of a sale"
    return [
        Row(
            name, f"no limit {milli(free)}", milli(budget), budget / free, "≤ 2", "≤ 1.3", "x", note
        )
    ]


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def with_offer(
    market: Shop, server: Web, key: str, make: PurchaseMaker, sales: int, *, limited: bool
) -> list[float]:
    """A promotion of its own, with the budget or without it, that ends with the round."""
    version = _publish(limited)
    try:
        times = burst(server, key, make, sales)
    finally:
        promotions.end(promotion=version.promotion, actor=SYSTEM)
    if limited:
        _prove(version.promotion)
    return times


def _publish(limited: bool) -> PromotionVersion:
    code = f"bench-budget-{uuid.uuid4().hex[:8]}"
    promotion = promotions.create(programme=default_programme(), code=code, name=code, actor=SYSTEM)
    limits = [{"per": "total", "what": "money", "max": BUDGET}] if limited else []
    effects = [{"kind": "percent_off", "basis_points": 6000}]
    return promotions.publish(
        promotion=promotion, definition={"effects": effects, "limits": limits}, actor=SYSTEM
    )


def _prove(promotion: Promotion) -> None:
    counter = LimitCounter.objects.get(promotion=promotion)
    moves = counter.moves.aggregate(used=Sum("used"))["used"]
    assert counter.used == moves <= BUDGET, (counter.used, moves)
    assert counter.over == 0


def burst(server: Web, key: str, make: PurchaseMaker, sales: int) -> list[float]:
    """Seconds of each sale, its repeats included; every till sends one after another."""
    work = partial(_till, server.port, key, make, sales)
    with ThreadPoolExecutor(TILLS) as pool:
        return [one for times in pool.map(work, range(TILLS)) for one in times]


def _till(port: int, key: str, make: PurchaseMaker, sales: int, seed: int) -> list[float]:
    chance = random.Random(seed * 1000 + next(_numbers))
    times = []
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(sales):
            began = time.perf_counter()
            _sell(line, key, make(chance))
            times.append(time.perf_counter() - began)
    return times


def _sell(line: socket.socket, key: str, body: bytes) -> None:
    """Under one key until it is taken, as a till does while the answer says that this may help."""
    top = head(PURCHASES, key, len(body))
    for _ in range(50):
        line.sendall(top + body)
        status, said = _answer(line)
        if status in (200, 201):
            return
        if not said.get("retryable"):
            raise RuntimeError(f"status {status}: {said}")
        time.sleep(0.05)
    raise RuntimeError("never taken")


def _answer(line: socket.socket) -> tuple[int, dict[str, Any]]:
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = line.recv(65_536)
        if not part:
            raise RuntimeError("the server hung up")
        raw += part
    top, _, rest = raw.partition(b"\r\n\r\n")
    rows = top.split(b"\r\n")
    wanted = next(int(row[15:]) for row in rows if row.lower().startswith(b"content-length:"))
    while len(rest) < wanted:
        rest += line.recv(65_536)
    return int(top.split(b" ", 2)[1]), json.loads(rest)
