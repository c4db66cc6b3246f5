"""Products, categories and stores over the API."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import Category, Product, Store
from tests.factories.members import (
    BrandFactory,
    CategoryFactory,
    ProductFactory,
    StoreFactory,
    TerminalFactory,
)

pytestmark = pytest.mark.django_db
PRODUCTS, BULK = "/api/v1/products", "/api/v1/products/bulk"
CATEGORIES, STORES = "/api/v1/categories", "/api/v1/stores"


@pytest.fixture
def erp(api):
    """An integrator that keeps the catalogue."""
    return api("catalogue:read", "catalogue:write")


def put(integrator, path, body):
    return integrator.request("PUT", path, body)


def test_a_batch_answers_row_by_row(erp):
    CategoryFactory(code="dairy")
    items = [
        {"sku": "1", "name": "Milk", "category": "dairy", "brand": "farm", "price_minor": 899},
        {"sku": "2", "name": "Bread", "category": "bakery"},
        {"sku": "3", "name": "", "price_minor": -1},
    ]

    answer = erp.post(BULK, {"items": items}, key="k1").json()["items"]

    assert [(row["ref"], row["status"]) for row in answer] == [
        ("1", "created"),
        ("2", "refused"),
        ("3", "refused"),
    ]
    assert answer[1]["errors"][0] == {
        "pointer": "/items/1/category",
        "code": "unknown_category",
        "params": {"code": "bakery"},
    }
    assert [fault["pointer"] for fault in answer[2]["errors"]] == [
        "/items/2/name",
        "/items/2/price_minor",
    ]
    assert Product.objects.get().brand.code == "farm"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"sku": 1, "name": "x"}, "validation_failed"),
        ({"sku": "1", "name": "x", "price_minor": "1"}, "validation_failed"),
        ({"sku": "1", "name": "x", "is_active": 1}, "validation_failed"),
        ({"sku": "1", "name": "x", "colour": "red"}, "unknown_field"),
        ({"sku": "1"}, "validation_failed"),
    ],
)
def test_a_batch_of_a_wrong_shape_is_refused_whole(erp, row, code):
    good = {"sku": "0", "name": "Good"}

    problem = erp.post(BULK, {"items": [good, row]}, key="k1").json()

    assert problem["code"] == code
    assert problem["errors"][0]["pointer"].startswith("/items/1/")
    assert not Product.objects.exists()


def test_more_than_a_thousand_rows_are_refused(erp):
    items = [{"sku": str(n), "name": "x"} for n in range(1001)]

    assert erp.post(BULK, {"items": items}, key="k1").json()["code"] == "batch_too_large"


def test_products_are_listed_with_filters_in_three_queries(erp):
    milk = ProductFactory(category=CategoryFactory(code="dairy"), brand=BrandFactory(code="farm"))
    ProductFactory.create_batch(3, category=CategoryFactory(), brand=BrandFactory())
    erp.get(PRODUCTS)

    with CaptureQueriesContext(connection) as queries:
        everything = erp.get(PRODUCTS).json()["data"]

    assert len(everything) == 4
    assert len(queries) == 2
    for query in ("category=dairy", "brand=farm", f"sku={milk.sku}"):
        assert [row["sku"] for row in erp.get(f"{PRODUCTS}?{query}").json()["data"]] == [milk.sku]
    assert erp.get(f"{PRODUCTS}?name=milk").json()["code"] == "validation_failed"


def test_the_tree_is_put_and_read(erp):
    items = [
        {"code": "milk", "name": "Milk", "parent": "dairy"},
        {"code": "dairy", "name": "Dairy", "parent": None},
    ]

    put(erp, CATEGORIES, {"items": items})
    again = put(erp, CATEGORIES, {"items": items}).json()["items"]

    assert {row["status"] for row in again} == {"unchanged"}
    assert erp.get(CATEGORIES).json()["data"] == [
        {"code": "dairy", "name": "Dairy", "parent": None},
        {"code": "milk", "name": "Milk", "parent": "dairy"},
    ]


@pytest.mark.parametrize(
    ("parent", "code"), [("a", "category_cycle"), ("nowhere", "category_parent_unknown")]
)
def test_a_tree_that_is_none_is_refused(erp, parent, code):
    problem = put(erp, CATEGORIES, {"items": [{"code": "a", "name": "A", "parent": parent}]})

    assert problem.json()["code"] == code
    assert not Category.objects.exists()


def test_a_store_comes_with_its_terminals(erp):
    body = {
        "code": "spb",
        "name": "One",
        "time_zone": "Europe/Moscow",
        "terminals": [{"code": "1"}, {"code": "2", "name": "Left"}],
    }

    created = erp.post(STORES, body, key="k1")
    changed = erp.post(STORES, {**body, "name": "Two", "terminals": []}, key="k2")

    assert (created.status_code, changed.status_code) == (201, 200)
    assert [till["code"] for till in changed.json()["terminals"]] == ["1", "2"]
    assert Store.objects.get().name == "Two"


def test_a_store_without_a_true_time_zone_is_refused(erp):
    body = {"code": "spb", "name": "One", "time_zone": "Mars/Olympus"}

    assert erp.post(STORES, body, key="k1").json()["code"] == "time_zone_unknown"


def test_a_store_bound_key_sees_and_changes_its_own_stores(api):
    mine, other = TerminalFactory().store, TerminalFactory().store
    bound = api("catalogue:read", "catalogue:write", stores=(mine.code,))

    listed = bound.get(STORES).json()["data"]
    refused = bound.post(STORES, {"code": other.code, "name": "Ours now"}, key="k1")
    renamed = bound.post(STORES, {"code": mine.code, "name": "Ours"}, key="k2")

    assert [store["code"] for store in listed] == [mine.code]
    assert (refused.json()["code"], renamed.status_code) == ("forbidden_store", 200)
    other.refresh_from_db()
    assert other.name != "Ours now"


def test_stores_are_listed_in_three_queries(erp):
    for _ in range(3):
        TerminalFactory(store=StoreFactory())
    erp.get(STORES)

    with CaptureQueriesContext(connection) as queries:
        erp.get(STORES)

    assert len(queries) == 3


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", PRODUCTS, "catalogue:read"),
        ("POST", BULK, "catalogue:write"),
        ("GET", CATEGORIES, "catalogue:read"),
        ("PUT", CATEGORIES, "catalogue:write"),
        ("GET", STORES, "catalogue:read"),
        ("POST", STORES, "catalogue:write"),
    ],
)
def test_each_action_opens_to_its_scope_alone(api, method, path, scope):
    body = None if method == "GET" else {"items": []}
    others = {"members:read", "members:write", "sales:write", "catalogue:read", "catalogue:write"}

    assert api(*others - {scope}).request(method, path, body, key="k1").status_code == 403
    assert api(scope).request(method, path, body, key="k1").status_code in (200, 400)
