"""The ledger: the only writer of points. Lock order: wallets by id, then everything else."""

from rewards.services.ledger.activation import activate_pending
from rewards.services.ledger.adjustments import adjust
from rewards.services.ledger.batches import post_many
from rewards.services.ledger.expiry import expire_inactive, expire_lots
from rewards.services.ledger.holds import capture_hold, expire_due_holds, place_hold, void_hold
from rewards.services.ledger.locks import lock_wallet, lock_wallets
from rewards.services.ledger.merging import merge_wallets
from rewards.services.ledger.opening import wallet_for
from rewards.services.ledger.purchases import post_purchase
from rewards.services.ledger.refusals import refusals
from rewards.services.ledger.reversals import reverse_purchase
from rewards.services.ledger.unmerging import unmerge_wallets
from rewards.services.ledger.values import (
    Captured,
    Earn,
    Event,
    Expired,
    Posted,
    PostedMany,
    Reversal,
    WalletState,
)

__all__ = [
    "Captured",
    "Earn",
    "Event",
    "Expired",
    "Posted",
    "PostedMany",
    "Reversal",
    "WalletState",
    "activate_pending",
    "adjust",
    "capture_hold",
    "expire_due_holds",
    "expire_inactive",
    "expire_lots",
    "lock_wallet",
    "lock_wallets",
    "merge_wallets",
    "place_hold",
    "post_many",
    "post_purchase",
    "refusals",
    "reverse_purchase",
    "unmerge_wallets",
    "void_hold",
    "wallet_for",
]
