"""Product lists, price lists and the stock of gifts, written in sets by SKU."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict

from django.db import connection, transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.errors import BatchTooLarge
from members.models import PriceList, Product, ProductList, Store
from members.rules.products import LARGEST_PRICE, Fault, RowResult, repeats

MOST_ROWS = 1000
MOST_PIECES = 10**9


class ListedRow(TypedDict):
    """One product of a list; ``listed`` false takes it out."""

    sku: str
    listed: NotRequired[bool]


class PriceRow(TypedDict):
    """The price of one unit in a list, in minor units; null takes the product out."""

    sku: str
    price_minor: int | None


class StockRow(TypedDict):
    """Pieces that a store has left; null: they are not counted there."""

    store: str
    sku: str
    quantity: int | None


@transaction.atomic
def name_product_list(*, code: str, name: str, actor: Actor) -> tuple[ProductList, bool]:
    """Create the list or rename it; say whether it is new."""
    found, created = ProductList.objects.update_or_create(code=code, defaults={"name": name})
    _trace("product_list", code, created, actor)
    return found, created


@transaction.atomic
def name_price_list(*, code: str, name: str, actor: Actor) -> tuple[PriceList, bool]:
    """Create the list or rename it; say whether it is new."""
    found, created = PriceList.objects.update_or_create(code=code, defaults={"name": name})
    _trace("price_list", code, created, actor)
    return found, created


_LIST = """
WITH given AS (
    SELECT p.id, coalesce(listed, true) AS listed
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (sku text, listed boolean)
      JOIN members_product p USING (sku)
), gone AS (
    DELETE FROM members_productlist_products m USING given
     WHERE m.productlist_id = %(list)s AND m.product_id = given.id AND NOT listed
    RETURNING m.product_id
), come AS (
    INSERT INTO members_productlist_products (productlist_id, product_id)
    SELECT %(list)s, id FROM given WHERE listed ORDER BY id
    ON CONFLICT DO NOTHING RETURNING product_id
)
SELECT p.sku, w.what FROM (SELECT product_id, 'updated' AS what FROM gone
    UNION ALL SELECT product_id, 'created' FROM come) AS w
  JOIN members_product p ON p.id = w.product_id
"""
_PRICE = """
WITH given AS (
    SELECT p.id, r.price_minor
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (sku text, price_minor bigint)
      JOIN members_product p USING (sku)
), gone AS (
    DELETE FROM members_pricelistentry e USING given
     WHERE e.price_list_id = %(list)s AND e.product_id = given.id AND given.price_minor IS NULL
    RETURNING e.product_id
), come AS (
    INSERT INTO members_pricelistentry AS e (price_list_id, product_id, price_minor, updated_at)
    SELECT %(list)s, id, price_minor, statement_timestamp() FROM given
     WHERE price_minor IS NOT NULL ORDER BY id
    ON CONFLICT (product_id, price_list_id) DO UPDATE
       SET price_minor = EXCLUDED.price_minor, updated_at = EXCLUDED.updated_at
     WHERE e.price_minor <> EXCLUDED.price_minor
    RETURNING product_id, xmax = 0 AS is_new
)
SELECT p.sku, w.what FROM (SELECT product_id, 'updated' AS what FROM gone
    UNION ALL SELECT product_id, CASE WHEN is_new THEN 'created' ELSE 'updated' END FROM come) AS w
  JOIN members_product p ON p.id = w.product_id
"""
_STOCK = """
WITH given AS (
    SELECT s.id AS store, p.id AS product, quantity
      FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (store text, sku text, quantity bigint)
      JOIN members_store s ON s.code = r.store JOIN members_product p USING (sku)
), gone AS (
    DELETE FROM members_stocklevel l USING given
     WHERE l.store_id = store AND l.product_id = product AND given.quantity IS NULL
    RETURNING l.store_id, l.product_id
), come AS (
    INSERT INTO members_stocklevel AS l (store_id, product_id, quantity, updated_at)
    SELECT store, product, quantity, statement_timestamp() FROM given
     WHERE quantity IS NOT NULL ORDER BY store, product
    ON CONFLICT (store_id, product_id) DO UPDATE
       SET quantity = EXCLUDED.quantity, updated_at = EXCLUDED.updated_at
     WHERE l.quantity <> EXCLUDED.quantity
    RETURNING store_id, product_id, xmax = 0 AS is_new
)
SELECT s.code || ' ' || p.sku, w.what FROM (
        SELECT store_id, product_id, 'updated' AS what FROM gone
         UNION ALL
        SELECT store_id, product_id, CASE WHEN is_new THEN 'created' ELSE 'updated' END FROM come
    ) AS w JOIN members_product p ON p.id = w.product_id JOIN members_store s ON s.id = w.store_id
