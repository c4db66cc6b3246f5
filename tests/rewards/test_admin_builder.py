"""The builder of promotions: what it writes, what it shows, who may use it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.admin.builder.shapes import definition_shape
from rewards.admin.builder.state import Reading, flat, nested, read, write
from rewards.models import Programme, Promotion
from rewards.rules import definitions, templates
from rewards.rules.conditions import CONDITIONS
from rewards.rules.effects import EFFECTS
from tests.factories.members import StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards import rule_examples as examples
from tests.staff import at_desk

SHOP = Programme(currency="USD", points_scale=0)


def kind_of(one):
    return one.model_json_schema()["properties"]["kind"]["const"]


def there_and_back(document, programme=SHOP):
    """The definition that the form writes when a browser sends back what it shows."""
    state = write(definition_shape(), document, programme)
    sent = nested((path, [text]) for path, text in flat(state))
    reading = Reading(programme)
    written = read(definition_shape(), sent, reading)
    assert reading.faults == {}
    assert nested((path, [text]) for path, text in flat(write(definition_shape(), written, programme))) == sent
    return written


def same(document, written):
    """Whether both mean the same; a condition that stands alone is a group of one."""
    when = document.get("when")
    if when and "kind" in when:
        document = {**document, "when": {"all": [when]}}
    return definitions.parse(written) == definitions.parse(document)


@given(st.lists(examples.TREES, max_size=2), examples.effects(), examples.stackings(), examples.SELECTORS)
def test_whatever_is_written_comes_back(trees, effects, stacking, goods):
    document = {
        "goods": goods, "when": {"all": trees}, "effects": effects, "stacking": stacking,
    }  # fmt: skip
    assert same(document, there_and_back(document))


@pytest.mark.django_db
def test_smoke():
    make_programme()
    StoreFactory()
    desk = at_desk("marketer")
    for at in ("build/", "templates/", "templates/cheapest_free/", "calendar/", "", "build/?like=1"):
        page = desk.get(f"/admin/rewards/promotion/{at}")
        assert page.status_code in (200, 404), at
    for one in templates.TEMPLATES:
        assert desk.get(f"/admin/rewards/promotion/templates/{one.code}/").status_code == 200
    p = Promotion.objects.get()
    assert desk.get(f"/admin/rewards/promotion/{p.pk}/change/").status_code == 200
    assert desk.get(f"/admin/rewards/promotion/{p.pk}/build/").status_code == 200
