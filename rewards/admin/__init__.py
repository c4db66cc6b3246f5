"""The door for marketers: one noun a file."""

from rewards.admin import (
    awards,
    checkout,
    coupons,
    gift_cards,
    groups,
    ledger,
    programmes,
    promotions,
    rules_page,
    tiers,
    tryout,
    wallets,
)

__all__ = [
    "awards",
    "checkout",
    "coupons",
    "gift_cards",
    "groups",
    "ledger",
    "programmes",
    "promotions",
    "rules_page",
    "tiers",
    "tryout",
    "wallets",
]
