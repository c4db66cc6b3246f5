"""Trying promotions before launch: a sandbox, back-tests, ends of pilots, points after the fact."""

from rewards.admin.tryout.backtests import BackTestAdmin
from rewards.admin.tryout.retro import RetroBatchAdmin

__all__ = ["BackTestAdmin", "RetroBatchAdmin"]
