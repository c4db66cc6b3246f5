"""The night that expires lots, against the best SQL by hand for the same pages."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from bench.measure import Row, interleaved, micro, seconds
from bench.shop import shop
from loyalty_crm.kernel.roles import app_role, as_owner
from rewards.models import Lot
from rewards.services.ledger import Earn, Event, expire_lots, post_many

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PAGE = 200
_runs = itertools.count(int(datetime.now(UTC).timestamp()) * 100)

# The same tables, checks, indexes and foreign keys; balances and lots are moved by hand.
TABLES = ("wallet", "ledgertx", "ledgerentry", "lot", "lotmove")
KEYS = {
    "ledgerentry (tx_id)": "ledgertx (id)",
    "ledgerentry (wallet_id)": "wallet (id)",
    "lotmove (lot_id)": "lot (id)",
    "lotmove (wallet_id, seq)": "ledgerentry (wallet_id, seq)",
}
BY_HAND = """
    CREATE TEMPORARY TABLE due ON COMMIT DROP AS
    SELECT l.id AS lot_id, l.wallet_id, l.remaining AS amount, nextval('byhand_tx') AS tx_id,
           w.last_seq + row_number() OVER wallet AS seq,
           w.posted - sum(l.remaining) OVER wallet AS balance
      FROM byhand_lot l JOIN (SELECT * FROM byhand_wallet WHERE id = ANY(%(wallets)s)
                               ORDER BY id FOR NO KEY UPDATE) w ON w.id = l.wallet_id
     WHERE l.remaining > 0 AND l.expires_at <= %(as_of)s
    WINDOW wallet AS (PARTITION BY l.wallet_id ORDER BY l.expires_at, l.id);
    INSERT INTO byhand_ledgertx (id, op, source, source_ref, effective_at, actor)
    SELECT tx_id, 'expire', 'expiry', lot_id || ':' || %(run)s, %(as_of)s, 'system:expiry' FROM due;
    INSERT INTO byhand_ledgerentry (id, wallet_id, seq, tx_id, kind, contra, amount, balance_after)
    SELECT tx_id, wallet_id, seq, tx_id, 'expire', 'breakage', -amount, balance FROM due;
    INSERT INTO byhand_lotmove (id, wallet_id, seq, lot_id, amount)
    SELECT tx_id, wallet_id, seq, lot_id, -amount FROM due;
    UPDATE byhand_lot l SET remaining = 0 FROM due WHERE l.id = due.lot_id;
    UPDATE byhand_wallet w SET posted = d.balance, last_seq = d.seq
      FROM (SELECT wallet_id, min(balance) AS balance, max(seq) AS seq FROM due GROUP BY 1) d
     WHERE w.id = d.wallet_id
"""


def run(short: bool) -> list[Row]:
    wallets = shop().wallets
    lots = 5 if short else 30
    found = interleaved(
        {"hand": lambda: by_hand(wallets, lots), "ours": lambda: ours(wallets, lots)},
        3 if short else 5,
    )
    return [
        Row(
            f"expiry night, a lot of {lots * len(wallets):,}",
            f"SQL by hand {micro(found['hand'])}",
            micro(found["ours"]),
            found["ours"] / found["hand"],
            "≤ 2",
            "≤ 1.2",
            note="by hand: no triggers, no check at COMMIT, no events",
        )
    ]


def give(wallets: list[int], lots: int) -> None:
    """Due lots for everybody; whatever was due before is gone."""
    expire_lots(as_of=datetime.now(UTC))
    number = next(_runs)
    with transaction.atomic():
        for at in range(lots):
            rows = [earn(wallet, f"{number}-{wallet}-{at}", at) for wallet in wallets]
            post_many(rows, announce=False)


def earn(wallet: int, ref: str, at: int) -> Earn:
    event = Event("purchase", "bench-expiry", ref, LONG_AGO, "system:bench")
    return Earn(wallet, event, 10, LONG_AGO + timedelta(days=at))


def ours(wallets: list[int], lots: int) -> float:
    give(wallets, lots)
    # A lot expires once a day of the run: each run has a day of its own.
    day = datetime.now(UTC) + timedelta(days=next(_runs) % 100_000)
    return seconds(lambda: expire_lots(as_of=day)) / (lots * len(wallets))


def by_hand(wallets: list[int], lots: int) -> float:
    give(wallets, lots)
    copy_tables()
    as_of, number = datetime.now(UTC), next(_runs)

    def night() -> None:
        for start in range(0, len(wallets), PAGE):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO off")
                page = wallets[start : start + PAGE]
                cursor.execute(BY_HAND, {"wallets": page, "as_of": as_of, "run": number})

    spent = seconds(night)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM byhand_lotmove")
        assert cursor.fetchone() == (
            Lot.objects.filter(remaining__gt=0, expires_at__lte=as_of).count(),
        )
    return spent / (lots * len(wallets))


def copy_tables() -> None:
    """Wallets and lots as they are; transactions, entries and moves begin empty."""
    with as_owner(), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS byhand_{table} CASCADE")
            cursor.execute(f"CREATE TABLE byhand_{table} (LIKE rewards_{table} INCLUDING ALL)")
        for table in ("wallet", "lot"):
            cursor.execute(f"INSERT INTO byhand_{table} SELECT * FROM rewards_{table}")
            cursor.execute(f"ANALYZE byhand_{table}")
        for child, parent in KEYS.items():
            table, columns = child.split(" ", 1)
            cursor.execute(
                f"ALTER TABLE byhand_{table} ADD FOREIGN KEY {columns} REFERENCES byhand_{parent}"
            )
        cursor.execute("CREATE SEQUENCE IF NOT EXISTS byhand_tx")
        names = ", ".join(f"byhand_{table}" for table in TABLES)
        cursor.execute(f'GRANT ALL ON {names} TO "{app_role()}"')
        cursor.execute(f'GRANT ALL ON SEQUENCE byhand_tx TO "{app_role()}"')
