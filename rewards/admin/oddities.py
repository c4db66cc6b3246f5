"""Warnings about a promotion in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from rewards.rules.lint import Oddity

WORDS = {
    "window_past": gettext_lazy("Its time is over: it will never apply again."),
    "contradiction": gettext_lazy("Its conditions rule each other out: it can never apply."),
    "may_go_below_cost": gettext_lazy("It can sell goods below cost: set a floor."),
    "overlap": gettext_lazy(
        "It meets %(with)s on the same goods, and no group says how they go together."
    ),
    "shadowed": gettext_lazy("%(by)s of the same group always comes first: it never applies."),
    "unknown_group": gettext_lazy("The programme has no stacking group %(group)s."),
}


def oddity_words(oddity: Oddity) -> str:
    return str(WORDS[oddity.code] % oddity.params)
