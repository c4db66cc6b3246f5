"""Every decision has its words."""

from __future__ import annotations

import re
from pathlib import Path

from rewards import rules
from rewards.services.checkout.reasons import in_words

SOURCES = [path.read_text() for path in Path(rules.__file__).parent.rglob("*.py")]


def decision(reason, **details):
    return {"name": "Tea week", "reason": reason, "params": {}, **details}


def test_every_reason_that_a_rule_gives_can_be_said():
    text = "\n".join(SOURCES)
    reasons = set(re.findall(r'(?:Miss|fewer)\(\s*"(\w+)"', text))
    reasons |= set(re.findall(r'"(?:applied|beaten|capped)", "(\w+)"', text))
    # The lists of outcomes themselves.
    reasons -= {"applied", "beaten", "capped", "not_matched", "not_applied", "refused"}
    anything = dict.fromkeys(
        ["by", "day", "from", "to", "missing", "needed", "have", "wanted", "store", "channel"], 1
    ) | {"day": "2026-03-04"}

    unsaid = {
        reason
        for reason in reasons
        if in_words(decision(reason, params=anything), "USD").endswith(f": {reason}")
    }

    assert len(reasons) > 10
    assert not unsaid


def test_money_and_points_are_written_for_people():
    missing = decision("min_spend", params={"needed": 5000, "have": 1300, "missing": 3700})
    off = decision("best_on_line", discount_minor=150)

    items = decision("min_quantity", params={"needed": 3, "have": 2, "missing": 1})
    days = decision("weekday", params={"days": ["5", "6"]})

    assert in_words(items, "USD") == "Tea week: 1 more item to get it"
    assert in_words(days, "USD") == "Tea week applies on: Friday, Saturday"
    assert in_words(missing, "USD") == "Tea week: $37.00 more to get it"
    assert in_words(off, "USD") == "Tea week: discount $1.50"
    assert in_words(decision("made_up"), "USD") == "Tea week: made_up"
