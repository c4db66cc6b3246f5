"""Coupons: batches of codes, issue, use and rollback. Only these services write their tables."""
