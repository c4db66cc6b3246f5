"""What a back-test leaves behind: the rows of its table, its winners and its losers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from heapq import nlargest, nsmallest

from members.models import Category, Store
from rewards.models import BackTest, BackTestCell, BackTestMember, Promotion
from rewards.rules.terms import Terms
from rewards.services.tryout.tally import (
    GAINED,
    GOODS,
    LOST,
    OFF_0,
    OFF_1,
    POINTS_0,
    POINTS_1,
    RECEIPTS,
    TURNOVER,
    Counter,
    Row,
    Tally,
)

#: Winners and losers that are kept, each.
MOST_NAMED = 100
#: Fewest purchases of each bucket.
VISITS = (1, 2, 4, 10, 25)
Dimension = BackTestCell.Dimension


def write_results(test: BackTest, counter: Counter, terms: Terms) -> dict[str, int]:
    """Write the rows; belongs inside the transaction that ends the job. Returns the totals."""
    tally = counter.tally
    cells = [
        *_total(test, counter, terms),
        *_days(test, tally, terms),
        *_rows(test, Dimension.STORE, tally.by_store, terms, _store_names(tally.by_store)),
        *_rows(test, Dimension.CATEGORY, tally.by_category, terms, _category_names(tally)),
        *_rows(test, Dimension.PROMOTION, tally.by_promotion, terms, _promotion_names(test, tally)),
        *_segments(test, counter, terms),
    ]
    of_store, of_promotion = tally.members_of_store, tally.members_of_promotion
    for cell in cells:
        known = {Dimension.STORE: of_store, Dimension.PROMOTION: of_promotion}.get(
            Dimension(cell.dimension)
        )
        if known is not None:
            cell.members = len(known.get(cell.key, ()))
    BackTestCell.objects.bulk_create(cells, batch_size=1000)
    BackTestMember.objects.bulk_create(_named(test, counter))
    return totals_of(cells[0])


def totals_of(cell: BackTestCell) -> dict[str, int]:
    names = ["receipts", "members", "turnover_minor", "goods_cost_minor", "gained", "lost"]
    names += [
        f"{what}_{when}"
        for what in ("points", "discount", "cost", "margin")
        for when in ("before", "after")
    ]
    return {name: getattr(cell, name) or 0 for name in names}


def cell_of(
    test: BackTest, dimension: str, place: int, key: str, label: str, row: Row, terms: Terms
) -> BackTestCell:
    """Costs are discounts and points at their value; margin is what is left of the turnover."""
    cost = [
        off + terms.money_for(points)
        for off, points in ((row[OFF_0], row[POINTS_0]), (row[OFF_1], row[POINTS_1]))
    ]
    return BackTestCell(
        test=test,
        dimension=dimension,
        place=place,
        key=key,
        label=label,
        receipts=row[RECEIPTS],
        turnover_minor=row[TURNOVER],
        goods_cost_minor=row[GOODS],
        points_before=row[POINTS_0],
        points_after=row[POINTS_1],
        discount_before=row[OFF_0],
        discount_after=row[OFF_1],
        cost_before=cost[0],
        cost_after=cost[1],
        margin_before=row[TURNOVER] - row[GOODS] - cost[0],
        margin_after=row[TURNOVER] - row[GOODS] - cost[1],
        gained=row[GAINED],
        lost=row[LOST],
    )


def _total(test: BackTest, counter: Counter, terms: Terms) -> Iterator[BackTestCell]:
    cell = cell_of(test, Dimension.TOTAL, 0, "", "", counter.tally.total, terms)
    cell.members = len(counter.tally.by_member)
    cell.gained, cell.lost = _judge(counter, counter.tally.by_member.values())
    yield cell


def _judge(counter: Counter, rows: Iterable[Row]) -> tuple[int, int]:
    """How many members would have been better off, and how many worse."""
    worths = [counter.worth(row) for row in rows]
    return sum(worth > 0 for worth in worths), sum(worth < 0 for worth in worths)


def _rows(
    test: BackTest,
    dimension: str,
    rows: Mapping[str, Row],
    terms: Terms,
    labels: Mapping[str, str],
) -> Iterator[BackTestCell]:
    for place, key in enumerate(sorted(rows)):
        yield cell_of(test, dimension, place, key, labels.get(key, ""), rows[key], terms)


def _days(test: BackTest, tally: Tally, terms: Terms) -> Iterator[BackTestCell]:
    weeks: dict[str, Row] = {}
    for day, row in tally.by_day.items():
        year, week, _ = date.fromisoformat(day).isocalendar()
        known = weeks.setdefault(f"{year}-W{week:02d}", [0] * 9)
        weeks[f"{year}-W{week:02d}"] = [a + b for a, b in zip(known, row, strict=True)]
    yield from _rows(test, Dimension.DAY, tally.by_day, terms, {})
    yield from _rows(test, Dimension.WEEK, weeks, terms, {})


def _segments(test: BackTest, counter: Counter, terms: Terms) -> Iterator[BackTestCell]:
    """Members by how often they came and by what they spent in the period.

    Spend is cut at the tenths of the members, by amount: who spent the same stands
    in the same row, so rows differ in size. Sales without a card are a row of their own.
    """
    rows = list(counter.tally.by_member.values())
    cuts = thresholds([row[TURNOVER] for row in rows])
    by_visits, by_spend = _grouped(rows, VISITS, RECEIPTS), _grouped(rows, cuts, TURNOVER)
    for dimension, groups in ((Dimension.VISITS, by_visits), (Dimension.SPEND, by_spend)):
        place = 0
        for place, (key, members) in enumerate(groups, start=1):
            summed = [sum(numbers) for numbers in zip(*members, strict=True)]
            cell = cell_of(test, dimension, place, key, "", summed, terms)
            cell.members = len(members)
            cell.gained, cell.lost = _judge(counter, members)
            yield cell
        if counter.tally.nobody[RECEIPTS]:
            yield cell_of(test, dimension, 0, "nobody", "", counter.tally.nobody, terms)


def thresholds(amounts: Sequence[int]) -> list[int]:
    """The least amount of each tenth of the members; equal ones fall together."""
    ordered = sorted(amounts)
    return sorted({ordered[len(ordered) * tenth // 10] for tenth in range(10)}) if ordered else []


def _grouped(rows: Sequence[Row], least: Sequence[int], by: int) -> list[tuple[str, list[Row]]]:
    """Rows by the interval that their number falls in; the key says both ends."""
    groups: list[list[Row]] = [[] for _ in least]
    for row in rows:
        groups[bisect_left(least, row[by] + 1) - 1].append(row)
    ends = [*(str(following - 1) for following in least[1:]), ""][: len(least)]
    return [
        (f"{first}:{end}", group)
        for first, end, group in zip(least, ends, groups, strict=True)
        if group
    ]


def _named(test: BackTest, counter: Counter) -> list[BackTestMember]:
    """Those whom it would have served best and worst; nobody whom it leaves as they were."""
    worths = {member: counter.worth(row) for member, row in counter.tally.by_member.items()}
    won = nlargest(MOST_NAMED, worths.items(), key=lambda one: (one[1], -one[0]))
    lost = nsmallest(MOST_NAMED, worths.items(), key=lambda one: (one[1], one[0]))
    named = {m: w for m, w in won if w > 0} | {m: w for m, w in lost if w < 0}
    return [
        BackTestMember(
            test=test,
            member_id=member,
            receipts=row[RECEIPTS],
            turnover_minor=row[TURNOVER],
            points=row[POINTS_1] - row[POINTS_0],
            discount_minor=row[OFF_1] - row[OFF_0],
            value_minor=worth,
        )
        for member, worth in named.items()
        for row in [counter.tally.by_member[member]]
    ]


def _store_names(rows: Iterable[str]) -> dict[str, str]:
    return dict(Store.objects.filter(code__in=list(rows)).values_list("code", "name"))


def _category_names(tally: Tally) -> dict[str, str]:
    known = Category.objects.filter(code__in=list(tally.by_category)).order_by()
    return dict(known.values_list("code", "name"))


def _promotion_names(test: BackTest, tally: Tally) -> dict[str, str]:
    known = Promotion.objects.filter(programme=test.programme_id, code__in=list(tally.by_promotion))
    return dict(known.values_list("code", "name"))
