"""Conditions one by one, and what they say when they fail."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from rewards.rules import definitions
from rewards.rules.basket import Basket, Part
from rewards.rules.conditions import CONDITIONS, Goods
from rewards.rules.effects import EFFECTS
from tests.rewards.rule_examples import MEMBER, line

TEA = line(1, "tea", 10_00)
EARN = {"kind": "earn_rate", "points": 1, "per_minor": 100}


def miss(condition, *, at=datetime(2026, 3, 4, 12, 0), store="S1", channel="store", member=None):
    definition = definitions.parse({"effects": [EARN], "when": {"all": [condition]}})
    basket = Basket(
        store=store, at=at.replace(tzinfo=ZoneInfo("Europe/Moscow")), lines=(TEA,),
        channel=channel, member=member,
    )  # fmt: skip
    found = definition.conditions()[0].miss(basket, Goods([Part(TEA, 1000, 10_00)]))
    return (found.reason, found.params) if found else None


def on(day, hour=12, minute=0):
    return datetime(2026, 3, day, hour, minute)


@pytest.mark.parametrize(
    ("condition", "sale", "expected"),
    [
        ({"kind": "stores", "codes": ["S1", "S2"]}, {}, None),
        ({"kind": "stores", "codes": ["S2"]}, {}, ("store", {"store": "S1"})),
        ({"kind": "channels", "codes": ["web"]}, {}, ("channel", {"channel": "store"})),
        ({"kind": "channels", "codes": ["web"]}, {"channel": "web"}, None),
        ({"kind": "card", "shown": True}, {}, ("card_required", {})),
        ({"kind": "card", "shown": True}, {"member": MEMBER}, None),
        ({"kind": "card", "shown": False}, {"member": MEMBER}, ("card_shown", {})),
        ({"kind": "min_spend", "amount_minor": 10_00}, {}, None),
        ({"kind": "min_spend", "amount_minor": 10_01}, {},
         ("min_spend", {"needed": 10_01, "have": 10_00, "missing": 1})),
        ({"kind": "schedule", "weekdays": [3]}, {"at": on(4)}, None),
        ({"kind": "schedule", "weekdays": [1, 2]}, {"at": on(4)},
         ("weekday", {"days": ["1", "2"]})),
        ({"kind": "schedule", "first_day": "2026-03-04", "last_day": "2026-03-04"},
         {"at": on(4, 23, 59)}, None),
        ({"kind": "schedule", "first_day": "2026-03-05"}, {"at": on(4)},
         ("not_yet", {"day": "2026-03-05"})),
        ({"kind": "schedule", "last_day": "2026-03-03"}, {"at": on(4, 0, 0)},
         ("no_longer", {"day": "2026-03-03"})),
        ({"kind": "schedule", "from_time": "12:00", "to_time": "14:00"}, {"at": on(4, 12)}, None),
        ({"kind": "schedule", "from_time": "12:00", "to_time": "14:00"}, {"at": on(4, 14)},
         ("hours", {"from": "12:00", "to": "14:00"})),
        ({"kind": "schedule", "from_time": "22:00", "to_time": "02:00"}, {"at": on(4, 1, 59)},
         None),
        ({"kind": "schedule", "from_time": "22:00", "to_time": "02:00"}, {"at": on(4, 2)},
         ("hours", {"from": "22:00", "to": "02:00"})),
    ],
)  # fmt: skip
def test_a_condition_holds_or_says_what_is_missing(condition, sale, expected):
    assert miss(condition, **sale) == expected


@pytest.mark.parametrize(
    "condition",
    [
        {"kind": "schedule", "from_time": "12:00"},
        {"kind": "schedule", "first_day": "2026-03-05", "last_day": "2026-03-04"},
        {"kind": "schedule", "first_day": "5 March"},
        {"kind": "schedule", "weekdays": [0]},
        {"kind": "stores", "codes": []},
        {"kind": "min_spend", "amount_minor": 0},
        {"kind": "min_spend", "amount_minor": True},
        {"kind": "card", "shown": "yes"},
        {"kind": "moon"},
        {},
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(condition):
    with pytest.raises(definitions.InvalidDefinitionError):
        definitions.parse({"effects": [EARN], "when": {"all": [condition]}})


def test_the_schema_names_every_condition_and_effect():
    published = definitions.schema()["$defs"]

    assert {kind.__name__ for kind in (*CONDITIONS, *EFFECTS)} <= published.keys()
    assert published["EarnRate"]["additionalProperties"] is False
