"""L6: the writes of one purchase as six statements in one durable transaction, by pgbench.

The same tables, keys, triggers and server as the product's: what is left out is
everything that is not a write. It is the limit that a commit over HTTP runs into.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from django.db import connection

from loyalty_crm import embedded_postgres

SCRIPT = r"""
\set wallet :first + random(0, :wallets - 1)
BEGIN;
INSERT INTO members_receipt (store_id, number, member_id, currency, gross_minor, total_minor,
    content_digest, occurred_at, business_date)
SELECT :store::bigint, gen_random_uuid()::text, w.member_id, 'USD', 1500, 1500, '\x00', now(),
    now()::date
FROM rewards_wallet w WHERE w.id = :wallet::bigint RETURNING id AS receipt \gset
INSERT INTO members_receiptline (receipt_id, line_no, product_id, sku, quantity_milli,
    unit_price_minor, gross_minor, net_minor)
SELECT :receipt::bigint, n, :product::bigint + n, 'B' || n, 2000, 150, 300, 300
FROM generate_series(1, 5) AS n;
INSERT INTO rewards_ledgertx (op, source, source_ref, effective_at, actor)
VALUES ('purchase', 'l6', :receipt::bigint::text, now(), 'bench') RETURNING id AS tx \gset
INSERT INTO rewards_ledgerentry (wallet_id, seq, tx_id, kind, contra, amount, balance_after)
VALUES (:wallet::bigint, 0, :tx::bigint, 'earn', 'issuance', 15, 0) RETURNING seq AS seq \gset
INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount)
SELECT :wallet::bigint, :seq::bigint, id, 15 FROM rewards_lot
WHERE wallet_id = :wallet::bigint AND expires_at = '9999-12-31';
INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
VALUES ('transaction.closed', 'purchase', :receipt::bigint::text, '{}');
COMMIT;
"""
LOTS = """
INSERT INTO rewards_lot (wallet_id, expires_at)
SELECT id, '9999-12-31' FROM unnest(%s::bigint[]) AS id ON CONFLICT DO NOTHING
"""


def prepare(wallets: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOTS, [wallets])


def l6(store: int, wallets: list[int], product: int, duration: float, clients: int = 2) -> float:
    """Transactions a second. The wallets must have keys without gaps."""
    parts = connection.settings_dict
    data_dir = Path(os.environ["DATA_DIR"])
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPT)
        script.flush()
        variables = {
            "store": store,
            "wallets": len(wallets),
            "first": wallets[0],
            "product": product,
        }
        command = [
            str(embedded_postgres.programs_of(data_dir) / "pgbench"), "-n", "-M", "prepared",
            "-c", str(clients), "-j", str(clients), "-T", str(max(1, round(duration))),
            *(f"-D{name}={value}" for name, value in variables.items()), "-f", script.name,
            "-h", parts["HOST"], "-U", parts["USER"], parts["NAME"],
        ]  # fmt: skip
        environment = {**os.environ, "PGPASSWORD": parts["PASSWORD"]}
        if parts["PORT"]:
            environment["PGPORT"] = str(parts["PORT"])
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not found:
        raise RuntimeError(done.stderr[-2000:])
    return float(found[1])
