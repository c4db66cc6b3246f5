"""The catalogue: sets of rows, a tree without circles, prices that make sense."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty_crm.kernel import stamps
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry
from loyalty_crm.kernel.roles import as_owner
from members.errors import BatchTooLarge, CategoryCycle, CategoryParentUnknown
from members.models import Brand, Category, Product
from members.services import products
from members.services.products import (
    ensure_category_path,
    upsert_categories,
    upsert_products,
)
from tests.concurrency import in_own_session, race, wait_until_a_session_is_blocked
from tests.factories.members import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db
put = partial(upsert_products, actor=SYSTEM)
grow = partial(upsert_categories, actor=SYSTEM)


def statuses(results):
    return [result.status for result in results]


def test_products_come_with_brand_category_prices_and_flags():
    CategoryFactory(code="dairy")

    [result] = put(
        rows=[
            {
                "sku": "M-1",
                "name": "Молоко 3,2 %",
                "barcode": "4600000000017",
                "category": "dairy",
                "brand": "farm",
                "price_minor": 8990,
                "cost_minor": 6100,
                "excluded_from_earning": True,
            }
        ]
    )

    milk = Product.objects.get()
    assert result.status == "created"
    assert (milk.category.code, milk.brand.code, milk.price_minor) == ("dairy", "farm", 8990)
    assert milk.excluded_from_earning
    assert not milk.excluded_from_redemption
    assert milk.is_active


def test_what_a_row_leaves_out_stays_and_null_takes_away():
    product = ProductFactory(category=CategoryFactory(), price_minor=500, barcode="77")

    put(rows=[{"sku": product.sku, "name": "New name"}])
    product.refresh_from_db()
    assert (product.name, product.price_minor, product.barcode) == ("New name", 500, "77")
    assert product.category is not None

    put(rows=[{"sku": product.sku, "name": "New name", "category": None, "price_minor": None}])
    product.refresh_from_db()
    assert (product.category, product.price_minor) == (None, None)


def test_a_repeat_changes_nothing():
    row = {"sku": "1", "name": "One", "price_minor": 1}

    assert statuses(put(rows=[row])) == ["created"]
    changed_at = Product.objects.get().updated_at
    assert statuses(put(rows=[row])) == ["unchanged"]
    assert statuses(put(rows=[{**row, "price_minor": 2}])) == ["updated"]
    assert AuditEntry.objects.filter(action="product.upserted").count() == 2
    assert Product.objects.get().updated_at >= changed_at


def test_bad_rows_are_named_by_line_and_good_rows_are_written():
    results = put(
        rows=[
            {"sku": "1", "name": "One"},
            {"sku": "", "name": "No SKU"},
            {"sku": "2", "name": "Two", "category": "nowhere"},
            {"sku": "3", "name": "Three", "price_minor": -1},
            {"sku": "1", "name": "One again"},
            {"sku": "4", "name": "x" * 301},
            {"sku": "5", "name": "nul\0"},
        ]
    )

    assert statuses(results) == ["created", *["refused"] * 6]
    assert [result.errors[0].pointer for result in results[1:]] == [
        "/items/1/sku",
        "/items/2/category",
        "/items/3/price_minor",
        "/items/4/sku",
        "/items/5/name",
        "/items/6/name",
    ]
    assert Product.objects.get().name == "One"


def test_a_thousand_rows_cost_as_many_queries_as_one(django_assert_num_queries):
    """Categories, brands, the products themselves, the audit row, and the transaction's two."""
    CategoryFactory(code="all")
    rows = [
        {"sku": str(n), "name": f"Product {n}", "brand": f"b{n % 9}", "category": "all"}
        for n in range(1000)
    ]

    with django_assert_num_queries(6):
        assert set(statuses(put(rows=rows))) == {"created"}
    with pytest.raises(BatchTooLarge):
        put(rows=[*rows, {"sku": "1000", "name": "One too many"}])
    assert Brand.objects.count() == 9


@pytest.mark.django_db(transaction=True)
def test_two_batches_in_opposite_order_do_not_embrace():
    """Rows are locked and inserted in the order of SKUs, whatever the order of the list."""
    rows = [{"sku": f"{n:04}", "name": f"Product {n}"} for n in range(1000)]
    ProductFactory.create_batch(3)
    put(rows=rows[::2])

    def again(price, order):
        return put(rows=[{**row, "price_minor": price} for row in rows[::order]])

    for round_ in range(3):
        both = race([partial(again, round_ * 2 + 1, 1), partial(again, round_ * 2 + 2, -1)])
        assert not both.errors
        assert both.overlap == 2
    assert len(set(Product.objects.filter(name__startswith="Product", sku__in=[
        row["sku"] for row in rows]).values_list("price_minor", flat=True))) == 1  # fmt: skip


