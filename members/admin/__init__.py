"""The door for marketers: one noun a file."""

from members.admin import (
    assortment,
    card_designs,
    card_types,
    cards,
    consents,
    groups,
    people,
    portal,
    products,
    purchases,
    stores,
)

__all__ = [
    "assortment",
    "card_designs",
    "card_types",
    "cards",
    "consents",
    "groups",
    "people",
    "portal",
    "products",
    "purchases",
    "stores",
]
