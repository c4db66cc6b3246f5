"""Bulk loaders of facts: files of receipts, read in a bounded memory and written set by set.

``docs/import.md`` describes the layout and the mapping files. What a receipt
earns is not known here: ``rewards.services.history`` calls these loaders, and
posts points in the same transaction.
"""
