"""Gift cards: money that was paid in advance. The ledger moves it, here is who may."""

from rewards.services.gift_cards.cashing import cash_out, count_check
from rewards.services.gift_cards.finding import by_number, check_pin, find
from rewards.services.gift_cards.issuing import issue, revealed
from rewards.services.gift_cards.moving import (
    Moved,
    activate,
    load,
    pay_back_sale,
    redeem,
    restore,
    transfer,
)
from rewards.services.gift_cards.states import block, deactivate, unblock, unlock

__all__ = [
    "Moved",
    "activate",
    "block",
    "by_number",
    "cash_out",
    "check_pin",
    "count_check",
    "deactivate",
    "find",
    "issue",
    "load",
    "pay_back_sale",
    "redeem",
    "restore",
    "revealed",
    "transfer",
    "unblock",
    "unlock",
]
