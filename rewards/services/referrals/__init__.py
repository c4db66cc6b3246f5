"""Referrals: a code that brings a friend, what the friend has to do, and what both get."""

from rewards.services.referrals.attaching import attach
from rewards.services.referrals.codes import code_of, count_look, owner_of, see_device
from rewards.services.referrals.deciding import approve, claw_back, refuse
from rewards.services.referrals.paying import pay_due
from rewards.services.referrals.terms import save_terms, terms_of

__all__ = [
    "approve",
    "attach",
    "claw_back",
    "code_of",
    "count_look",
    "owner_of",
    "pay_due",
    "refuse",
    "save_terms",
    "see_device",
    "terms_of",
]
