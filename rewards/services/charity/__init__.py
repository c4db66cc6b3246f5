"""Charity: causes, pledges of members, payments to causes, and what stands between them."""

from rewards.services.charity.causes import CauseTerms, choose_cause, chosen_cause, save_cause
from rewards.services.charity.paying import counter_payment, pay_cause
from rewards.services.charity.report import Standing, standings, totals_by_month

__all__ = [
    "CauseTerms",
    "Standing",
    "choose_cause",
    "chosen_cause",
    "counter_payment",
    "pay_cause",
    "save_cause",
    "standings",
    "totals_by_month",
]
