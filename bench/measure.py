"""How things are measured: interleaved repetitions, medians, and one row of the table each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass


@dataclass
class Row:
    """One line of the table. ``ratio`` is what the goal is about; higher is better unless said."""

    name: str
    limit: str
    ours: str
    ratio: float
    land: str
    goal: str
    unit: str = "x"
    note: str = ""

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def interleaved(arms: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Medians of what the arms return, each of them measured once a round.

    The machine is shared: what disturbs one arm of a round disturbs the others
    too, and the order turns, so that none is always the first.
    """
    results: dict[str, list[float]] = {name: [] for name in arms}
    names = list(arms)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            results[name].append(arms[name]())
    return {name: statistics.median(values) for name, values in results.items()}


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def per_call(call: Callable[[], object], times: int) -> float:
    """Seconds of CPU for one call, over many."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times


def micro(value: float) -> str:
    return f"{value * 1e6:,.1f} µs"


def milli(value: float) -> str:
    return f"{value * 1e3:,.2f} ms"
