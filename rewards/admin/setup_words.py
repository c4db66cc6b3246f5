"""What the wizard calls what it makes, and the first words of its messages."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: By the code of a promotion, a tier, a card or a kind of action.
NAMES: dict[str, str | Promise] = {
    "base": _("Base earning rule"),
    "second-visit": _("Second visit, 10 % off"),
    "double-day": _("More points on Wednesdays"),
    "bigger-basket": _("Extra points for a bigger basket"),
    "first-purchase": _("Points for the first purchase"),
    "welcome-back": _("Welcome back, 15 % off"),
    "quiet-hours": _("Quiet hours, 10 % off"),
    "our-category": _("Extra points for what we are known for"),
    "second-item": _("Second item, 30 % off"),
    "litre-points": _("Points for a litre"),
    "silver-points": _("Silver earns more"),
    "gold-points": _("Gold earns most"),
    "cafe-card": _("Every seventh is free"),
    "salon-card": _("Every tenth is free"),
    "free-piece": _("A free one for a full card"),
    "club": _("Club"),
    "member": _("Member"),
    "silver": _("Silver"),
    "gold": _("Gold"),
    "policy_renewed": _("Policy renewed"),
    "claim_free_year": _("A year without a claim"),
    "review": _("Review"),
    "birthday": _("Birthday"),
    "welcome": _("Welcome"),
    "anniversary": _("Anniversary of joining"),
}

#: Drafts to begin campaigns with. ``{name}``, ``{points}`` and ``{date}`` are filled by them.
MESSAGES: dict[str, str | Promise] = {
    "welcome": _("Welcome, {name}! Show your card with every purchase: it earns points at once."),
    "birthday": _("Happy birthday, {name}! {points} points wait for you as a gift."),
    "expiring": _("{name}, {points} points expire on {date}. Come by and use them."),
    "quiet": _("{name}, we have missed you. You have {points} points to spend."),
}
