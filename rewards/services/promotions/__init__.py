"""Promotions: created once, worded anew by immutable versions, of which one is live.

A version goes from draft to review, to a date, to the tills, to a pause, to its end;
``rewards.models.PromotionVersion`` has the states, the database holds the edges. Every
step locks the promotion, is written into the trail and announced by the outbox.
"""

from rewards.services.promotions.review import approve, reject, submit, withdraw
from rewards.services.promotions.running import (
    end,
    go_live,
    pause,
    publish,
    resume,
    schedule,
)
from rewards.services.promotions.steps import expect
from rewards.services.promotions.timing import move_due
from rewards.services.promotions.wording import create, discard, draft, duplicate, rename

__all__ = [
    "approve",
    "create",
    "discard",
    "draft",
    "duplicate",
    "end",
    "expect",
    "go_live",
    "move_due",
    "pause",
    "publish",
    "reject",
    "rename",
    "resume",
    "schedule",
    "submit",
    "withdraw",
]
