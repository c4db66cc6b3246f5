"""Rules about lists, attributes and groups of stores hold for imported receipts as well."""

from __future__ import annotations

import pytest

from members.models import ProductList, Store, StoreGroup
from rewards.models import Award, Grant
from tests.factories.members import ProductFactory, StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.history_tools import line, load, written

pytestmark = pytest.mark.django_db
FIVE = {"kind": "fixed_points", "points": 5}


def test_an_import_knows_lists_attributes_and_groups_and_hands_nothing_out(tmp_path):
    programme = make_programme()
    ProductList.objects.create(code="summer", name="Summer").products.add(ProductFactory(sku="hat"))
    ProductFactory(sku="cap", attributes={"colour": "red"})
    lines = [line("R1", "hat", "10.00"), line("R1", "cap", "10.00"), line("R1", "tea", "10.00")]
    code = lines[0]["store"]
    store = Store.objects.filter(code=code).first() or StoreFactory(code=code)
    StoreGroup.objects.create(code="north", name="North").stores.add(store)
    for name, parts in {
        "listed": {"goods": {"include": {"lists": ["summer"]}}},
        "red": {"goods": {"include": {"attributes": {"colour": ["red"]}}}},
        "north": {"when": {"kind": "store_groups", "codes": ["north"]}},
        "south": {"when": {"kind": "store_groups", "codes": ["south"]}},
    }.items():
        make_promotion(programme, name, FIVE, **parts)
    make_promotion(programme, "stamps", {"kind": "stamps", "code": "cup"})

    load(written(tmp_path / "shop.csv", lines))

    given = Grant.objects.exclude(version__promotion__code="base")
    by_rule = {}
    for code, sku, points in given.values_list("version__promotion__code", "line__sku", "points"):
        by_rule.setdefault(code, {})[sku] = points
    assert by_rule["listed"] == {"hat": 5}
    assert by_rule["red"] == {"cap": 5}
    assert sum(by_rule["north"].values()) == 5
    assert "south" not in by_rule
    assert not Award.objects.exists()
