"""The one table from what the database refuses to the codes of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError
from django.utils.translation import gettext as _

from loyalty_crm.kernel.database import LOCK_TIMEOUT
from loyalty_crm.kernel.errors import (
    DomainError,
    SourceRefConflict,
    ValidationFailed,
    WalletBusy,
)
from rewards.errors import (
    CaptureExceedsHold,
    HoldExpired,
    HoldResolved,
    InsufficientPoints,
    WalletClosed,
    WalletFrozen,
    WalletMerged,
)

BY_STATUS: dict[str, type[DomainError]] = {
    "frozen": WalletFrozen,
    "merged": WalletMerged,
    "closed": WalletClosed,
}
BY_SQLSTATE: dict[str, type[DomainError]] = {
    "P0L02": InsufficientPoints,
    "P0L03": CaptureExceedsHold,
    "P0L04": HoldExpired,
    "22003": ValidationFailed,  # beyond bigint
    LOCK_TIMEOUT: WalletBusy,
}
BY_CONSTRAINT: dict[str, type[DomainError]] = {
    "business_event_once": SourceRefConflict,
    "entry_moves_something": ValidationFailed,
    "hold_of_something": ValidationFailed,
    "pending_within_bounds": ValidationFailed,
    "rewards_holdresolution_pkey": HoldResolved,
    "wallet_balance_bounded": ValidationFailed,
    "wallet_held_not_negative": HoldResolved,
    "wallet_within_debt_limit": InsufficientPoints,
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the database's refusals into ours. The transaction is lost either way."""
    try:
        yield
    except DatabaseError as error:
        if isinstance(error.__cause__, psycopg.Error) and (known := meaning(error.__cause__)):
            raise known from error
        raise


def meaning(error: psycopg.Error) -> DomainError | None:
    """What an error of the driver means, or None when it means that we are wrong."""
    hint = error.diag.message_hint or ""
    if error.sqlstate == "P0L01":
        return BY_STATUS[hint]()
    known = BY_SQLSTATE.get(error.sqlstate or "") or BY_CONSTRAINT.get(
        error.diag.constraint_name or ""
    )
    if known is None:
        return None
    return known(**json.loads(hint)) if hint.startswith("{") else known()


def refuse_status(status: str) -> None:
    """Refuse unless the wallet is active."""
    if status in BY_STATUS:
        raise BY_STATUS[status]


def refuse_shortage(available: int, requested: int) -> None:
    """Refuse to spend more than there is."""
    if requested > available:
        raise InsufficientPoints(
            _("Available %(available)s, requested %(requested)s.")
            % {"available": available, "requested": requested},
            available=available,
            requested=requested,
        )
