"""Translations: without an argument compile the catalogues, with `gather` collect new texts first.

Babel does both, so GNU gettext is not needed. Catalogues are compiled at `make run` and
`make test` and not committed: a compiled file beside its source would go stale unseen.
The admin theme has no Russian, so its texts stand in our catalogue, less what Django's own
catalogues translate already.
"""

from __future__ import annotations

import gettext
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import django
import unfold
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
OWN = ["loyalty_crm", "members", "rewards", "campaigns", "analytics", "templates"]
LAZY = {f"{name}_lazy": spec for name, spec in DEFAULT_KEYWORDS.items() if name.endswith("gettext")}
KEYWORDS = {**DEFAULT_KEYWORDS, **LAZY, "gettext_noop": None}

Found = Iterator[tuple[str | tuple[str, ...], str | None]]


def template() -> Catalog:
    """Every text of the product and of the theme, without translations."""
    # A fixed date: gathering twice changes nothing.
    catalog = Catalog(charset="utf-8", creation_date=datetime(2026, 1, 1, tzinfo=UTC))
    for folder in OWN:
        for msgid, context in texts_below(ROOT / folder):
            catalog.add(msgid, context=context)
    known = django_texts("ru")
    for msgid, context in texts_below(Path(unfold.__file__).parent):
        if (msgid if isinstance(msgid, str) else msgid[0]) not in known:
            catalog.add(msgid, context=context)
    return catalog


def texts_below(folder: Path) -> Found:
    for file in sorted(folder.rglob("*.py")):
        if "migrations" not in file.parts:
            yield from texts_of(file.read_bytes())
    for file in sorted(
        path for kind in ("html", "txt", "mjml") for path in folder.rglob(f"*.{kind}")
    ):
        source = templatize(file.read_text(), origin=str(file))
        # What is left of the template would be read as broken indentation.
        yield from texts_of("\n".join(line.strip() for line in source.splitlines()).encode())


def texts_of(source: bytes) -> Found:
    for _line, msgid, _comments, context in extract("python", BytesIO(source), keywords=KEYWORDS):
        yield msgid, context


def django_texts(language: str) -> set[str]:
    """What Django says in this language already, so that it is not said twice."""
    if not settings.configured:
        settings.configure()
    root = Path(django.__file__).parent
    known: set[str] = set()
    for part in ("conf", "contrib/admin", "contrib/auth"):
        with (root / part / "locale" / language / "LC_MESSAGES" / "django.mo").open(
            "rb"
        ) as compiled:
            said = gettext.GNUTranslations(compiled)._catalog  # type: ignore[attr-defined]  # noqa: SLF001
            known.update(key if isinstance(key, str) else key[0] for key in said)
    return known


def gather(source: Path) -> None:
    """Bring one catalogue up to date: new texts wait untranslated, dropped ones go."""
    catalog = load(source)
    catalog.update(template(), no_fuzzy_matching=True)
    with source.open("wb") as po:
        write_po(po, catalog, no_location=True, sort_output=True, ignore_obsolete=True, width=100)
    waiting = sum(1 for message in catalog if message.id and not is_translated(message.string))
    print(f"{source.relative_to(ROOT)}: {len(catalog)} texts, {waiting} to translate")


def load(source: Path) -> Catalog:
    with source.open("rb") as po:
        return read_po(po, locale=source.parts[-3], ignore_obsolete=True)


def is_translated(said: str | tuple[str, ...] | None) -> bool:
    return bool(said) if isinstance(said, str | None) else all(said)


def compile_catalogues() -> None:
    """Catalogues that are newer than their source are left alone."""
    for source in catalogues():
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            with target.open("wb") as mo:
                write_mo(mo, load(source))


def catalogues() -> list[Path]:
    return sorted(ROOT.glob("locale/*/LC_MESSAGES/*.po"))


if __name__ == "__main__":
    if "gather" in sys.argv[1:]:
        for catalogue in catalogues():
            gather(catalogue)
    compile_catalogues()
