"""A back-test in words and numbers that people read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from loyalty_crm.kernel.money import exponent
from loyalty_crm.kernel.points import Points
from rewards.admin.amounts import money, points
from rewards.models import BackTest, BackTestCell, Programme

Dimension = BackTestCell.Dimension
#: Rows of one table on the page; all of them stand in the file.
MOST_ROWS = 60
#: Days that a chart shows one by one; a longer period is shown by weeks.
MOST_DAYS = 62
TABLES: list[tuple[str, Any]] = [
    (Dimension.PROMOTION, gettext_lazy("Promotions")),
    (Dimension.VISITS, gettext_lazy("Members by purchases in the period")),
    (Dimension.SPEND, gettext_lazy("Members by spend in the period")),
    (Dimension.STORE, gettext_lazy("Stores")),
    (Dimension.CATEGORY, gettext_lazy("Categories")),
    (Dimension.WEEK, gettext_lazy("Weeks")),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of a table. ``swing`` is its share of the greatest difference in margin, in %."""

    label: str
    receipts: str
    members: str
    discount: str
    points: str
    cost: str
    margin: str
    swing: int
    is_worse: bool
    gained: str
    lost: str


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    rows: list[Shown]
    more: int


def tables(cells: Sequence[BackTestCell], programme: Programme) -> list[Table]:
    found = []
    for dimension, title in TABLES:
        own = [cell for cell in cells if cell.dimension == dimension]
        if dimension in (Dimension.STORE, Dimension.CATEGORY):
            own.sort(key=lambda cell: -abs(margin_of(cell)))
        most = max((abs(margin_of(cell)) for cell in own), default=0)
        rows = [shown(cell, programme, most) for cell in own[:MOST_ROWS]]
        found.append(Table(str(title), rows, max(len(own) - MOST_ROWS, 0)))
    return [table for table in found if table.rows]


def margin_of(cell: BackTestCell) -> int:
    return cell.margin_after - cell.margin_before


def shown(cell: BackTestCell, programme: Programme, most: int) -> Shown:
    margin = margin_of(cell)
    return Shown(
        label=label_of(cell, programme.currency),
        receipts=number(cell.receipts),
        members="" if cell.members is None else number(cell.members),
        discount=more_money(cell.discount_after - cell.discount_before, programme),
        points=more_points(cell.points_after - cell.points_before, programme),
        cost=more_money(cell.cost_after - cell.cost_before, programme),
        margin=more_money(margin, programme),
        swing=abs(margin) * 50 // most if most else 0,
        is_worse=margin < 0,
        gained=number(cell.gained),
        lost=number(cell.lost),
    )


def label_of(cell: BackTestCell, currency: str) -> str:
    """What a row is about, in the reader's language."""
    match cell.dimension:
        case Dimension.VISITS | Dimension.SPEND if cell.key == "nobody":
            return _("without a card")
        case Dimension.VISITS:
            first, _colon, last = cell.key.partition(":")
            return visits_label(first, last)
        case Dimension.SPEND:
            first, _colon, last = cell.key.partition(":")
            return spend_label(first, last, currency)
        case Dimension.DAY:
            return date_format(date.fromisoformat(cell.key), "SHORT_DATE_FORMAT")
        case Dimension.CATEGORY if not cell.key:
            return _("no category")
        case Dimension.WEEK:
            monday = date.fromisoformat(f"{cell.key}-1")
            return _("week of %(day)s") % {"day": date_format(monday, "SHORT_DATE_FORMAT")}
        case _:
            return cell.label or cell.key


def visits_label(first: str, last: str) -> str:
    if first == last:
        text = ngettext("%(count)s purchase", "%(count)s purchases", int(first))
        return text % {"count": first}
    if not last:
        return _("%(count)s purchases or more") % {"count": first}
    return _("%(first)s to %(last)s purchases") % {"first": first, "last": last}


def spend_label(first: str, last: str, currency: str) -> str:
    least = money(int(first), currency)
    if not last:
        return _("from %(amount)s") % {"amount": least}
    return _("%(first)s to %(last)s") % {"first": least, "last": money(int(last), currency)}


def tiles(test: BackTest, programme: Programme) -> list[dict[str, str]]:
    """The answer in five numbers: each the difference, and what it was before and after."""
    totals = test.totals
    was_and_would = _("%(before)s → %(after)s")

    def tile(title: str, name: str, write: Any, more: Any) -> dict[str, str]:
        before, after = totals[f"{name}_before"], totals[f"{name}_after"]
        both = {"before": write(before), "after": write(after)}
        return {"title": title, "value": more(after - before), "note": was_and_would % both}

    def amount(minor: int) -> str:
        return money(minor, programme.currency)

    def count(minor: int) -> str:
        return points(programme, minor)

    return [
        tile(_("Cost"), "cost", amount, lambda n: more_money(n, programme)),
        tile(_("Margin"), "margin", amount, lambda n: more_money(n, programme)),
        tile(_("Discounts"), "discount", amount, lambda n: more_money(n, programme)),
        tile(_("Points"), "points", count, lambda n: more_points(n, programme)),
        {
            "title": _("Members better / worse off"),
            "value": f"{number(totals['gained'])} / {number(totals['lost'])}",
            "note": _("of %(members)s in %(receipts)s receipts")
            % {"members": number(totals["members"]), "receipts": number(totals["receipts"])},
        },
    ]


def chart(cells: Iterable[BackTestCell], programme: Programme) -> str:
    """Cost before and after over time, for Chart.js: by day, or by week when there are many."""
    cells = list(cells)
    days = [cell for cell in cells if cell.dimension == Dimension.DAY]
    bars = days if len(days) <= MOST_DAYS else [c for c in cells if c.dimension == Dimension.WEEK]
    scale = 10 ** exponent(programme.currency)
    data = {
        "labels": [label_of(cell, programme.currency) for cell in bars],
        "datasets": [
            {
                "label": _("before"),
                "data": [cell.cost_before / scale for cell in bars],
                "backgroundColor": "#94a3b8",
            },
            {
                "label": _("on trial"),
                "data": [cell.cost_after / scale for cell in bars],
                "backgroundColor": "var(--color-primary-600)",
            },
        ],
    }
    return json.dumps(data)


def number(count: int) -> str:
    return Points(count).format()


def more_money(minor: int, programme: Programme) -> str:
    return ("+" if minor > 0 else "") + money(minor, programme.currency)


def more_points(minor: int, programme: Programme) -> str:
    return ("+" if minor > 0 else "") + points(programme, minor)
