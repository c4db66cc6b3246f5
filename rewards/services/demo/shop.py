"""Stores, tills and products of the demo. Prices are what people paid, cost prices are made up."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from members.imports.catalogue import Catalogue, parts, product_row
from members.imports.source import HistoryFile
from members.rules.products import ProductRow
from members.services.products import upsert_products
from members.services.stores import upsert_store, upsert_terminal

ZONE = "America/New_York"
#: The sixteen stores with the most receipts; names and addresses are made up.
STORES = {
    "367": ("Riverside Market", "210 Riverside Drive, Columbus, OH"),
    "406": ("Maple Street", "45 Maple Street, Dayton, OH"),
    "343": ("Old Town", "8 Market Square, Cincinnati, OH"),
    "361": ("Lakeview", "1200 Lake Road, Cleveland, OH"),
    "381": ("University Corner", "77 College Avenue, Columbus, OH"),
    "31782": ("Northgate", "3100 North Gate Boulevard, Toledo, OH"),
    "321": ("Harbour Side", "15 Harbour Street, Sandusky, OH"),
    "319": ("Cedar Hill", "640 Cedar Hill Road, Akron, OH"),
    "330": ("Station Square", "1 Station Square, Lima, OH"),
    "292": ("Greenfield", "905 Greenfield Parkway, Newark, OH"),
    "429": ("Willow Park", "52 Willow Park Lane, Mansfield, OH"),
    "356": ("Westside", "2400 West Broad Street, Columbus, OH"),
    "323": ("Orchard Row", "19 Orchard Row, Kettering, OH"),
    "31862": ("Eastland", "780 Eastland Drive, Canton, OH"),
    "375": ("Mill Creek", "333 Mill Creek Road, Hamilton, OH"),
    "32004": ("Stone Bridge", "61 Stone Bridge Way, Findlay, OH"),
}
TERMINALS = 3
#: Share of the price that the goods cost the shop, by department; 70 % elsewhere.
COST_SHARE = {
    "produce": 0.62, "meat": 0.72, "meat-packaged": 0.74, "deli": 0.58, "pastry": 0.48,
    "drug general merchandise": 0.66, "nutrition": 0.64, "salad bar": 0.45, "seafood": 0.7,
    "seafood-packaged": 0.72, "floral": 0.5, "spirits": 0.78, "fuel": 0.93, "cosmetics": 0.55,
    "restaurant": 0.4, "frozen grocery": 0.68, "miscellaneous": 0.8,
}  # fmt: skip
OTHER_COST_SHARE = 0.7
#: What no law or no sense lets points be earned on, or paid with.
TOBACCO = ("cigarettes", "tobacco other", "cigars")
ALCOHOL = ("wine", "beers", "liquor", "spirits")
FUEL = ("fuel", "gasoline")


@transaction.atomic
def open_stores(actor: Actor) -> None:
    """The stores that have names, with their tills. Safe to repeat."""
    for code, (name, address) in STORES.items():
        store, _is_new = upsert_store(
            code=code, name=name, time_zone=ZONE, address=address, actor=actor
        )
        for number in range(1, TERMINALS + 1):
            upsert_terminal(store=store, code=f"T{number}", name=f"Till {number}", actor=actor)


def stock(file: HistoryFile, price_of: dict[str, int], actor: Actor) -> int:
    """Put the products into the catalogue with price, cost and what is excluded."""
    catalogue = Catalogue(file.mapping, file.tables, actor)
    with transaction.atomic():
        known = catalogue.described(sorted(price_of))
    rows = [full_row(sku, price, known.get(sku, {})) for sku, price in sorted(price_of.items())]
    for part in parts(rows):
        upsert_products(rows=part, actor=actor)
    return len(rows)


def full_row(sku: str, price_minor: int, known: dict[str, Any]) -> ProductRow:
    path = str(known.get("category") or "")
    earns, pays = promises(path)
    return {
        **product_row(sku, "", known),
        "barcode": barcode(sku),
        "price_minor": price_minor,
        "cost_minor": cost_of(path.partition("/")[0], sku, price_minor),
        "excluded_from_earning": not earns,
        "excluded_from_redemption": not pays,
    }


def promises(path: str) -> tuple[bool, bool]:
    """Whether goods of a category earn points, and whether points may pay for them."""
    if "gift card" in path or any(word in path for word in TOBACCO):
        return False, False
    barred = any(word in path for word in (*ALCOHOL, *FUEL))
    return True, not barred


def cost_of(department: str, sku: str, price_minor: int) -> int:
    """The same for the same product on every machine; up to five per cent around its department."""
    share = COST_SHARE.get(department, OTHER_COST_SHARE)
    spread = (int.from_bytes(sku.encode()[-2:], "big") % 101 - 50) / 1000
    return int(price_minor * (share + spread))


def barcode(sku: str) -> str:
    """An EAN-13 of the range that shops use among themselves, so that a scanner has something."""
    body = f"2{int(sku) % 10**11:011}"
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body))
    return f"{body}{-total % 10}"


def prices(lines: pa.Table) -> dict[str, int]:
    """The middle of what each product was sold for; one that was only given away costs nothing."""
    paid = pc.if_else(pc.greater(lines["gross_minor"], 0), lines["unit_price_minor"], None)
    priced = pa.table({"sku": lines["sku"], "paid": paid})
    grouped = pa.TableGroupBy(priced, "sku", use_threads=False)
    median = grouped.aggregate([("paid", "approximate_median")])
    columns = (median[name].to_pylist() for name in ("sku", "paid_approximate_median"))
    return {str(sku): round(price or 0) for sku, price in zip(*columns, strict=True)}
