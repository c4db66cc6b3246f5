"""Every wording of a promotion can be read as a sentence."""

from __future__ import annotations

import pytest
from django.utils import translation
from hypothesis import given

from rewards.admin import condition_words, effect_words
from rewards.admin.sentences import Names, sentence
from rewards.models import Programme
from rewards.rules.conditions import CONDITIONS
from rewards.rules.effects import EFFECTS as EFFECT_KINDS
from tests.rewards.rule_examples import EFFECTS, TREES

PROGRAMME = Programme(currency="USD")
NAMES = Names({"dairy": "Dairy"}, {})
OFF = {"kind": "percent_off", "basis_points": 1500}


def said(definition):
    with translation.override("en"):
        return sentence(definition, PROGRAMME, NAMES).replace("\N{NO-BREAK SPACE}", " ")


def kinds(classes):
    return {one.model_json_schema()["properties"]["kind"]["const"] for one in classes}


def test_every_kind_has_its_words():
    assert effect_words.WORDS.keys() == kinds(EFFECT_KINDS)
    assert condition_words.WORDS.keys() == kinds(CONDITIONS)


@given(EFFECTS, TREES)
def test_whatever_is_worded_is_said(effect, tree):
    text = said({"effects": [effect], "when": tree})

    assert "%(" not in text
    assert "{" not in text


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"effects": [{"kind": "pieces_off", "of": 3, "off": {"kind": "free"}}],
          "goods": {"include": {"categories": ["dairy"]}, "exclude": {"skus": ["7"]}}},
         "Dairy, except SKU 7: the cheapest of every 3 items: free"),
        ({"effects": [OFF], "when": {"any": [
            {"kind": "birthday", "days_before": 3, "days_after": 0},
            {"kind": "window", "metric": "spend", "days": 30, "at_least": 5000}]}},
         ("All goods: 15 % off, either on the birthday and 3 days before it"
         " or for members who spent $50.00 or more in the last 30 days")),
        ({"effects": [{"kind": "buy_get", "buy": 1, "off": OFF | {"kind": "percent"},
                       "goods": {"include": {"skus": ["jam"]}}}],
          "goods": {"include": {"skus": ["tea"]}}, "coupon": {"required": True},
          "stacking": {"caps": {"receipt_minor": 500, "above_cost": True}}},
         ("SKU tea: with each of them SKU jam: 15 % off, with a coupon,"
         " at most $5.00 off a receipt, never below cost")),
        ({"effects": [{"kind": "multiply_points", "tenths": 20},
                      {"kind": "stamps", "code": "cup", "per": "item"}],
          "when": {"all": [{"kind": "min_quantity", "quantity": 2},
                           {"kind": "age", "from_years": 60}]}},
         ("Double base points and 1 stamp of cup for every item, when buying 2 items or more,"
         " for members aged 60 or more")),
    ],
)  # fmt: skip
def test_a_promotion_reads_as_a_sentence(definition, text):
    assert said(definition) == text


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ({"per": "member", "what": "uses", "max": 1}, "at most 1 time a member"),
        ({"per": "period", "period": "week", "what": "points", "max": 500},
         "at most 500 points a week"),
        ({"per": "total", "what": "money", "max": 100_000}, "at most $1,000.00 in all"),
    ],
)  # fmt: skip
def test_limits_are_said(limit, text):
    assert said({"effects": [OFF], "limits": [limit]}) == f"All goods: 15 % off, {text}"


def test_a_group_inside_a_group_stands_in_brackets():
    old = {"kind": "age", "from_years": 60}
    text = said({"effects": [OFF], "when": {"none": [{"any": [old, {"kind": "birthday"}]}, old]}})

    assert text == (
        "All goods: 15 % off, but not (either for members aged 60 or more or on the birthday)"
        " nor for members aged 60 or more"
    )
