"""The promises: programme settings, rules, the ledger, and what each receipt was granted."""

from rewards.models.books import DailyRollup, EarnCarry, LedgerIncident
from rewards.models.checkout import Grant, Purchase, PurchaseRefund
from rewards.models.ledger import (
    Hold,
    HoldResolution,
    LedgerEntry,
    LedgerTx,
    Lot,
    LotMove,
    PendingGrant,
    Wallet,
)
from rewards.models.programmes import Programme
from rewards.models.promotions import Promotion, PromotionVersion

__all__ = [
    "DailyRollup",
    "EarnCarry",
    "Grant",
    "Hold",
    "HoldResolution",
    "LedgerEntry",
    "LedgerIncident",
    "LedgerTx",
    "Lot",
    "LotMove",
    "PendingGrant",
    "Programme",
    "Promotion",
    "PromotionVersion",
    "Purchase",
    "PurchaseRefund",
    "Wallet",
]
