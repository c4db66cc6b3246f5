"""A back-test against one pass that decodes the very same rows into baskets.

The receipts are those of The Complete Journey; the rows, the session and the
baskets are the same in every arm, only the rules come on top.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings

from bench.imports import facts_only, journey, take_away
from bench.measure import Row, interleaved, seconds
from bench.quote import earn, off
from bench.shop import shop
from loyalty_crm.kernel import clock
from members.models import Category, Store
from rewards.rules import definitions
from rewards.rules.rule_set import Rule
from rewards.services import rule_sets
from rewards.services.programmes import default_programme
from rewards.services.tryout.backtests import Kept, pieces
from rewards.services.tryout.reading import Reader, Span, count, reading
from rewards.services.tryout.replay import Replay, Replayed, State
from rewards.services.tryout.sides import Sides, pair
from rewards.services.tryout.tally import Counter

LINES, SHORT = 1_469_307, 40_000
BEGIN = "1990-01-01T00:00:00+00:00"


def run(short: bool) -> list[Row]:
    shop()
    with tempfile.TemporaryDirectory() as folder:
        take_away()
        facts_only(journey(Path(folder), SHORT if short else LINES))
    try:
        return measured(3 if short else 5)
    finally:
        take_away()


def measured(rounds: int) -> list[Row]:
    compiled = rule_sets.compile_set(default_programme())
    live = [rule for rule in compiled.rules.rules if rule.code]
    alone, beside = pair(compiled, [], five(), ()), pair(compiled, live, five(), ())
    span = everything()
    cpu: dict[str, list[float]] = defaultdict(list)

    def timed(arm: str, work: Callable[[], object]) -> Callable[[], float]:
        def once() -> float:
            before = processor_time()
            wall = seconds(work)
            cpu[arm].append(processor_time() - before)
            return wall

        return once

    with reading() as reader:
        receipts = count(reader, span).number
        found = interleaved(
            {
                "decode": timed("decode", lambda: decode(reader, alone, span)),
                "five": timed("five", lambda: replay(reader, alone, span, 1)),
                "helped": timed("helped", lambda: replay(reader, alone, span, 2)),
                "beside": timed("beside", lambda: replay(reader, beside, span, 1)),
            },
            rounds,
        )
    limit = f"decode {receipts / found['decode']:,.0f} receipts/s"
    return [
        Row(
            f"back-test, {receipts:,} receipts, {name}",
            limit,
            f"{receipts / found[arm]:,.0f} receipts/s",
            found[arm] / found["decode"],
            *goals,
            note=" against ".join(
                f"{median(cpu[each]) / receipts * 1e6:.0f} µs of CPU" for each in (arm, "decode")
            ),
        )
        for arm, name, goals in (
            ("five", "five promotions", ("≥ 10 000/s", "≤ 2")),
            ("helped", "the same by two processes", ("≥ 10 000/s", "≤ 2")),
            ("beside", "five beside the live rules", ("–", "–")),
        )
    ]


def processor_time() -> float:
    """Of this process, and of helpers that have gone home."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def everything() -> Span:
    stores = list(Store.objects.order_by("pk").values_list("pk", flat=True))
    return Span(datetime.fromisoformat(BEGIN), clock.now(), stores)


class Decode(Replay):
    """Reads and builds the baskets, and asks no rule."""

    def _price(self, sold, basket):
        return Replayed(sold, basket, None, None)


def decode(reader: Reader, sides: Sides, span: Span) -> None:
    for receipts in Decode(reader, sides, span, State()).slices():
        for _one in receipts:
            pass


def replay(reader: Reader, sides: Sides, span: Span, processes: int) -> None:
    """What a worker does in its turn, but for the job around it."""
    settings.BACKTEST_PROCESSES = processes
    kept = Kept()
    counter = Counter(kept.tally, sides.before.terms)
    walk = Replay(reader, sides, span, kept.state)
    for _piece in pieces(walk, kept, counter, sides, span):
        pass


def five() -> list[Rule]:
    """Points for everything, more for two departments, a discount, and two that ask for a sum."""
    codes = list(
        Category.objects.filter(parent=None).order_by("code").values_list("code", flat=True)
    )
    first, second, third = (codes * 3)[:3] or ("a", "b", "c")
    wordings: list[dict[str, Any]] = [
        {"effects": [earn(1)]},
        {
            "goods": {"include": {"categories": [first]}},
            "effects": [{"kind": "multiply_points", "tenths": 20}],
        },
        {"goods": {"include": {"categories": [second, third]}}, "effects": [off(1000)]},
        {
            "when": {"all": [{"kind": "min_spend", "amount_minor": 5000}]},
            "effects": [{"kind": "amount_off", "amount_minor": 300}],
        },
        {
            "when": {"all": [{"kind": "min_spend", "amount_minor": 3000}]},
            "effects": [{"kind": "fixed_points", "points": 50}],
        },
    ]
    return [
        Rule(
            version_id=10**6 + no, promotion_id=10**6 + no, code=f"five-{no}", name=f"Five {no}",
            number=1, priority=100, definition=definitions.parse(wording),
        )
        for no, wording in enumerate(wordings)
    ]  # fmt: skip
