"""Renew what docs/promotion-examples.md takes from the product: definitions and sentences.

The worked figures are written by hand and tested; between its marks the page has each
template's example as JSON, and the sentence that the back office and customers read.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "promotion-examples.md"
_MARKED = re.compile(r"(<!-- template: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(page: str) -> str:
    """The page with every marked part as the product has it now."""
    return _MARKED.sub(lambda found: f"{found[1]}{_part(found[2])}{found[3]}", page)


def _part(code: str) -> str:
    from rewards.rules.templates import by_code  # noqa: PLC0415 - Django has to be set up first

    template = by_code[code]
    definition = template.build(template.example)
    said = [f"> {name}: {_sentence(definition, name)}" for name in ("en", "ru")]
    written = json.dumps(definition, indent=2, ensure_ascii=False)
    return "```json\n" + written + "\n```\n\n" + "\n>\n".join(said) + "\n"


def _sentence(definition: dict[str, object], language: str) -> str:
    from django.utils import translation  # noqa: PLC0415

    from rewards.admin.sentences import Names, sentence  # noqa: PLC0415
    from rewards.models import Programme  # noqa: PLC0415

    with translation.override(language):
        said = sentence(definition, Programme(currency="USD"), Names({}, {}))
    return said.replace("\N{NO-BREAK SPACE}", " ")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_crm.settings")
    django.setup()
    PAGE.write_text(renewed(PAGE.read_text()))
