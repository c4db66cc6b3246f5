"""The door for marketers: one noun a file."""

from members.admin import (
    assortment,
    cards,
    consents,
    groups,
    people,
    products,
    purchases,
    stores,
)

__all__ = [
    "assortment",
    "cards",
    "consents",
    "groups",
    "people",
    "products",
    "purchases",
    "stores",
]
