"""Templates as forms: defaults, bounds, faults, and words for all of them."""

from __future__ import annotations

import pytest

from rewards.admin import template_words
from rewards.rules.definitions import InvalidDefinitionError, parse
from rewards.rules.templates import TEMPLATES, by_code
from rewards.rules.templates.template import Template


def faults(code, **values):
    with pytest.raises(InvalidDefinitionError) as refused:
        by_code[code].build(values)
    return [(one["pointer"], one["code"]) for one in refused.value.errors]


def test_there_are_the_twenty_usual_offers_and_each_has_a_code_of_its_own():
    assert len(by_code) == len(TEMPLATES) >= 20


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.code)
def test_every_example_is_a_promotion(template: Template):
    built = template.build(template.example)

    assert parse(built).effects


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.code)
def test_what_has_no_default_has_to_be_given(template: Template):
    needed = [one.name for one in template.parameters if one.required]

    if needed:
        assert faults(template.code) == [(f"/{name}", "missing") for name in needed]
    else:
        assert template.build({}) == template.build(template.values({}))


def test_every_template_and_blank_has_its_words():
    names = {one.name for template in TEMPLATES for one in template.parameters}
    choices = {
        (one.name, choice)
        for template in TEMPLATES
        for one in template.parameters
        for choice in one.choices
    }

    assert template_words.TEMPLATES.keys() == by_code.keys()
    assert template_words.PARAMETERS.keys() == names
    assert template_words.CHOICES.keys() == choices


@pytest.mark.parametrize(
    ("code", "values", "found"),
    [
        ("cheapest_free", {"of": 1}, [("/of", "greater_than_equal")]),
        ("birthday", {"days_before": 181}, [("/days_before", "less_than_equal")]),
        ("fuel_discount", {"goods": {}}, [("/goods", "value_error")]),
        ("gift", {"products": []}, [("/products", "too_short")]),
        ("cashback", {"on_top": "maybe"}, [("/on_top", "literal_error")]),
        ("happy_hours", {"hours": {"start": "25:00", "end": "17:00"}},
         [("/hours/start", "value_error")]),
        ("ladder", {"steps": [{"start": 2, "percent": 0}]},
         [("/steps/0/percent", "greater_than_equal")]),
        ("ladder", {"steps": [{"start": 2, "percent": 500}, {"start": 2, "percent": 900}]},
         [("/effects/0", "value_error")]),
        ("welcome", {"nonsense": 1}, [("/nonsense", "extra_forbidden")]),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(code, values, found):
    assert faults(code, **values) == found


def test_what_was_left_empty_is_not_in_the_definition():
    assert by_code["happy_hours"].build({"weekdays": [], "goods": {"skus": ["7"]}}) == {
        "goods": {"include": {"skus": ["7"]}},
        "when": {"all": [{"kind": "schedule", "from_time": "15:00", "to_time": "17:00"}]},
        "effects": [{"kind": "percent_off", "basis_points": 1000}],
    }
