"""The door for marketers: one noun a file."""

from rewards.admin import checkout, ledger, programmes, promotions, wallets

__all__ = ["checkout", "ledger", "programmes", "promotions", "wallets"]
