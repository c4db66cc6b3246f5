"""A page with totals and a table, as PDF; the letters of the packaged font know Cyrillic."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import font_roboto
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

LETTERS, BOLD = "Roboto", "Roboto-Bold"
_LINE = [("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor("#cfd8d7"))]


@cache
def _with_letters() -> None:
    folder = Path(font_roboto.__file__).parent / "files"
    for name, file in ((LETTERS, "Roboto-Regular.ttf"), (BOLD, "Roboto-Bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, str(folder / file)))


def paper(
    *,
    title: str,
    below: str,
    totals: Sequence[tuple[str, str]],
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    signatures: Sequence[str],
) -> bytes:
    """The bytes of the document."""
    _with_letters()
    sink = io.BytesIO()
    page = SimpleDocTemplate(
        sink, pagesize=A4, title=title, leftMargin=20 * mm, rightMargin=20 * mm
    )
    big = ParagraphStyle("big", fontName=BOLD, fontSize=15, leading=20)
    small = ParagraphStyle("small", fontName=LETTERS, fontSize=9, leading=14)
    parts: list[Flowable] = [
        Paragraph(_safe(title), big),
        Paragraph(_safe(below), small),
        Spacer(0, 6 * mm),
        _table([list(row) for row in totals], [120 * mm, 50 * mm]),
        Spacer(0, 8 * mm),
        _table([list(head), *map(list, rows)], [34 * mm] * len(head), header=True),
        Spacer(0, 20 * mm),
        _table([[f"{one}: ____________________" for one in signatures]], None, lines=False),
    ]
    page.build(parts)
    return sink.getvalue()


def _table(
    rows: list[list[str]],
    widths: list[float] | None,
    *,
    header: bool = False,
    lines: bool = True,
) -> Table:
    style: list[tuple[object, ...]] = [
        ("FONT", (0, 0), (-1, -1), LETTERS, 9),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        *(_LINE if lines else []),
    ]
    if header:
        style.append(("FONT", (0, 0), (-1, 0), BOLD, 9))
    return Table(rows, colWidths=widths, style=style, repeatRows=1 if header else 0)


def _safe(text: str) -> str:
    """Paragraphs read markup: names are not to be any."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
