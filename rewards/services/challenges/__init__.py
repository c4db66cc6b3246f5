"""Challenges, streaks and badges: counted from receipts, after the sale, off the till's path."""