def test_a_tree_in_one_call_whatever_the_order():
    grow(
        rows=[
            {"code": "milk", "name": "Milk", "parent": "dairy"},
            {"code": "dairy", "name": "Dairy", "parent": None},
        ]
    )

    milk = Category.objects.get(code="milk")
    assert [node.code for node in milk.ancestors()] == ["dairy"]


def test_a_change_of_the_tree_bumps_the_rule_set():
    before = stamps.current().get("rule_set", 0)
    rows = [{"code": "dairy", "name": "Dairy"}]

    assert statuses(grow(rows=rows)) == ["created"]
    assert stamps.current()["rule_set"] > before
    assert statuses(grow(rows=rows)) == ["unchanged"]


def test_a_row_without_parent_key_stays_where_it_is():
    top = CategoryFactory(code="top")
    CategoryFactory(code="below", parent=top)

    assert statuses(grow(rows=[{"code": "below", "name": "New"}])) == ["updated"]

    assert Category.objects.get(code="below").parent == top


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_is_refused_and_nothing_moves(length):
    codes = [f"c{n}" for n in range(length)]
    grow(rows=[{"code": code, "name": code} for code in codes])
    circle = [
        {"code": code, "name": "moved", "parent": codes[at - 1]} for at, code in enumerate(codes)
    ]

    with pytest.raises(CategoryCycle):
        grow(rows=circle)

    assert not Category.objects.filter(name="moved").exists()
    assert not Category.objects.filter(parent__isnull=False).exists()


def each_below_the_other():
    """Two callers move a branch each below the other's leaf; how the second one fares.

    The leaves keep the rows apart: neither branch is itself the parent that the other names.
    """
    for code in ("left", "right"):
        CategoryFactory(code=f"{code}-leaf", parent=CategoryFactory(code=code, name=code))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            grow(rows=[{"code": "left", "name": "left", "parent": "right-leaf"}])
            move = partial(grow, rows=[{"code": "right", "name": "right", "parent": "left-leaf"}])
            other = pool.submit(in_own_session, move)
            wait_until_a_session_is_blocked()
        return other.exception(timeout=10)


@pytest.fixture
def stamp_trigger_off(transactional_db):
    """The rule set's stamp makes writers of the tree queue as well; here the lock stands alone."""

    def alter(word):
        with as_owner(), connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE members_category {word} TRIGGER rule_set_stamp")

    alter("DISABLE")
    yield
    alter("ENABLE")


def test_two_callers_cannot_close_a_circle_between_them(stamp_trigger_off):
    assert isinstance(each_below_the_other(), CategoryCycle)

    assert Category.objects.get(parent__isnull=True).code == "right"


def test_control_without_the_lock_of_the_tree_a_circle_is_closed(stamp_trigger_off):
    with patch.object(products, "_LOCK_TREE", "SELECT 1"):
        assert each_below_the_other() is None

    assert not Category.objects.filter(parent__isnull=True).exists()


@pytest.mark.parametrize(
    "rows",
    [
        [{"code": "a", "name": "A", "parent": "nowhere"}],
        [{"code": "a", "name": "A"}, {"code": "a", "name": "B"}],
    ],
)
def test_an_unknown_parent_or_a_code_twice_is_refused(rows):
    with pytest.raises(CategoryParentUnknown):
        grow(rows=rows)

    assert not Category.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_moves_that_together_make_a_circle_do_not_both_happen():
    grow(rows=[{"code": "a", "name": "A"}, {"code": "b", "name": "B"}])

    moved = race(
        [
            partial(grow, rows=[{"code": "a", "name": "A", "parent": "b"}]),
            partial(grow, rows=[{"code": "b", "name": "B", "parent": "a"}]),
        ]
    )

    assert len(moved.results) == 1
    assert [type(error) for error in moved.errors] == [CategoryCycle]


def test_the_database_refuses_a_circle_from_anyone():
    top = CategoryFactory()
    below = CategoryFactory(parent=top)

    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.filter(pk=top.pk).update(parent=below)


def test_a_path_is_made_once():
    path = partial(ensure_category_path, names=["Grocery", "Dairy", "Milk 1/2 l"], actor=SYSTEM)

    assert path() == path()
    assert set(Category.objects.values_list("code", flat=True)) == {
        "grocery",
        "grocery/dairy",
        "grocery/dairy/milk 1-2 l",
    }


@pytest.mark.parametrize("field", ["price_minor", "cost_minor"])
def test_the_database_refuses_a_negative_price(field):
    with pytest.raises(IntegrityError), transaction.atomic():
        ProductFactory(**{field: -1})
