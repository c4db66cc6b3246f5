"""The builder of promotions: what it writes is what it shows, and it says what is wrong where."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from rewards.admin.builder.gallery import shape_of
from rewards.admin.builder.page import Form
from rewards.admin.builder.shapes import Leaf, definition_shape, record_of
from rewards.admin.builder.state import Reading, flat, nested, read, write
from rewards.admin.builder.units import read_number, write_number
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.rules import conditions, definitions, effects, templates
from rewards.rules.selectors import Strict
from rewards.services import promotions
from tests.factories.members import CategoryFactory, ProductFactory, StoreFactory
from tests.factories.promotions import TILL, make_programme
from tests.rewards import rule_examples as examples
from tests.rewards.builder_tools import (
    BUILD,
    CONDITIONS,
    EFFECTS,
    Browser,
    blank,
    condition,
    effect,
    opened,
    pressed,
)
from tests.staff import at_desk

SHOP = Programme(currency="USD", points_scale=0)
NO_EFFECT = {"kind": "free_delivery"}


def kind_of(one):
    return one.model_json_schema()["properties"]["kind"]["const"]


def there_and_back(document, programme=SHOP):
    """The definition that the form writes when a browser sends back what it shows."""
    shape = definition_shape()
    sent = nested((path, [text]) for path, text in flat(write(shape, document, programme)))
    reading = Reading(programme)
    written = read(shape, sent, reading)
    assert reading.faults == {}
    again = flat(write(shape, written, programme))
    assert nested((path, [text]) for path, text in again) == sent
    return written


def same(document, written):
    """Whether both mean the same; a condition that stands alone is a group of one."""
    when = document.get("when")
    if when and "kind" in when:
        document = {**document, "when": {"all": [when]}}
    return definitions.parse(written) == definitions.parse(document)


# The first example reads the schema, and a busy machine is slow, not wrong.
@settings(deadline=None)
@given(
    st.lists(examples.TREES, max_size=2), examples.effects(), examples.stackings(),
    examples.SELECTORS,
)  # fmt: skip
def test_whatever_is_written_comes_back(trees, effects, stacking, goods):
    document = {"goods": goods, "when": {"all": trees}, "effects": effects, "stacking": stacking}

    assert same(document, there_and_back(document))


@pytest.mark.parametrize("kind", [kind_of(one) for one in conditions.CONDITIONS])
@pytest.mark.parametrize("programme", [SHOP, Programme(currency="JPY", points_scale=2)])
def test_every_condition_comes_back(kind, programme):
    document = {"when": condition(kind), "effects": [NO_EFFECT]}

    assert same(document, there_and_back(document, programme))


@pytest.mark.parametrize("kind", [kind_of(one) for one in effects.EFFECTS])
@pytest.mark.parametrize("programme", [SHOP, Programme(currency="KWD", points_scale=1)])
def test_every_effect_comes_back(kind, programme):
    document = {"effects": [effect(kind)]}

    assert same(document, there_and_back(document, programme))


class Invented(Strict):
    """Something that nobody has found words for. It is in the form all the same."""

    kind: Literal["invented"]
    gift_minor: Annotated[int, Field(gt=0)]
    share_basis_points: int | None = None
    moods: list[str] = []
    loud: bool = False
    tone: Literal["low", "high"] = "low"


def test_a_new_class_needs_no_form_of_its_own():
    schema = Invented.model_json_schema()
    fields = record_of(schema, schema.get("$defs", {})).fields

    found = {name: (one.kind, one.unit) for name, one in fields.items() if isinstance(one, Leaf)}
    assert found == {
        "gift_minor": ("number", "money"), "share_basis_points": ("number", "percent"),
        "moods": ("codes", ""), "loud": ("flag", ""), "tone": ("choice", ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "places", "value", "shown"),
    [
        ("12.50", 2, 1250, "12.5"), ("12,5", 2, 1250, "12.5"), ("0.01", 2, 1, "0.01"),
        ("1 234", 2, 123_400, "1234"), ("12.5 %", 2, 1250, "12.5"), ("7", 0, 7, "7"),
        ("1.5", 1, 15, "1.5"), ("2", 1, 20, "2"), ("0.005", 3, 5, "0.005"),
    ],
)  # fmt: skip
def test_numbers_are_exact_both_ways(text, places, value, shown):
    assert read_number(text, places) == value
    assert write_number(value, places) == shown
    assert read_number(write_number(value, places, whole=False), places) == value


@pytest.mark.parametrize(("text", "places"), [("0.001", 2), ("1e3", 2), ("ten", 0), ("1.5", 0)])
def test_what_is_finer_or_no_number_is_refused(text, places):
    with pytest.raises(ValueError, match=r"not a number|decimal places"):
        read_number(text, places)


@pytest.fixture
def shop(db):
    make_programme()
    StoreFactory(code="S1")
    ProductFactory(
        sku="tea",
        name="Green tea",
        price_minor=250,
        category=CategoryFactory(code="hot", name="Hot"),
    )
    return at_desk("marketer")


def drafted(document, code="mine"):
    programme = make_programme()
    made = promotions.create(programme=programme, code=code, name="Mine", actor=TILL)
    return promotions.draft(promotion=made, definition=document, actor=TILL)


def chunks(kinds):
    return [list(kinds)[start : start + 9] for start in range(0, len(kinds), 9)]


@pytest.mark.parametrize(
    "document",
    [
        *({"when": {"all": [condition(one) for one in some]}, "effects": [NO_EFFECT]}
          for some in chunks(CONDITIONS)),
        *({"effects": [effect(one) for one in some]} for some in chunks(EFFECTS)),
        {
            "goods": {"exclude": {"brands": ["a"]}}, "effects": [NO_EFFECT], "coupon": {},
            "when": {"any": [{"none": [condition("card")]}, {"all": []}]},
            "pilot": {"stores": ["S1"]}, "labels": {"receipt": {"en": "Tea", "ru": "Чай"}},
            "limits": [{"per": "period", "period": "week", "what": "money", "max": 1250}],
            "stacking": {"not_with": ["other"], "caps": {"receipt_minor": 99, "above_cost": True}},
        },
    ],
)  # fmt: skip
def test_a_page_that_is_saved_untouched_says_the_same(shop, document):
    version = drafted(document)
    address = f"/admin/rewards/promotion/{version.promotion_id}/build/"

    page = opened(shop, address)
    answer = shop.post(address, {**page.sent, "do": "save"})

    assert answer.status_code == 302, [text for text in page.texts.items() if text]
    written = PromotionVersion.objects.get(promotion=version.promotion, number=2).definition
    assert same(document, written)


def test_a_new_promotion_becomes_one_draft_however_often_the_button_is_pressed(shop):
    asked = blank(about__code="ten", d__goods__include__skus="tea\r\nmilk\n\ntea")

    answers = [shop.post(BUILD, asked) for _ in range(2)]

    version = PromotionVersion.objects.get(promotion__code="ten")
    assert [one.status_code for one in answers] == [302, 302]
    assert (version.state, version.number) == ("draft", 1)
    assert version.definition == {
        "goods": {"include": {"skus": ["tea", "milk"]}},
        "effects": [{"kind": "percent_off", "basis_points": 1000}],
    }


def test_the_code_is_made_from_the_name(shop):
    shop.post(BUILD, blank(about__name="Tea for two"))
    shop.post(BUILD, blank(about__name="Чай на двоих"))

    codes = Promotion.objects.exclude(code="base").order_by("pk").values_list("code", flat=True)
    assert codes[0] == "tea-for-two"
    assert codes[1].startswith("promotion-")


@pytest.mark.parametrize(
    ("changes", "slot", "said"),
    [
        ({"d__effects__0__basis_points": ""}, "d-effects-0-basis_points", "Fill this in."),
        ({"d__effects__0__basis_points": "x"}, "d-effects-0-basis_points", "Write a number"),
        ({"d__effects__0__basis_points": "12.345"}, "d-effects-0-basis_points", "Write a number"),
        ({"d__effects__0__basis_points": "101"}, "d-effects-0-basis_points", "at most 100."),
        ({"d__effects__0__kind": "nothing"}, "d-effects-0", "Choose one."),
        ({"about__name": " "}, "about-name", "Fill this in."),
        ({"about__priority": "high"}, "about-priority", "whole number"),
        (
            {"d__when__group": "all", "d__when__nodes__0__kind": "min_spend",
             "d__when__nodes__0__amount_minor": "0"},
            "d-when-nodes-0-amount_minor", "more than 0",
        ),
        (
            {"d__when__group": "any", "d__when__nodes__0__kind": "age"},
            "d-when-nodes-0", "one of the two ends",
        ),
        (
            {"d__when__group": "all", "d__when__nodes__0__kind": "stores"},
            "d-when-nodes-0-codes", "Fill this in.",
        ),
        (
            {"d__limits__0__per": "period", "d__limits__0__what": "uses", "d__limits__0__max": "1"},
            "d-limits-0", "Name the period",
        ),
        ({"d__stacking__group": "nowhere"}, "d-stacking-group", ""),
    ],
)  # fmt: skip
def test_a_fault_is_said_at_its_field_and_nothing_is_written(shop, changes, slot, said):
    answer = shop.post(BUILD, blank(**changes))

    page = Browser(answer.content.decode())
    assert answer.status_code == 422
    assert said in page.texts[f"e-f-{slot}"]
    assert page.texts[f"e-f-{slot}"]
    assert not PromotionVersion.objects.filter(state="draft").exists()


def test_what_is_merely_unfinished_is_no_fault_while_one_types(shop):
    asked = {**opened(shop).sent, "do": "add:d.effects", "new.d.effects": "percent_off"}

    said = shop.post(BUILD, asked).content.decode()

    assert Browser(said).texts["e-f-d-effects-0-basis_points"] == ""
    assert "Still to fill in" in said
    assert "Fill this in." not in said


def test_a_code_that_is_taken_is_said_at_the_code(shop):
    page = Browser(shop.post(BUILD, blank(about__code="base")).content.decode())

    assert page.texts["e-f-about-code"]


def typed(desk, address=BUILD, **fields):
    """What htmx gets while somebody types."""
    return desk.post(address, {**blank(**fields), "do": ""}, headers={"HX-Request": "true"})


def test_the_sentence_and_the_basket_follow_every_change(shop):
    said = typed(shop, sample__lines__0__sku="tea", sample__lines__0__pieces_milli="3",
                 sample__store="S1", sample__who="nobody").content.decode()  # fmt: skip

    assert "10 % off" in said
    assert "$6.75" in said
    assert "$7.50" in said
    assert "<form" not in said


def test_the_preview_warns_of_another_promotion_on_the_same_goods(shop):
    version = drafted({"effects": [{"kind": "percent_off", "basis_points": 500}]})
    promotions.go_live(version=version, starts_at=None, actor=TILL)

    assert "It meets Mine" in typed(shop).content.decode()


def test_a_sample_that_no_till_would_take_says_why(shop):
    said = typed(shop, sample__lines__0__sku="tea", sample__store="nowhere").content.decode()

    assert "10 % off" in said
    assert "without" not in said


def test_conditions_are_added_nested_moved_and_taken_away(shop):
    page = pressed(shop, opened(shop), "add:d.when", **{"new.d.when": "min_spend"})
    page = pressed(shop, page, "nest:d.when:any", d__when__nodes__0__amount_minor="5")
    page = pressed(shop, page, "add:d.when.nodes.1", **{"new.d.when.nodes.1": "card"})
    page = pressed(shop, page, "up:d.when.nodes.1", d__when__nodes__1__nodes__0__shown="yes")
    page = pressed(shop, page, "add:d.effects", **{"new.d.effects": "free_delivery"})

    assert json.loads(page.sent["json"][0]) == {
        "when": {
            "all": [
                {"any": [{"kind": "card", "shown": True}]},
                {"kind": "min_spend", "amount_minor": 500},
            ]
        },
        "effects": [{"kind": "free_delivery"}],
    }
    page = pressed(shop, page, "drop:d.when.nodes.0")
    assert json.loads(page.sent["json"][0])["when"] == {
        "all": [{"kind": "min_spend", "amount_minor": 500}]
    }


def test_groups_nest_as_deep_as_a_definition_may(shop):
    page, path = opened(shop), "d.when"
    while f"nest:{path}:any" in page.buttons:
        page = pressed(shop, page, f"nest:{path}:any")
        path += ".nodes.0"
    page = pressed(shop, page, f"add:{path}", **{f"new.{path}": "card"})
    page = pressed(shop, page, "add:d.effects", **{"new.d.effects": "free_delivery"})
    depth = path.count("nodes")
    page = pressed(shop, page, "redraw:", **{f"{path}.nodes.0.shown": "yes"})

    assert depth == definitions.MAX_DEPTH - 1
    definitions.parse(json.loads(page.sent["json"][0]))


def test_codes_are_put_in_and_taken_out(shop):
    page = pressed(shop, opened(shop), "put:d.goods.include.skus:a:b")
    page = pressed(shop, page, "put:d.goods.include.skus:tea")
    assert page.sent["d.goods.include.skus"] == ["a:b\ntea"]

    page = pressed(shop, page, "pull:d.goods.include.skus:a:b")

    assert page.sent["d.goods.include.skus"] == ["tea"]


@pytest.mark.parametrize(
    "button",
    [
        "drop:d.effects.7",
        "up:d.nowhere.0",
        "put:d.effects:tea",
        "nonsense",
        "add:about.name",
        "take:",
    ],
)
def test_a_button_of_a_page_that_is_out_of_date_changes_nothing(shop, button):
    before = opened(shop)

    after = pressed(shop, before, button)

    assert after.sent["json"] == before.sent["json"]


def test_an_optional_part_is_put_in_and_left_out(shop):
    page = pressed(shop, opened(shop), "give:d.coupon")
    assert json.loads(page.sent["json"][0])["coupon"] == {"required": True}

    page = pressed(shop, page, "take:d.coupon")

    assert "coupon" not in json.loads(page.sent["json"][0])


def test_json_becomes_the_form_and_the_form_json(shop):
    document = {"effects": [{"kind": "percent_off", "basis_points": 1250}]}

    page = pressed(shop, opened(shop), "json", json=json.dumps(document))

    assert page.sent["d.effects.0.basis_points"] == ["12.5"]
    assert json.loads(page.sent["json"][0]) == document


@pytest.mark.parametrize("text", ["{", "[1]", "null", '{"effects": [{"kind": "x"}]}', "[" * 9999])
def test_json_that_is_none_or_no_promotion_changes_nothing(shop, text):
    page = pressed(shop, opened(shop), "json", json=text)

    assert page.texts["e-json"]
    assert page.sent["json"] == [text]


def test_a_field_offers_what_the_text_may_mean(shop):
    found = shop.get(f"{BUILD}find/products/", {"q": "green", "at": "d.goods.include.skus"})

    assert 'value="put:d.goods.include.skus:tea"' in found.content.decode()
    assert shop.get(f"{BUILD}find/nothing/", {"q": "green"}).status_code == 200


def test_the_page_costs_the_same_for_a_promotion_of_any_size(shop):
    one = drafted({"effects": [effect("percent_off")], "when": condition("stores")}, "one")
    many = drafted(
        {
            "effects": [effect("percent_off")] * 9,
            "when": {"all": [condition("stores"), *[condition("tags")] * 1] * 12},
            "goods": {"include": {"categories": ["hot"]}},
        },
        "many",
    )
    for version, most in ((one, 24), (many, 26)):
        address = f"/admin/rewards/promotion/{version.promotion_id}/build/"
        shop.get(address)
        with CaptureQueriesContext(connection) as queries:
            shop.get(address)
        assert len(queries) <= most, [query["sql"][:90] for query in queries]


@pytest.mark.parametrize("template", templates.TEMPLATES, ids=lambda one: one.code)
def test_a_template_opens_in_the_builder_as_it_was_filled_in(shop, template):
    address = f"/admin/rewards/promotion/templates/{template.code}/"
    page = opened(shop, address)
    programme = Programme.objects.get()
    defaults = {one.name: one.default for one in template.parameters if one.default is not None}
    state = write(shape_of(template), {**defaults, **template.example}, programme)
    filled = {f"p.{name}": text for name, text in flat(state)}

    answer = shop.post(address, {**page.sent, **filled, "do": "open"})

    builder = Browser(answer.content.decode())
    assert answer.status_code == 200, answer.content.decode()[-3000:]
    assert same(template.build(template.example), json.loads(builder.sent["json"][0]))
    assert builder.sent["about.name"][0]


def test_a_template_that_is_not_filled_in_says_where(shop):
    address = "/admin/rewards/promotion/templates/member_price/"

    answer = shop.post(address, {**opened(shop, address).sent, "do": "open"})

    assert answer.status_code == 422
    assert Browser(answer.content.decode()).texts["e-f-p-price_list"]


def test_a_duplicate_begins_with_the_same_words(shop):
    version = drafted({"effects": [effect("cashback")]})

    page = opened(shop, f"{BUILD}?like={version.pk}")

    assert page.sent["about.name"] == ["Mine (copy)"]
    assert json.loads(page.sent["json"][0]) == version.definition


@pytest.mark.parametrize("role", ["store_manager", "analyst", "reviewer"])
def test_the_builder_is_closed_to_other_roles(shop, role):
    version = drafted({"effects": [NO_EFFECT]})
    desk = at_desk(role)

    for address in (BUILD, f"/admin/rewards/promotion/{version.promotion_id}/build/"):
        assert desk.get(address).status_code == 403
        assert desk.post(address, blank()).status_code == 403
    assert desk.get("/admin/rewards/promotion/templates/").status_code == 403
    assert PromotionVersion.objects.filter(state="draft").count() == 1


def test_hostile_names_of_fields_break_nothing(shop):
    fields = {
        "d": "x", "d.": "x", "d..": "x", "d.when": "x", "d.when.nodes": "x",
        "d.effects.x.kind": "x",
        "d.effects.99999999999": "x", "d.goods.include.attributes.0": "x", "sample.lines": "x",
        f"d{'.nodes.0' * 60}": "x", "about.name": "x",
    }  # fmt: skip
    for button in ("", "save", "redraw:", "add:d.when", "json"):
        answer = shop.post(BUILD, {**fields, "do": button, "key": "nonsense"})
        assert answer.status_code in {200, 422}


def test_the_form_of_no_promotion_reads_as_nothing():
    form = Form(SHOP, None, {})

    assert form.document == {}
    assert form.definition is None
