"""Receipts that arrive in batches, against the same receipts one by one."""

from __future__ import annotations

from bench.measure import Row, interleaved
from bench.shop import shop, token
from bench.web import BatchMaker, PurchaseMaker, rate, web

SIZE = 100


def run(short: bool) -> list[Row]:
    market = shop()
    key = token()
    one = PurchaseMaker(tuple(market.cards), tuple(market.skus))
    duration, rounds = (3.0, 3) if short else (6.0, 5)
    with web() as server:
        rate(server.port, key, "/api/v1/purchases", one, 2.0)
        found = interleaved(
            {
                "single": lambda: rate(server.port, key, "/api/v1/purchases", one, duration),
                "batch": lambda: (
                    SIZE
                    * rate(
                        server.port, key, "/api/v1/sync/batches", BatchMaker(one, SIZE), duration
                    )
                ),
            },
            rounds,
        )
    return [
        Row(
            f"batch intake, {SIZE} receipts a batch",
            f"single {found['single']:,.0f}/s",
            f"{found['batch']:,.0f}/s",
            found["batch"] / found["single"],
            "≥ 2",
            "≥ 4",
        )
    ]
