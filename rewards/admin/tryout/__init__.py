"""Trying promotions before launch: a sandbox, back-tests, ends of pilots, points after the fact."""

from rewards.admin.tryout import backtests, retro

__all__ = ["backtests", "retro"]
