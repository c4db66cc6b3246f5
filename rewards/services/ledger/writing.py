"""Writes prepared ledger rows: any number of transactions and wallets in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from rewards.rules.purse import Move, Purse
from rewards.services.ledger.refusals import refusals
from rewards.services.ledger.values import Event, WalletState

_LOTS = """
    SELECT wallet_id, expires_at, remaining FROM rewards_lot
     WHERE wallet_id = ANY(%s) AND remaining > 0
"""

# Entries claim the places and balances that follow from the locked wallets; the database
# refuses all others. OFFSET 0 keeps the lots a look-up by index, however large the batch.
_WRITE = """
WITH event AS (
    SELECT * FROM unnest(%(tx_no)s::int[], %(op)s::text[], %(source)s::text[],
                         %(source_ref)s::text[], %(reverses)s::bigint[], %(reason)s::text[],
                         %(effective_at)s::timestamptz[], %(actor)s::text[])
           AS e (tx_no, op, source, source_ref, reverses, reason, effective_at, actor)
), tx AS (
    INSERT INTO rewards_ledgertx
           (op, source, source_ref, reverses_id, reason, effective_at, actor)
    SELECT op, source, source_ref, reverses, reason, effective_at, actor FROM event ORDER BY tx_no
    RETURNING id, public_id, op, source, source_ref
), numbered AS (
    SELECT tx_no, id, public_id, op FROM event JOIN tx USING (source, source_ref, op)
), resolved AS (
    INSERT INTO rewards_holdresolution (hold_id, outcome, captured, tx_id)
    SELECT hold_id, outcome, captured, id
      FROM unnest(%(resolved_tx)s::int[], %(hold)s::bigint[], %(outcome)s::text[],
                  %(captured)s::bigint[]) AS r (tx_no, hold_id, outcome, captured)
      JOIN numbered USING (tx_no) ORDER BY hold_id
    RETURNING hold_id, outcome, tx_id
), entry AS (
    INSERT INTO rewards_ledgerentry
           (wallet_id, seq, tx_id, kind, contra, amount, balance_after, partner_id)
    SELECT wallet_id, seq, id, kind, contra, amount, balance_after,
           CASE contra WHEN 'partner' THEN %(partner)s::bigint END
      FROM unnest(%(entry_tx)s::int[], %(entry_wallet)s::bigint[], %(entry_seq)s::bigint[],
                  %(kind)s::text[], %(contra)s::text[], %(amount)s::bigint[], %(balance)s::bigint[])
           AS e (tx_no, wallet_id, seq, kind, contra, amount, balance_after)
      JOIN numbered USING (tx_no)
    RETURNING wallet_id, seq, tx_id, kind, amount, balance_after
), move AS (
    SELECT m.*, l.id AS lot_id
      FROM unnest(%(move_wallet)s::bigint[], %(move_seq)s::bigint[],
                  %(move_expires)s::timestamptz[], %(move_amount)s::bigint[])
           AS m (wallet_id, seq, expires_at, amount)
      LEFT JOIN LATERAL (SELECT id FROM rewards_lot WHERE wallet_id = m.wallet_id
                            AND expires_at = m.expires_at OFFSET 0) l ON true
), bucket AS (
    INSERT INTO rewards_lot (wallet_id, expires_at)
    SELECT DISTINCT wallet_id, expires_at FROM move WHERE lot_id IS NULL
    RETURNING id, wallet_id, expires_at
), moved AS (
    INSERT INTO rewards_lotmove (wallet_id, seq, lot_id, amount)
    SELECT wallet_id, seq, coalesce(move.lot_id, bucket.id), amount
      FROM move LEFT JOIN bucket USING (wallet_id, expires_at)
), announced AS (
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, version, data)
    SELECT w.kind || CASE WHEN n.op = 'activate' THEN '.activated' ELSE e.past END, 'wallet',
           w.public_id, entry.seq, jsonb_build_object(
               'tx', n.public_id, 'amount', entry.amount, 'balance', entry.balance_after)
      FROM entry JOIN numbered n ON n.id = entry.tx_id
      JOIN rewards_wallet w ON w.id = entry.wallet_id
      JOIN (VALUES ('earn', '.earned'), ('redeem', '.spent'), ('expire', '.expired'),
                   ('load', '.loaded'), ('unload', '.paid_back'), ('clawback', '.reversed'),
                   ('restore', '.reversed'),
                   ('adjust', '.adjusted')) AS e (kind, past) ON e.kind = entry.kind
     WHERE %(announce)s
    UNION ALL
    SELECT w.kind || '.released', 'wallet', w.public_id, w.last_seq, jsonb_build_object(
               'tx', n.public_id, 'hold', h.public_id, 'amount', h.amount, 'outcome', r.outcome)
      FROM resolved r JOIN numbered n ON n.id = r.tx_id JOIN rewards_hold h ON h.id = r.hold_id
      JOIN rewards_wallet w ON w.id = h.wallet_id
     WHERE %(announce)s AND r.outcome <> 'captured'
)
SELECT tx_no, id FROM numbered
"""

CONTRA = {
    "earn": "issuance",
    "clawback": "issuance",
    "redeem": "redemption",
    "restore": "redemption",
    "expire": "breakage",
    "adjust": "adjustment",
    "load": "sale",
    "unload": "sale",
    "clearing": "clearing",
}
#: What a partner gives and takes stands against the partner's own account.
OF_PARTNER = frozenset({"earn", "clawback", "redeem", "restore"})
_EVENT = ("op", "source", "source_ref", "reverses", "reason", "effective_at", "actor")
_ENTRY = ("entry_tx", "entry_wallet", "entry_seq", "kind", "contra", "amount", "balance")
_MOVE = ("move_wallet", "move_seq", "move_expires", "move_amount")
_RESOLVED = ("resolved_tx", "hold", "outcome", "captured")


@dataclass(slots=True)
class Draft:
    """Ledger rows in the making. The wallets they touch must be locked before it is filled.

    With a partner's key the points it gives and takes are against its counter-account.
    """

    purses: dict[int, Purse]
    last_seq: dict[int, int]
    partner_id: int | None = None
    events: list[Event] = field(default_factory=list)
    entries: list[tuple[int, int, int, str, str, int, int]] = field(default_factory=list)
    moves: list[tuple[int, int, datetime, int]] = field(default_factory=list)
    resolutions: list[tuple[int, int, str, int]] = field(default_factory=list)

    def event(self, event: Event) -> None:
        """Begin a transaction; what follows belongs to it."""
        self.events.append(event)

    def gain(self, wallet_id: int, kind: str, parts: Sequence[Move]) -> None:
        amount = sum(part for _, part in parts)
        self._entry(wallet_id, kind, amount, self.purses[wallet_id].gain(parts))

    def lose(
        self, wallet_id: int, kind: str, amount: int, first: datetime | None = None
    ) -> list[Move]:
        moves = self.purses[wallet_id].lose(amount, first)
        self._entry(wallet_id, kind, -amount, moves)
        return moves

    def settle(self, wallet_id: int, kind: str, debt: int) -> None:
        """Pay a debt in full: nothing is left for a lot."""
        self.purses[wallet_id].posted += debt
        self._entry(wallet_id, kind, debt, [])

    def resolve(self, hold_id: int, outcome: str, captured: int = 0) -> None:
        self.resolutions.append((len(self.events) - 1, hold_id, outcome, captured))

    def _entry(self, wallet_id: int, kind: str, amount: int, moves: list[Move]) -> None:
        if not amount:
            return
        self.last_seq[wallet_id] = seq = self.last_seq[wallet_id] + 1
        tx, balance = len(self.events) - 1, self.purses[wallet_id].posted
        self.entries.append((tx, wallet_id, seq, kind, self._contra(kind), amount, balance))
        self.moves.extend((wallet_id, seq, expiry, part) for expiry, part in moves)

    def _contra(self, kind: str) -> str:
        return "partner" if self.partner_id and kind in OF_PARTNER else CONTRA[kind]

    def write(self, *, announce: bool = True) -> list[int]:
        """Write everything in one statement; return the ids of the transactions in order."""
        if not self.events:
            return []
        values = {
            "tx_no": list(range(len(self.events))),
            **{name: [getattr(event, name) for event in self.events] for name in _EVENT},
            **columns(_ENTRY, self.entries),
            **columns(_MOVE, self.moves),
            **columns(_RESOLVED, self.resolutions),
            "announce": announce,
            "partner": self.partner_id,
        }
        with refusals(), connection.cursor() as cursor:
            cursor.execute(_WRITE, values)
            return [pk for _, pk in sorted(cursor.fetchall())]


def columns(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Rows as one array for each column, the form in which SQL unnests them."""
    if not rows:
        return {name: [] for name in names}
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def draft_for(states: Sequence[WalletState], partner_id: int | None = None) -> Draft:
    """A draft on the open lots of wallets that the caller has locked. One query."""
    lots: dict[int, dict[datetime, int]] = {state.id: {} for state in states}
    with connection.cursor() as cursor:
        cursor.execute(_LOTS, [list(lots)])
        for wallet_id, expires_at, remaining in cursor.fetchall():
            lots[wallet_id][expires_at] = remaining
    return Draft(
        purses={state.id: Purse(state.posted, lots[state.id]) for state in states},
        last_seq={state.id: state.last_seq for state in states},
        partner_id=partner_id,
    )
