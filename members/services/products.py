"""The catalogue: products, brands and the category tree, written in sets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django.db import IntegrityError, connection, transaction

from loyalty_crm.kernel import audit, stamps
from loyalty_crm.kernel.actors import Actor
from members.errors import BatchTooLarge, CategoryCycle, CategoryParentUnknown
from members.models import Brand, Category
from members.rules.products import (
    CategoryRow,
    Fault,
    ProductRow,
    RowResult,
    repeats,
    row_faults,
)

MOST_ROWS = 1000

# Locked in the order of SKUs, as every batch does: two batches queue and never embrace.
# A key that a row leaves out keeps the stored value, read under that lock.
_UPSERT_PRODUCTS = """
WITH given AS (
    SELECT item, item ->> 'sku' AS sku FROM jsonb_array_elements(%(rows)s::jsonb) AS item
), stored AS (
    SELECT p.* FROM members_product p JOIN given USING (sku) ORDER BY p.sku FOR NO KEY UPDATE OF p
), wanted AS (
    SELECT sku,
           item ->> 'name' AS name,
           coalesce(item ->> 'barcode', s.barcode, '') AS barcode,
           CASE WHEN item ? 'category' THEN c.id ELSE s.category_id END AS category_id,
           CASE WHEN item ? 'brand' THEN b.id ELSE s.brand_id END AS brand_id,
           CASE WHEN item ? 'price_minor' THEN (item ->> 'price_minor')::bigint
                ELSE s.price_minor END AS price_minor,
           CASE WHEN item ? 'cost_minor' THEN (item ->> 'cost_minor')::bigint
                ELSE s.cost_minor END AS cost_minor,
           coalesce((item ->> 'excluded_from_earning')::boolean, s.excluded_from_earning, false)
               AS excluded_from_earning,
           coalesce((item ->> 'excluded_from_redemption')::boolean,
                    s.excluded_from_redemption, false) AS excluded_from_redemption,
           coalesce(item -> 'attributes', s.attributes, '{}') AS attributes,
           CASE WHEN item ? 'tax_basis_points' THEN (item ->> 'tax_basis_points')::int
                ELSE s.tax_basis_points END AS tax_basis_points,
           coalesce((item ->> 'is_active')::boolean, s.is_active, true) AS is_active
    FROM given
    LEFT JOIN stored s USING (sku)
    LEFT JOIN members_category c ON c.code = item ->> 'category'
    LEFT JOIN members_brand b ON b.code = item ->> 'brand'
)
INSERT INTO members_product AS p (
    sku, name, barcode, category_id, brand_id, price_minor, cost_minor,
    excluded_from_earning, excluded_from_redemption, attributes, tax_basis_points, is_active,
    updated_at)
SELECT sku, name, barcode, category_id, brand_id, price_minor, cost_minor,
    excluded_from_earning, excluded_from_redemption, attributes, tax_basis_points, is_active,
    statement_timestamp()
FROM wanted ORDER BY sku
ON CONFLICT (sku) DO UPDATE SET
    name = EXCLUDED.name, barcode = EXCLUDED.barcode, category_id = EXCLUDED.category_id,
    brand_id = EXCLUDED.brand_id,
    price_minor = EXCLUDED.price_minor, cost_minor = EXCLUDED.cost_minor,
    excluded_from_earning = EXCLUDED.excluded_from_earning,
    excluded_from_redemption = EXCLUDED.excluded_from_redemption,
    attributes = EXCLUDED.attributes, tax_basis_points = EXCLUDED.tax_basis_points,
    is_active = EXCLUDED.is_active, updated_at = EXCLUDED.updated_at
WHERE (p.name, p.barcode, p.category_id, p.brand_id, p.price_minor, p.cost_minor,
       p.excluded_from_earning, p.excluded_from_redemption, p.attributes, p.tax_basis_points,
       p.is_active)
   IS DISTINCT FROM
      (EXCLUDED.name, EXCLUDED.barcode, EXCLUDED.category_id, EXCLUDED.brand_id,
       EXCLUDED.price_minor, EXCLUDED.cost_minor, EXCLUDED.excluded_from_earning,
       EXCLUDED.excluded_from_redemption, EXCLUDED.attributes, EXCLUDED.tax_basis_points,
       EXCLUDED.is_active)