"""


@transaction.atomic
def list_products(
    *, product_list: ProductList, rows: Sequence[ListedRow], actor: Actor
) -> list[RowResult]:
    """Put products on a list and take them off; one result a row, bad rows refused alone."""
    faults = _sku_faults(rows)
    done = _written(_LIST, rows, faults, list=product_list.pk)
    _trace_rows("product_list", product_list.code, done, actor)
    return _results([row["sku"] for row in rows], faults, done)


@transaction.atomic
def set_prices(*, price_list: PriceList, rows: Sequence[PriceRow], actor: Actor) -> list[RowResult]:
    """Set prices of a list and take them away; one result a row, bad rows refused alone."""
    faults = _sku_faults(rows)
    for at, row in enumerate(rows):
        _check_range(faults[at], at, "price_minor", row["price_minor"], LARGEST_PRICE)
    done = _written(_PRICE, rows, faults, list=price_list.pk)
    _trace_rows("price_list", price_list.code, done, actor)
    return _results([row["sku"] for row in rows], faults, done)


@transaction.atomic
def set_stock(*, rows: Sequence[StockRow], actor: Actor) -> list[RowResult]:
    """Say how many pieces stores have left; one result a row, named "store sku".

    The number replaces what sales have counted down to. Stores that are not the
    caller's look as if they did not exist.
    """
    keys = [f"{row['store']} {row['sku']}" for row in rows]
    faults = _product_faults([row["sku"] for row in rows])
    _find_repeats(faults, keys)
    named = Store.objects.visible_to(actor).filter(code__in={row["store"] for row in rows})
    stores = set(named.values_list("code", flat=True))
    for at, row in enumerate(rows):
        _check_range(faults[at], at, "quantity", row["quantity"], MOST_PIECES)
        if row["store"] not in stores:
            faults[at].append(Fault(f"/items/{at}/store", "unknown_store"))
    done = _written(_STOCK, rows, faults)
    _trace_rows("stock", "batch", done, actor)
    return _results(keys, faults, done)


def _sku_faults(rows: Sequence[ListedRow] | Sequence[PriceRow]) -> list[list[Fault]]:
    skus = [row["sku"] for row in rows]
    faults = _product_faults(skus)
    _find_repeats(faults, skus)
    return faults


def _product_faults(skus: Sequence[str]) -> list[list[Fault]]:
    if len(skus) > MOST_ROWS:
        raise BatchTooLarge(pointer="/items", max=MOST_ROWS)
    known = set(Product.objects.filter(sku__in=skus).values_list("sku", flat=True))
    return [
        [] if sku in known else [Fault(f"/items/{at}/sku", "unknown_product")]
        for at, sku in enumerate(skus)
    ]


def _find_repeats(faults: list[list[Fault]], keys: Sequence[str]) -> None:
    for at in repeats(keys):
        faults[at].append(Fault(f"/items/{at}/sku", "duplicate"))


def _check_range(faults: list[Fault], at: int, name: str, value: int | None, most: int) -> None:
    if value is not None and not 0 <= value <= most:
        limits: dict[str, object] = {"min": 0, "max": most}
        faults.append(Fault(f"/items/{at}/{name}", "out_of_range", limits))


def _written(
    statement: str, rows: Iterable[object], faults: list[list[Fault]], **values: int
) -> dict[str, str]:
    good = [row for row, found in zip(rows, faults, strict=True) if not found]
    if not good:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(statement, {"rows": json.dumps(good), **values})
        return dict(cursor.fetchall())


def _results(
    keys: Sequence[str], faults: list[list[Fault]], done: Mapping[str, str]
) -> list[RowResult]:
    return [
        RowResult(key, "refused" if found else done.get(key, "unchanged"), tuple(found))
        for key, found in zip(keys, faults, strict=True)
    ]


def _trace(noun: str, code: str, created: bool, actor: Actor) -> None:
    action = f"{noun}.created" if created else f"{noun}.updated"
    audit.record(action=action, object_type=noun, object_id=code, actor=actor)


def _trace_rows(noun: str, code: str, done: Mapping[str, str], actor: Actor) -> None:
    if done:
        rows: dict[str, object] = {"rows": len(done)}
        audit.record(
            action=f"{noun}.changed", object_type=noun, object_id=code, after=rows, actor=actor
        )
