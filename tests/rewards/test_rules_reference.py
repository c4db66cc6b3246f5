"""The reference page says what the classes say, and every example of it is a definition."""

from __future__ import annotations

from pathlib import Path

from rewards.rules.conditions import CONDITIONS
from rewards.rules.effects import EFFECTS
from rewards.rules.reference import page

PAGE = Path(__file__).parents[2] / "docs" / "promotions-reference.md"


def test_the_page_is_current():
    assert PAGE.read_text() == page()


def test_every_kind_is_on_the_page_with_a_word_about_it():
    sections = page().split("\n### ")

    for one in (*CONDITIONS, *EFFECTS):
        kind = one.model_json_schema()["properties"]["kind"]["const"]
        [section] = [text for text in sections if text.startswith(f"`{kind}`\n")]
        assert len(section.splitlines()[2]) > 15
