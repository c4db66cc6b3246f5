"""Files of receipts for tests, and what a database holds after they were imported."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

from django.db import connection

from loyalty_crm.kernel.actors import SYSTEM
from members.imports.mapping import Mapping, load_mapping
from members.imports.source import HistoryFile, Selection
from rewards.services.history import import_history

OURS = re.compile("members_|rewards_")
# What an import writes, without keys and clocks: two databases that were told the same are equal.
CONTENTS = {
    "receipts": """
        SELECT s.code, r.number, r.occurred_at, r.business_date, r.gross_minor, r.discount_minor,
               r.total_minor, encode(r.content_digest, 'hex'), i.system, i.value
          FROM members_receipt r JOIN members_store s ON s.id = r.store_id
          LEFT JOIN members_identity i ON i.member_id = r.member_id AND i.kind = 'external'""",
    "lines": """
        SELECT r.number, l.line_no, l.sku, p.name, l.quantity_milli, l.gross_minor, l.net_minor
          FROM members_receiptline l JOIN members_receipt r ON r.id = l.receipt_id
          JOIN members_product p ON p.id = l.product_id""",
    "tenders": """
        SELECT r.number, t.kind, t.amount_minor
          FROM members_tender t JOIN members_receipt r ON r.id = t.receipt_id""",
    "grants": """
        SELECT r.number, l.line_no, p.code, v.number, g.base_minor, g.points, g.carry_in
          FROM rewards_grant g JOIN members_receiptline l ON l.id = g.line_id
          JOIN members_receipt r ON r.id = l.receipt_id
          JOIN rewards_promotionversion v ON v.id = g.version_id
          JOIN rewards_promotion p ON p.id = v.promotion_id""",
    "purchases": """
        SELECT r.number, p.earned, p.lots_expire_at, p.decisions::text, t.source, t.source_ref, t.op
          FROM rewards_purchase p JOIN members_receipt r ON r.id = p.receipt_id
          LEFT JOIN rewards_ledgertx t ON t.id = p.tx_id""",
    "wallets": """
        SELECT i.value, w.unit, w.posted, w.held, w.last_seq, w.last_activity_at
          FROM rewards_wallet w JOIN members_identity i ON i.member_id = w.member_id""",
    "lots": """
        SELECT i.value, l.expires_at, l.granted, l.remaining FROM rewards_lot l
          JOIN rewards_wallet w ON w.id = l.wallet_id
          JOIN members_identity i ON i.member_id = w.member_id""",
    "carries": """
        SELECT i.value, c.units FROM rewards_earncarry c JOIN rewards_wallet w ON w.id = c.wallet_id
          JOIN members_identity i ON i.member_id = w.member_id""",
    "products": """
        SELECT p.sku, p.name, c.code, b.code FROM members_product p
          LEFT JOIN members_category c ON c.id = p.category_id
          LEFT JOIN members_brand b ON b.id = p.brand_id""",
}


def contents() -> dict[str, Counter[tuple[Any, ...]]]:
    """Everything that was imported, in an order of no meaning."""
    with connection.cursor() as cursor:
        found = {}
        for name, query in CONTENTS.items():
            cursor.execute(query)
            found[name] = Counter(map(tuple, cursor.fetchall()))
        return found


def counted() -> dict[str, int]:
    """Rows of every table an import may touch."""
    with connection.cursor() as cursor:
        tables = [one for one in connection.introspection.table_names(cursor) if OURS.match(one)]
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts[table] = cursor.fetchone()[0]
        return counts


def line(number: str, sku: str = "tea", gross: str = "10.00", **given: str) -> dict[str, str]:
    known = {
        "store": "s1", "number": number, "occurred_at": "2025-06-01 12:00:00", "member": "m1",
        "sku": sku, "quantity": "1", "gross": gross, "discount": "0",
    }  # fmt: skip
    return {**known, **given}


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def mapped(**changes: Any) -> Mapping:
    """The standard mapping, otherwise in some points."""
    known = load_mapping("standard").model_dump()
    return Mapping.model_validate({**known, "unknown_stores": "create", **changes})


def load(path: Path, mapping: Mapping | None = None, **options: Any) -> Counter[str]:
    """Import the file and return the counts."""
    file_options = {
        name: options.pop(name) for name in ("lines_path", "shift", "selection") if name in options
    }
    file = HistoryFile(mapping or mapped(), path, **file_options)
    return import_history(file=file, actor=SYSTEM, **options).counts


def sample(name: str, share: float) -> HistoryFile:
    mapping = load_mapping(name)
    assert mapping.source.path is not None
    return HistoryFile(mapping, mapping.source.path, selection=Selection(share=share))
