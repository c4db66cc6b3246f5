"""The door for marketers: one noun a file."""

from members.admin import cards, consents, people, products, purchases, stores

__all__ = ["cards", "consents", "people", "products", "purchases", "stores"]
