"""A purchase over HTTP: against the database's own limit, in round trips, and in CPU."""

from __future__ import annotations

import json
import random
import uuid

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import pgbench
from bench.measure import Row, interleaved, milli
from bench.shop import Shop, shop, token
from bench.web import PurchaseMaker, Web, nothing, rate, web
from members.models import Product

PURCHASES = "/api/v1/purchases"


def run(short: bool) -> list[Row]:
    market = shop()
    pgbench.prepare(market.wallets)
    key = token()
    make = PurchaseMaker(tuple(market.cards), tuple(market.skus))
    duration, rounds = (2.0, 3) if short else (4.0, 5)
    with web() as server:
        rate(server.port, key, PURCHASES, make, 2.0)  # the workers compile their rules
        rows = [throughput(server, market, key, make, duration, rounds)]
        rows += [round_trips(key, market)]
        rows += [processor(server, key, make, duration, rounds)]
        rows += [hot_member(server, market, key, duration, rounds)]
    return rows


def throughput(
    server: Web, market: Shop, key: str, make: PurchaseMaker, duration: float, rounds: int
) -> Row:
    first = Product.objects.filter(sku="B1").values_list("pk", flat=True).get()
    found = interleaved(
        {
            "l6": lambda: pgbench.l6(market.store_id, market.wallets, first - 1, duration),
            "http": lambda: rate(server.port, key, PURCHASES, make, duration, clients=4),
        },
        rounds,
    )
    ratio = found["http"] / found["l6"]
    return Row(
        "commit over HTTP, 2 workers, 4 clients",
        f"L6 {found['l6']:,.0f}/s",
        f"{found['http']:,.0f}/s",
        ratio,
        "≥ 0.15",
        "≥ 0.40",
    )


def round_trips(key: str, market: Shop) -> Row:
    """Statements of a commit as the server sees them, BEGIN and COMMIT among them."""
    counts = [statements(key, market, lines) for lines in (5, 50)]
    note = "" if counts[0] == counts[1] else f"5 lines: {counts[0]}, 50 lines: {counts[1]}"
    return Row("the same: SQL round trips", "–", f"{counts[0]}", counts[0], "≤ 12", "≤ 4", "", note)


def statements(key: str, market: Shop, lines: int) -> int:
    make = PurchaseMaker(tuple(market.cards), tuple(market.skus), lines)
    client = Client()
    chance = random.Random(7)
    for _ in range(3):  # the first ones fill caches
        body = json.dumps(make.purchase(chance))
        with CaptureQueriesContext(connection) as told:
            answer = client.post(
                PURCHASES,
                body,
                content_type="application/json",
                HTTP_AUTHORIZATION=f"Bearer {key}",
                HTTP_IDEMPOTENCY_KEY=str(uuid.uuid4()),
                HTTP_HOST="localhost",
            )
        assert answer.status_code == 201, answer.content
    return len(told.captured_queries)


def processor(server: Web, key: str, make: PurchaseMaker, duration: float, rounds: int) -> Row:
    def cpu(path, maker):
        before = server.cpu()
        answers = rate(server.port, key, path, maker, duration) * duration
        return (server.cpu() - before) / answers

    found = interleaved(
        {"empty": lambda: cpu("/bench/empty", nothing), "commit": lambda: cpu(PURCHASES, make)},
        rounds,
    )
    return Row(
        "the same: CPU of the web workers",
        f"empty view {milli(found['empty'])}",
        milli(found["commit"]),
        found["commit"] / found["empty"],
        "≤ 4",
        "≤ 2.5",
    )


def hot_member(server: Web, market: Shop, key: str, duration: float, rounds: int) -> Row:
    spread = PurchaseMaker(tuple(market.cards), tuple(market.skus))
    hot = PurchaseMaker((market.cards[0],), tuple(market.skus))
    found = interleaved(
        {
            "spread": lambda: rate(server.port, key, PURCHASES, spread, duration, clients=4),
            "hot": lambda: rate(server.port, key, PURCHASES, hot, duration, clients=4),
        },
        rounds,
    )
    return Row(
        "one member at all tills, 4 clients",
        f"spread {found['spread']:,.0f}/s",
        f"{found['hot']:,.0f}/s",
        found["hot"] / found["spread"],
        "≥ 0.3",
        "≥ 0.5",
    )
