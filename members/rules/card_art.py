"""The face and the back of a card as SVG, 85.6 × 54 mm drawn as 856 × 540.

One drawing for the designer's preview, the member's page and the tests. Every
text is escaped here; there are no styles and no scripts in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from members.rules.drawing import barcode_svg, qr_svg

WIDTH, HEIGHT = 856, 540
_FONT = "system-ui, Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class Face:
    """Everything that stands on a card. ``logo`` is a data URI or empty."""

    title: str
    subtitle: str = ""
    background: str = "#0a6650"
    foreground: str = "#ffffff"
    accent: str = "#f2bd66"
    code: str = "qr"
    logo: str = ""
    rules_url: str = ""
    hotline: str = ""
    legal_entity: str = ""
    note: str = ""


def front_svg(face: Face, *, holder: str, number: str, with_code: bool = False) -> str:
    """The face; with ``with_code`` the number's code on it, as it is printed on plastic."""
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="36" fill="{face.background}"/>',
        f'<rect y="404" width="{WIDTH}" height="10" fill="{face.accent}"/>',
        _logo(face),
        _text(56, 118, 54, face.foreground, face.title, 700),
        _text(56, 168, 30, face.foreground, face.subtitle),
        _text(56, 474, 34, face.foreground, holder),
        _text(56, 512, 24, face.foreground, f"•••• {number[-4:]}" if not with_code else number),
    ]
    if with_code:
        parts.append(_code(face, number))
    return _svg(parts, face.title)


def back_svg(face: Face) -> str:
    """The mandatory texts: rules, hotline, company, and what else is said."""
    lines = [face.note, face.rules_url, face.hotline, face.legal_entity]
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="36" fill="#ffffff" stroke="#d3dbd7"/>',
        f'<rect y="60" width="{WIDTH}" height="80" fill="{face.background}"/>',
        *(
            _text(56, 210 + at * 42, 28, "#17211d", line)
            for at, line in enumerate(piece for line in lines for piece in wrapped(line, 48))
        ),
    ]
    return _svg(parts, face.title)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most so many letters; a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += [word[at : at + width] for at in range(0, len(word), width)]
    return lines


def _svg(parts: list[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="face" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _text(x: int, y: int, size: int, colour: str, text: str, weight: int = 400) -> str:
    if not text:
        return ""
    return (
        f'<text x="{x}" y="{y}" font-family="{_FONT}" font-size="{size}" font-weight="{weight}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _logo(face: Face) -> str:
    if not face.logo:
        return ""
    return (
        f'<image href="{escape(face.logo)}" x="620" y="48" width="180" height="130" '
        'preserveAspectRatio="xMaxYMin meet"/>'
    )


def _code(face: Face, number: str) -> str:
    if face.code == "qr":
        inner, x, y, wide, high = qr_svg(number), 600, 200, 190, 190
    else:
        inner, x, y, wide, high = barcode_svg(number), 56, 230, 744, 130
    return inner.replace("<svg ", f'<svg x="{x}" y="{y}" width="{wide}" height="{high}" ', 1)
