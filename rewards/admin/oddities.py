"""Warnings about a promotion in the reader's language."""

from __future__ import annotations

from rewards.services.promotion_warnings import WORDS
from rewards.services.promotion_warnings import in_words as oddity_words

__all__ = ["WORDS", "oddity_words"]
