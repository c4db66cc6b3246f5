"""The proof of the books: seven questions whose answers must be "none".

Each returns the offending wallets (or null where no wallet is to blame) with
what was found. They read one snapshot and write nothing.
"""

# ruff: noqa: S608 - the statements are put together from constants of this file alone

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Wallet

_ENTRIES = (
    "SELECT * FROM rewards_ledgerentry WHERE %(wallet)s::bigint IS NULL OR wallet_id = %(wallet)s"
)
_WALLETS = "SELECT * FROM rewards_wallet WHERE %(wallet)s::bigint IS NULL OR id = %(wallet)s"
_LOTS = "SELECT * FROM rewards_lot WHERE %(wallet)s::bigint IS NULL OR wallet_id = %(wallet)s"
_MOVES = _ENTRIES.replace("ledgerentry", "lotmove")
# Transactions of one wallet, when one is asked for.
_TXS = """
    SELECT * FROM rewards_ledgertx t WHERE %(wallet)s::bigint IS NULL
        OR EXISTS (SELECT FROM rewards_ledgerentry e
                    WHERE e.tx_id = t.id AND e.wallet_id = %(wallet)s)
"""

CHECKS: dict[str, tuple[Promise, str]] = {
    "A1": (
        _("Balance, count and sequence equal the entries"),
        f"""
        SELECT w.id, json_build_object('posted', w.posted, 'entries', coalesce(e.total, 0),
                                       'last_seq', w.last_seq, 'count', coalesce(e.n, 0))
          FROM ({_WALLETS}) w
          LEFT JOIN (SELECT wallet_id, sum(amount) AS total, count(*) AS n, max(seq) AS last
                       FROM ({_ENTRIES}) x GROUP BY wallet_id) e ON e.wallet_id = w.id
         WHERE w.posted <> coalesce(e.total, 0) OR w.last_seq <> coalesce(e.n, 0)
            OR coalesce(e.n, 0) <> coalesce(e.last, 0)
        """,
    ),
    "A2": (
        _("Each running balance follows from the one before"),
        f"""
        SELECT wallet_id,
               json_build_object('seq', seq, 'balance_after', balance_after, 'sum', running)
          FROM (SELECT wallet_id, seq, balance_after,
                       sum(amount) OVER (PARTITION BY wallet_id ORDER BY seq) AS running
                  FROM ({_ENTRIES}) x) e
         WHERE balance_after <> running
        """,
    ),
    "A3": (
        _("Open lots explain the balance"),
        f"""
        SELECT w.id, json_build_object('posted', w.posted, 'lots', coalesce(l.total, 0))
          FROM ({_WALLETS}) w
          LEFT JOIN (SELECT wallet_id, sum(remaining) AS total FROM ({_LOTS}) x
                      GROUP BY wallet_id) l ON l.wallet_id = w.id
         WHERE greatest(w.posted, 0) <> coalesce(l.total, 0)
        """,
    ),
    "A4": (
        _("Each lot holds what its moves say"),
        f"""
        SELECT l.wallet_id, json_build_object('lot', l.id, 'remaining', l.remaining,
                                              'moves', coalesce(m.total, 0))
          FROM ({_LOTS}) l
          LEFT JOIN (SELECT lot_id, sum(amount) AS total FROM ({_MOVES}) x
                      GROUP BY lot_id) m ON m.lot_id = l.id
         WHERE l.remaining <> coalesce(m.total, 0)
        """,
    ),
    "A5": (
        _("What is held equals the open holds"),
        f"""
        SELECT w.id, json_build_object('held', w.held, 'open', coalesce(h.total, 0))
          FROM ({_WALLETS}) w
          LEFT JOIN (SELECT wallet_id, sum(amount) AS total FROM rewards_hold x
                      WHERE NOT EXISTS (SELECT FROM rewards_holdresolution r WHERE r.hold_id = x.id)
                        AND (%(wallet)s::bigint IS NULL OR wallet_id = %(wallet)s)
                      GROUP BY wallet_id) h ON h.wallet_id = w.id
         WHERE w.held <> coalesce(h.total, 0)
        """,
    ),
    "A6": (
        _("Moves between wallets net to zero"),
        f"""
        SELECT e.wallet_id, json_build_object('tx', e.tx_id, 'clearing', s.total)
          FROM (SELECT tx_id, sum(amount) AS total FROM rewards_ledgerentry
                 WHERE contra = 'clearing' AND tx_id IN (SELECT id FROM ({_TXS}) t)
                 GROUP BY tx_id HAVING sum(amount) <> 0) s
          JOIN rewards_ledgerentry e ON e.tx_id = s.tx_id AND e.contra = 'clearing'
        """,
    ),
    "A7": (
        _("No transaction without a movement"),
        f"""
        SELECT NULL::bigint, json_build_object('tx', t.id, 'op', t.op, 'source', t.source)
          FROM ({_TXS}) t
         WHERE NOT EXISTS (SELECT FROM rewards_ledgerentry e WHERE e.tx_id = t.id)
           AND NOT EXISTS (SELECT FROM rewards_hold h WHERE h.tx_id = t.id)
           AND NOT EXISTS (SELECT FROM rewards_holdresolution r WHERE r.tx_id = t.id)
           -- Promised points, and their cancellation by a return, move without an entry.
           AND NOT EXISTS (SELECT FROM rewards_pendinggrant p WHERE p.tx_id = t.id)
           AND NOT EXISTS (SELECT FROM rewards_pendinggrant p
                            WHERE p.tx_id = t.reverses_id AND p.cancelled > 0)
        """,
    ),
}

SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: how many rows, and the first of them as (wallet, detail)."""

    check: str
    title: str
    count: int
    found: list[tuple[int | None, dict[str, object]]]


def audit_ledger(wallet_id: int | None = None) -> list[Finding]:
    """Ask the seven questions of one snapshot, of all wallets or of one."""
    with one_snapshot():
        return [ask(name, wallet_id) for name in CHECKS]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """REPEATABLE READ, READ ONLY; inside somebody's transaction their snapshot has to do."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def ask(name: str, wallet_id: int | None) -> Finding:
    title, sql = CHECKS[name]
    with connection.cursor() as cursor:
        cursor.execute(sql, {"wallet": wallet_id})
        rows = cursor.fetchall()
    return Finding(name, str(title), len(rows), rows[:SAMPLE])


def guard_ledger() -> list[Finding]:
    """Audit everything; freeze each wallet whose books disagree and open an incident for it.

    Other wallets go on working. An incident that is open already is not opened twice.
    """
    findings = audit_ledger()
    for finding in findings:
        for wallet_id, detail in finding.found:
            open_incident(wallet_id, finding.check, detail)
    return findings


_INCIDENT = """
    INSERT INTO rewards_ledgerincident (wallet_id, check_name, detail)
    SELECT %(wallet)s, %(check)s, %(detail)s::jsonb
     WHERE NOT EXISTS (SELECT FROM rewards_ledgerincident
                        WHERE closed_at IS NULL AND check_name = %(check)s
                          AND wallet_id IS NOT DISTINCT FROM %(wallet)s)
    ON CONFLICT DO NOTHING RETURNING id
"""


@transaction.atomic
def open_incident(wallet_id: int | None, check: str, detail: dict[str, object]) -> None:
    """Record the drift, freeze the wallet and tell the outbox, in one transaction."""
    with connection.cursor() as cursor:
        values = {"wallet": wallet_id, "check": check, "detail": json.dumps(detail)}
        cursor.execute(_INCIDENT, values)
        if cursor.fetchone() is None:
            return
    wallet = Wallet.objects.filter(pk=wallet_id).first() if wallet_id else None
    if wallet:
        Wallet.objects.filter(pk=wallet.pk, status="active").update(status="frozen")
        audit.record(
            action="wallet.freeze",
            object_type="wallet",
            object_id=str(wallet.public_id),
            before={"status": wallet.status},
            after={"status": "frozen"},
            reason=f"ledger audit {check}",
            actor=SYSTEM,
        )
    outbox.emit(
        "ledger.incident",
        object_type="wallet" if wallet else "ledger",
        object_id=str(wallet.public_id) if wallet else check,
        data={"check": check},
    )
