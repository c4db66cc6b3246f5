"""Load the demo once: the shop, the people, the year behind them, the last days."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import jobs
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import Job
from members.imports.columns import whole
from members.imports.mapping import load_mapping
from members.imports.readers import read
from members.imports.source import HistoryFile, Selection
from rewards.services.demo import (
    beyond,
    coalition,
    collecting,
    offers,
    people,
    play,
    rules,
    shelf,
    shop,
    story,
)
from rewards.services.history import Outcome, import_history
from rewards.services.history.run import take

KIND = "load_demo"
MAPPING = "complete_journey"
HOUSEHOLDS = 240
#: A household belongs to the demo's stores when so much of its shopping is done there.
LOYALTY = 0.6
WEEK = timedelta(days=7)
Say = Callable[[str], object]
#: What is there besides receipts and points, in this order.
ADDED = (
    offers.make_offers,
    collecting.make_collecting,
    beyond.go_beyond,
    coalition.bring_partners,
    shelf.fill_shelf,
    play.set_up_games,
)


@dataclass
class Loaded:
    """What a load did; None when it had been done before."""

    outcome: Outcome | None
    members: int = 0
    products: int = 0


def load_demo(
    *,
    full: bool = False,
    now: datetime,
    say: Say,
    progress: Callable[[int, int], object],
    actor: Actor,
) -> Loaded:
    """Fill an empty shop. Safe to repeat: what is done stays, what is missing is added.

    The sample's last receipt is of today: times move by whole weeks, so that a
    Saturday stays one, and what would lie ahead is left out. The full set keeps
    every receipt and ends within the last seven days.
    """
    size = "full" if full else "sample"
    if is_loaded(size):
        return Loaded(None)
    file = demo_file(full, now)
    say(str(_("Stores and rules …")))
    shop.open_stores(actor)
    say(str(_("Products …")))
    year = look_through(file, now)
    products = shop.stock(file, shop.prices(year.lines), actor)
    # The rules name categories, which come with the products.
    rules.start_programme(actor)
    say(str(_("Members …")))
    members = people.enrol(
        sorted(year.joined, key=int), system=MAPPING, joined=year.joined, actor=actor
    )
    say(str(_("Receipts of a year, with their points …")))
    outcome = import_history(
        file=file, progress=lambda line: progress(line, file.total), actor=actor
    )
    say(str(_("The last days …")))
    story.tell(now, actor)
    say(str(_("Offers, tiers, coupons, gift cards …")))
    for add in ADDED:
        # Whole or not at all: a load that was cut off begins the step anew.
        with transaction.atomic():
            add(now, actor)
    remember(size, outcome, actor)
    return Loaded(outcome, members, products)


def is_loaded(size: str) -> bool:
    done = Job.objects.filter(kind=KIND, state=Job.State.SUCCEEDED)
    return done.filter(params__size__in=["full", size]).exists()


def remember(size: str, outcome: Outcome, actor: Actor) -> None:
    job = jobs.enqueue(kind=KIND, params={"size": size}, actor=actor)
    jobs.finish(take(job), result=dict(outcome.counts))


def demo_file(full: bool, now: datetime) -> HistoryFile:
    mapping = load_mapping(MAPPING)
    assert mapping.source.path is not None
    file = HistoryFile(mapping, mapping.source.path)
    behind = now - (file.last_moment() or now)
    if full:
        file.shift = behind // WEEK * WEEK
    else:
        file.shift = -(-behind // WEEK) * WEEK
        households = loyal_households(file)
        file.selection = Selection(
            stores=frozenset(shop.STORES), members=frozenset(households), until=now
        )
    return file


def loyal_households(file: HistoryFile) -> list[str]:
    """Households that shop mostly in the demo's stores: the same ones on every machine."""
    baskets = visits(file)
    here = pc.is_in(baskets["store_id"], value_set=pa.array([int(code) for code in shop.STORES]))
    baskets = baskets.append_column("here", here.cast(pa.int64()))
    grouped = pa.TableGroupBy(baskets, "household_id", use_threads=False)
    counted = grouped.aggregate([("here", "mean"), ("here", "count")])
    loyal = counted.filter(
        pc.and_(
            pc.greater_equal(counted["here_mean"], LOYALTY), pc.greater(counted["here_count"], 3)
        )
    )
    keys = [str(key) for key in loyal["household_id"].to_pylist()]
    return sorted(keys, key=lambda key: hashlib.sha256(key.encode()).digest())[:HOUSEHOLDS]


def visits(file: HistoryFile) -> pa.Table:
    """One row a receipt."""
    columns = ["household_id", "store_id", "basket_id"]
    batches = [batch.rows for batch in read(file.mapping.source, file.path, columns)]
    grouped = pa.TableGroupBy(pa.concat_tables(batches), columns, use_threads=False)
    return grouped.aggregate([])


@dataclass
class Year:
    """What has to be known of all receipts before the first is written."""

    lines: pa.Table
    joined: dict[str, tuple[datetime, str]]


def look_through(file: HistoryFile, now: datetime) -> Year:
    """Prices of all lines, and of each household the first receipt: its moment and store."""
    parts: list[pa.Table] = []
    joined: dict[str, tuple[datetime, str]] = {}
    for chunk in file.chunks(now):
        lines = chunk.lines.select(["sku", "unit_price_minor", "gross_minor"])
        # As numbers, all lines of the year fit into some tens of megabytes.
        parts.append(lines.set_column(0, "sku", lines["sku"].cast(pa.int64())))
        heads = (
            whole(chunk.receipts[name]).to_pylist() for name in ("member", "occurred_at", "store")
        )
        for key, moment, store in zip(*heads, strict=True):
            joined.setdefault(key, (moment, store))
    return Year(pa.concat_tables(parts), joined)
