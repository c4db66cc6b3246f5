"""Trying promotions before they are live: one basket, all past receipts, points after the fact."""
