"""Cards on paper: A4 sheets of ten, faces and backs, with a font that knows Cyrillic."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import font_roboto
import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.models import Card, CardBatch, CardDesign
from members.rules.card_art import Face, wrapped
from members.rules.drawing import bars
from members.services.card_faces import face_of

WIDTH, HEIGHT = 85.6 * mm, 53.98 * mm
COLUMNS, ROWS = 2, 5
ON_A_SHEET = COLUMNS * ROWS
MOST = 1_000
_PLAIN, _BOLD = "Roboto", "Roboto-Bold"
_LEFT = (A4[0] - COLUMNS * WIDTH) / 2
_TOP = A4[1] - (A4[1] - ROWS * HEIGHT) / 2


def sheets_of_batch(
    *, batch: CardBatch, first: int, count: int, backs: bool, actor: Actor
) -> bytes:
    """Cards of a batch from the ``first`` on, at most a thousand, as a PDF.

    The numbers leave the house with it: that stays in the trail.
    """
    cards = Card.objects.filter(batch=batch).order_by("id").values_list("number", flat=True)
    numbers = list(cards[first - 1 : first - 1 + min(count, MOST)])
    audit.record(
        action="card_batch.printed",
        object_type="card_batch",
        object_id=str(batch.pk),
        after={"first": first, "count": len(numbers)},
        actor=actor,
    )
    return draw_sheets(batch.type.design, numbers, backs=backs)


def draw_sheets(design: CardDesign | None, numbers: Sequence[str], *, backs: bool) -> bytes:
    """The PDF of these numbers; backs stand mirrored on a sheet of their own, for both sides."""
    _register()
    face, out = face_of(design), io.BytesIO()
    logo = ImageReader(io.BytesIO(bytes(design.logo))) if design and design.logo else None
    canvas = Canvas(out, pagesize=A4, pageCompression=1)
    canvas.setTitle(face.title)
    for sheet in _sheets(numbers):
        for place, number in enumerate(sheet):
            _front(canvas, face, logo, number, *_corner(place))
        canvas.showPage()
        if backs:
            for place in range(len(sheet)):
                _back(canvas, face, *_corner(place, mirrored=True))
            canvas.showPage()
    canvas.save()
    return out.getvalue()


def _sheets(numbers: Iterable[str]) -> Iterator[list[str]]:
    left = iter(numbers)
    while sheet := list(islice(left, ON_A_SHEET)):
        yield sheet


def _register() -> None:
    if _PLAIN not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_PLAIN, font_roboto.Roboto))
        pdfmetrics.registerFont(TTFont(_BOLD, font_roboto.RobotoBold))


def _corner(place: int, *, mirrored: bool = False) -> tuple[float, float]:
    """Lower left corner of a place, counted in rows from the top."""
    row, column = divmod(place, COLUMNS)
    column = COLUMNS - 1 - column if mirrored else column
    return _LEFT + column * WIDTH, _TOP - (row + 1) * HEIGHT


def _front(
    canvas: Canvas, face: Face, logo: ImageReader | None, number: str, x: float, y: float
) -> None:
    canvas.setFillColor(HexColor(face.background))
    canvas.setStrokeColor(HexColor("#b0b8b4"))
    canvas.setLineWidth(0.2)
    canvas.rect(x, y, WIDTH, HEIGHT, stroke=1, fill=1)
    canvas.setFillColor(HexColor(face.accent))
    canvas.rect(x, y + 13 * mm, WIDTH, 1 * mm, stroke=0, fill=1)
    canvas.setFillColor(HexColor(face.foreground))
    _line(canvas, face.title, _BOLD, 15, x + 5 * mm, y + 42 * mm, WIDTH - 32 * mm)
    _line(canvas, face.subtitle, _PLAIN, 8, x + 5 * mm, y + 37.500 * mm, WIDTH - 32 * mm)
    _line(canvas, _spaced(number), _PLAIN, 9, x + 5 * mm, y + 5 * mm, WIDTH - 10 * mm)
    if logo:
        canvas.drawImage(
            logo, x + WIDTH - 23 * mm, y + 37 * mm, 18 * mm, 13 * mm,
            preserveAspectRatio=True, mask="auto", anchor="ne",
        )  # fmt: skip
    (_qr if face.code == "qr" else _barcode)(canvas, number, x, y)


def _qr(canvas: Canvas, number: str, x: float, y: float) -> None:
    matrix = segno.make(number, error="m", micro=False).matrix
    side, left, bottom = 18 * mm, x + WIDTH - 23 * mm, y + 16 * mm
    module = side / len(matrix)
    canvas.setFillColor(HexColor("#ffffff"))
    canvas.rect(left - 1.5 * mm, bottom - 1.5 * mm, side + 3 * mm, side + 3 * mm, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#000000"))
    for down, row in enumerate(matrix):
        for across, black in enumerate(row):
            if black:
                at = bottom + side - (down + 1) * module
                canvas.rect(left + across * module, at, module, module, stroke=0, fill=1)


def _barcode(canvas: Canvas, number: str, x: float, y: float) -> None:
    drawn = bars(number)
    width, left, bottom = 62 * mm, x + 12 * mm, y + 18 * mm
    module = width / (drawn[-1][0] + drawn[-1][1])
    canvas.setFillColor(HexColor("#ffffff"))
    canvas.rect(left - 5 * mm, bottom - 1.5 * mm, width + 10 * mm, 15 * mm, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#000000"))
    for at, wide in drawn:
        canvas.rect(left + at * module, bottom, wide * module, 12 * mm, stroke=0, fill=1)


def _back(canvas: Canvas, face: Face, x: float, y: float) -> None:
    canvas.setStrokeColor(HexColor("#b0b8b4"))
    canvas.setLineWidth(0.2)
    canvas.rect(x, y, WIDTH, HEIGHT, stroke=1, fill=0)
    canvas.setFillColor(HexColor(face.background))
    canvas.rect(x, y + 40 * mm, WIDTH, 8 * mm, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#17211d"))
    texts = [face.note, face.rules_url, face.hotline, face.legal_entity]
    lines = [line for text in texts for line in wrapped(text, 58)]
    for at, line in enumerate(lines[:9]):
        _line(canvas, line, _PLAIN, 7, x + 5 * mm, y + 35 * mm - at * 3.600 * mm, WIDTH - 10 * mm)


def _line(
    canvas: Canvas, text: str, font: str, size: float, x: float, y: float, most: float
) -> None:
    """One line that shrinks until it fits: a long title must not run over the logo."""
    width = pdfmetrics.stringWidth(text, font, size)
    canvas.setFont(font, size if width <= most else max(size * most / width, 4))
    canvas.drawString(x, y, text)


def _spaced(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))
