"""The door for marketers: one noun a file."""

from rewards.admin import (
    checkout,
    coupons,
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
    "coupons",
    "gift_cards",
    "groups",
    "ledger",
    "programmes",
    "promotions",
    "rules_page",
    "tiers",
    "wallets",
]
