"""The door for marketers: one noun a file."""

from rewards.admin import (
    checkout,
    gift_cards,
    groups,
    ledger,
    programmes,
    promotions,
    rules_page,
    tiers,
    wallets,
)

__all__ = [
    "checkout",
    "gift_cards",
    "groups",
    "ledger",
    "programmes",
    "promotions",
    "rules_page",
    "tiers",
    "wallets",
]
