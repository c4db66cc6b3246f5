"""What fulfilling some awards writes, gathered so that one statement can write it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from loyalty_crm.kernel.actors import Actor
from rewards.rules.answers import GivenAward


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One award of one sale. ``no`` is its place among those of the statement."""

    no: int
    receipt_id: int
    receipt: UUID
    store_id: int
    member_id: int | None
    at: datetime
    given: GivenAward
    actor: Actor

    @property
    def source(self) -> str:
        """Names the award wherever it is fulfilled: nothing is given twice under it."""
        return f"award:{self.receipt}:{self.given.version_id}:{self.given.effect}"


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """So much of an award that a return takes back. ``left``: what stays after it."""

    award_id: int
    member_id: int | None
    store_id: int
    kind: str
    code: str
    amount: int
    left: int
    source: str
    actor: Actor


class Plan:
    """Rows to write besides the awards themselves: names of columns as the statements read them."""

    def __init__(self) -> None:
        self.moves: list[dict[str, Any]] = []
        self.tags: list[dict[str, Any]] = []
        self.stock: list[dict[str, Any]] = []

    def move(self, no: int, member_id: int, kind: str, code: str, amount: int) -> None:
        """Let a balance of the member grow or (below zero) shrink."""
        row = {"no": no, "member": member_id, "kind": kind, "code": code, "amount": amount}
        self.moves.append(row)

    def tag(self, member_id: int, code: str, source: str, **period: datetime | None) -> None:
        """A tag of this source: put on from ``since`` to ``until``, or to be taken off."""
        self.tags.append({"member": member_id, "code": code, "source": source, **period})

    def pieces(self, store_id: int, sku: str, pieces: int) -> None:
        """So many pieces of a gift leave the store, or come back to it."""
        self.stock.append({"store": store_id, "sku": sku, "pieces": pieces})
