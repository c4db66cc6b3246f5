"""Limits and budgets that are counted over receipts: claimed, held, given back, shown, proved."""
