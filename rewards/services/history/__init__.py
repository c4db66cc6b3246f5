"""Receipts of the past: facts and points in one transaction a chunk."""

from rewards.services.history.run import Outcome, import_history, unfinished_run

__all__ = ["Outcome", "import_history", "unfinished_run"]