RETURNING sku, xmax = 0
"""

_ADD_BRANDS = """
INSERT INTO members_brand (code, name) SELECT code, code FROM unnest(%s::text[]) AS code
ORDER BY code ON CONFLICT (code) DO NOTHING
"""

# Two callers could each move one node below the other, and neither see the circle.
_LOCK_TREE = "LOCK TABLE members_category IN SHARE ROW EXCLUSIVE MODE"
# First the nodes, then the branches: a row may name a parent that comes later in the list.
_UPSERT_CATEGORIES = """
INSERT INTO members_category AS c (code, name)
SELECT code, name FROM jsonb_to_recordset(%s::jsonb) AS given(code text, name text) ORDER BY code
ON CONFLICT (code) DO UPDATE SET name = EXCLUDED.name WHERE c.name <> EXCLUDED.name
RETURNING code, xmax = 0
"""
_MOVE_CATEGORIES = """
UPDATE members_category AS c SET parent_id = above.id
FROM jsonb_to_recordset(%s::jsonb) AS given(code text, parent text)
LEFT JOIN members_category above ON above.code = given.parent
WHERE c.code = given.code AND c.parent_id IS DISTINCT FROM above.id
RETURNING c.code
"""


@transaction.atomic
def upsert_products(*, rows: Sequence[ProductRow], actor: Actor) -> list[RowResult]:
    """Create products, or bring them to what is given; one result a row, in order.

    Rows with faults are refused one by one, the others are written by one statement.
    A brand that is new is created with its code as name; a category must exist.
    """
    _refuse_large(rows)
    faults = _product_faults(rows)
    good = [row for at, row in enumerate(rows) if not faults[at]]
    done = _write_products(good)
    if done:
        _trace("product.upserted", done, actor)
    return [
        RowResult(
            row["sku"],
            "refused" if faults[at] else done.get(row["sku"], "unchanged"),
            tuple(faults[at]),
        )
        for at, row in enumerate(rows)
    ]


def _refuse_large(rows: Sequence[object]) -> None:
    if len(rows) > MOST_ROWS:
        raise BatchTooLarge(pointer="/items", max=MOST_ROWS)


def _product_faults(rows: Sequence[ProductRow]) -> list[list[Fault]]:
    named = {row["category"] for row in rows if row.get("category")}
    known = set(Category.objects.filter(code__in=named).values_list("code", flat=True))
    faults = [row_faults(at, row, known) for at, row in enumerate(rows)]
    for at in repeats([row["sku"] for row in rows]):
        faults[at].append(Fault(f"/items/{at}/sku", "duplicate"))
    return faults


def _write_products(rows: Sequence[ProductRow]) -> dict[str, str]:
    if not rows:
        return {}
    brands = sorted({brand for row in rows if (brand := row.get("brand"))})
    with connection.cursor() as cursor:
        if brands:
            cursor.execute(_ADD_BRANDS, [brands])
        cursor.execute(_UPSERT_PRODUCTS, {"rows": json.dumps(rows)})
        return {sku: "created" if new else "updated" for sku, new in cursor.fetchall()}


def _trace(action: str, done: Mapping[str, str], actor: Actor) -> None:
    counts: dict[str, object] = {
        "created": sum(what == "created" for what in done.values()),
        "updated": sum(what == "updated" for what in done.values()),
    }
    noun = action.partition(".")[0]
    audit.record(action=action, object_type=noun, object_id="batch", after=counts, actor=actor)


@transaction.atomic
def upsert_categories(*, rows: Sequence[CategoryRow], actor: Actor) -> list[RowResult]:
    """Create, rename and move nodes of the tree; all rows or none.

    A parent is named by its code and may come in the same call. Refused when a
    node would stand below itself. Rules that name categories are compiled anew.
    """
    _refuse_large(rows)
    _refuse_category_rows(rows)
    done = _write_categories(rows)
    if done:
        stamps.bump("rule_set")
        _trace("category.upserted", done, actor)
    return [RowResult(row["code"], done.get(row["code"], "unchanged")) for row in rows]


def _refuse_category_rows(rows: Sequence[CategoryRow]) -> None:
    if again := repeats([row["code"] for row in rows]):
        raise CategoryParentUnknown(
            "A code stands in the list twice.", pointer=f"/items/{min(again)}/code"
        )
    parents = {parent for row in rows if (parent := row.get("parent"))}
    known = set(Category.objects.filter(code__in=parents).values_list("code", flat=True))
    known |= {row["code"] for row in rows}
    for at, row in enumerate(rows):
        if row.get("parent") and row["parent"] not in known:
            raise CategoryParentUnknown(pointer=f"/items/{at}/parent")


def _write_categories(rows: Sequence[CategoryRow]) -> dict[str, str]:
    given = json.dumps(rows)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_TREE)
        cursor.execute(_UPSERT_CATEGORIES, [given])
        done = {code: "created" if new else "updated" for code, new in cursor.fetchall()}
        moving = json.dumps([row for row in rows if "parent" in row])
        try:
            cursor.execute(_MOVE_CATEGORIES, [moving])
        except IntegrityError as circle:
            raise CategoryCycle(pointer="/items") from circle
        return {code: "updated" for (code,) in cursor.fetchall()} | done


@transaction.atomic
def upsert_brand(*, code: str, name: str, actor: Actor) -> tuple[Brand, bool]:
    """Create the brand or rename it; say whether it is new."""
    brand, created = Brand.objects.update_or_create(code=code, defaults={"name": name})
    action = "brand.created" if created else "brand.updated"
    audit.record(action=action, object_type="brand", object_id=code, actor=actor)
    return brand, created


def ensure_category_path(*, names: Sequence[str], actor: Actor) -> Category:
    """The node at the end of a path like ``["Grocery", "Dairy"]``, made where it is missing.

    Codes are the path itself, ``grocery/dairy``, so that one path is one node.
    """
    words = [name.strip().lower().replace("/", "-") for name in names]
    codes = ["/".join(words[: depth + 1]) for depth in range(len(words))]
    known = set(Category.objects.filter(code__in=codes).values_list("code", flat=True))
    parents = [None, *codes[:-1]]
    rows: list[CategoryRow] = [
        {"code": code, "name": name.strip(), "parent": parent}
        for code, name, parent in zip(codes, names, parents, strict=True)
        if code not in known
    ]
    if rows:
        upsert_categories(rows=rows, actor=actor)
    end: Category = Category.objects.get(code=codes[-1])
    return end
