"""The plain values that go into the ledger's services and come out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Event:
    """One business event: (source, source_ref, op) happens once, for ever.

    ``actor`` is the label of an Actor; ``reverses`` the id of the transaction
    that this one takes back.
    """

    op: str
    source: str
    source_ref: str
    effective_at: datetime
    actor: str
    reason: str = ""
    reverses: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.source, self.source_ref, self.op)


@dataclass(frozen=True, slots=True)
class WalletState:
    """A wallet as it stands under our lock."""

    id: int
    public_id: UUID
    programme_id: int
    member_id: int | None
    unit: str
    kind: str
    status: str
    posted: int
    held: int
    debt_limit: int
    last_seq: int

    @property
    def available(self) -> int:
        return max(self.posted - self.held, 0)


@dataclass(frozen=True, slots=True)
class Posted:
    """What a purchase did. ``tx_id`` is None when there was nothing to write."""

    tx_id: int | None
    balance_after: int
    held: int
    pending_id: int | None


@dataclass(frozen=True, slots=True)
class Reversal:
    """What a return did. The claw-back asked for is the sum of its three parts.

    ``from_pending`` was cancelled before it became active, ``clawed_back`` left
    the balance (out of lots or into debt), ``written_off`` is what the shop
    bears. ``restored`` may be less than asked when points have expired.
    """

    tx_id: int | None
    from_pending: int
    clawed_back: int
    restored: int
    written_off: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class Earn:
    """One row of a batch: points earned, or with a negative amount taken back.

    With ``available_at`` the points wait until then.
    """

    wallet_id: int
    event: Event
    amount: int
    expires_at: datetime
    available_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PostedMany:
    """Transaction ids by position; None where the event was known already or moved nothing."""

    tx_ids: list[int | None]
    pending_ids: list[int | None]
    skipped: list[int]


@dataclass(frozen=True, slots=True)
class Captured:
    """What a capture did: ``held`` is what other holds still keep."""

    tx_id: int
    amount: int
    balance_after: int
    held: int


@dataclass(frozen=True, slots=True)
class Expired:
    """What an expiry run took."""

    wallets: int = 0
    lots: int = 0
    points: int = 0

    def __add__(self, other: Expired) -> Expired:
        return Expired(
            self.wallets + other.wallets, self.lots + other.lots, self.points + other.points
        )
