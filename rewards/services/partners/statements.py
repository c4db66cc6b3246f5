"""The statement of a settlement: as a workbook with every operation, and as a page to sign."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import xlsxwriter
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from rewards.models import PartnerOperation, Programme, Settlement
from rewards.services.partners.paper import paper

PIECE = 2_000


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a settlement."""

    day: date
    operations: int
    earned: int
    burned: int
    due_minor: int


def days_of(settlement: Settlement) -> list[Day]:
    """Totals by day, at most one row a day of the period."""
    rows = (
        PartnerOperation.objects.filter(settlement_line__settlement=settlement)
        .values("business_date")
        .annotate(
            n=Count("pk"),
            earned=Coalesce(Sum("points", filter=Q(kind="earn")), 0),
            burned=Coalesce(Sum("points", filter=Q(kind="burn")), 0),
            due=Coalesce(Sum("due_minor"), 0),
        )
        .order_by("business_date")
    )
    return [
        Day(row["business_date"], row["n"], row["earned"], row["burned"], row["due"])
        for row in rows
    ]


def operations_of(settlement: Settlement) -> Iterator[PartnerOperation]:
    """Every operation, in pieces: a month of a chain does not fit into memory at once."""
    known = PartnerOperation.objects.filter(settlement_line__settlement=settlement)
    return known.select_related("store").order_by("id").iterator(chunk_size=PIECE)


def totals(settlement: Settlement) -> list[tuple[str, str]]:
    """What the statement says at its head, in the words of the reader."""
    programme = settlement.partner.programme
    return [
        (_("Operations"), str(settlement.operations)),
        (_("Points given"), points(programme, settlement.earned_points)),
        (_("Points taken"), points(programme, settlement.burned_points)),
        (_("The partner owes for points given"), money(programme, settlement.earned_due_minor)),
        (_("Owed to the partner for points taken"), money(programme, settlement.burned_due_minor)),
        (_("Settled from the prepaid money"), money(programme, settlement.prepaid_due_minor)),
        (verdict(settlement), money(programme, abs(settlement.net_minor))),
        (_("Difference from the ledger, points"), str(settlement.difference)),
    ]


def verdict(settlement: Settlement) -> str:
    """Who owes whom."""
    if not settlement.net_minor:
        return _("Nobody owes anything")
    if settlement.net_minor > 0:
        return _("The partner pays")
    return _("The programme pays to the partner")


def title(settlement: Settlement) -> str:
    return _("Settlement No. %(number)s with %(partner)s") % {
        "number": settlement.number,
        "partner": settlement.partner.name,
    }


def period(settlement: Settlement) -> str:
    until = date_format(settlement.last_day, "SHORT_DATE_FORMAT")
    if settlement.first_day is None:
        return _("until %(until)s") % {"until": until}
    begins = date_format(settlement.first_day, "SHORT_DATE_FORMAT")
    return f"{begins} – {until}"


def money(programme: Programme, minor: int) -> str:
    return Money(minor, programme.currency).format()


def points(programme: Programme, amount: int) -> str:
    return Points(amount, programme.points_scale).format()


def as_pdf(settlement: Settlement) -> bytes:
    """One or two pages: totals, days, and places to sign."""
    programme = settlement.partner.programme
    rows = [
        [
            date_format(day.day, "SHORT_DATE_FORMAT"),
            str(day.operations),
            points(programme, day.earned),
            points(programme, day.burned),
            money(programme, day.due_minor),
        ]
        for day in days_of(settlement)
    ]
    return paper(
        title=title(settlement),
        below=f"{period(settlement)} · {settlement.get_state_display()}",
        totals=totals(settlement),
        head=[_("Day"), _("Operations"), _("Points given"), _("Points taken"), _("Partner owes")],
        rows=rows,
        signatures=[_("For the programme"), _("For the partner")],
    )


def as_xlsx(settlement: Settlement) -> bytes:
    """Totals on the first sheet, every operation on the second; written row by row."""
    sink = io.BytesIO()
    with xlsxwriter.Workbook(
        sink, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        bold = book.add_format({"bold": True})
        _head_sheet(book, settlement, bold)
        _lines_sheet(book, settlement, bold)
    return sink.getvalue()


def _head_sheet(book: Any, settlement: Settlement, bold: Any) -> None:
    sheet = book.add_worksheet(_("Totals"))
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 1, 20)
    sheet.write_row(0, 0, [title(settlement)], bold)
    sheet.write_row(1, 0, [period(settlement), settlement.get_state_display()])
    for position, row in enumerate(totals(settlement), start=3):
        sheet.write_row(position, 0, row)


def _lines_sheet(book: Any, settlement: Settlement, bold: Any) -> None:
    sheet = book.add_worksheet(_("Operations"))
    dated = book.add_format({"num_format": "yyyy-mm-dd"})
    scale = 10**settlement.partner.programme.points_scale
    currency = settlement.partner.programme.currency
    sheet.set_column(0, 6, 18)
    heads = [_("Day"), _("Document"), _("Store"), _("Kind"), _("Event"), _("Points"), _("Due")]
    sheet.write_row(0, 0, heads, bold)
    for row, one in enumerate(operations_of(settlement), start=1):
        sheet.write_datetime(row, 0, one.business_date, dated)
        words = [
            one.reference, one.store.name if one.store else "", kind_of(one), one.event,
        ]  # fmt: skip
        sheet.write_row(row, 1, words)
        sheet.write_number(row, 5, one.points / scale)
        sheet.write_number(row, 6, float(Money(one.due_minor, currency).as_decimal()))


def kind_of(operation: PartnerOperation) -> str:
    if operation.reverses_id is None:
        return str(operation.get_kind_display())
    return _("taken back: %(kind)s") % {"kind": operation.get_kind_display()}
