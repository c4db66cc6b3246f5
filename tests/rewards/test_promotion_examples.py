"""The page of worked examples: every template is on it, as the product has it."""

from __future__ import annotations

import re

from deploy.promotion_examples import PAGE, renewed
from rewards.rules.templates import TEMPLATES


def test_the_page_is_current():
    assert renewed(PAGE.read_text()) == PAGE.read_text()


def test_every_template_is_worked_out():
    page = PAGE.read_text()
    headed = r"^## \d+\. [^\n]+ \(`(\w+)`\)\n(.*?)(?=^## |\Z)"
    sections = dict(re.findall(headed, page, re.M | re.S))

    assert list(sections) == [template.code for template in TEMPLATES]
    for code, section in sections.items():
        assert f"<!-- template: {code} -->\n```json\n" in section
        assert "**" in section.partition("<!--")[0], f"{code} has no result"
