"""Gifts by the calendar: welcome, birthday, anniversary. One per member and year, caught up."""

from rewards.services.occasions.giving import run_due, run_occasion
from rewards.services.occasions.settings import save_occasion

__all__ = ["run_due", "run_occasion", "save_occasion"]
