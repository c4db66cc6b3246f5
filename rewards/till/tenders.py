"""How a sale may be paid here, besides points: cash, a bank card, and what offers ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from rewards.rules.rule_set import RuleSet

NAMES = {"cash": _("cash"), "card": _("bank card")}
#: Kinds that fit on a payment page; offers ask for few.
MOST_KINDS = 8


@dataclass(frozen=True, slots=True)
class ShownTender:
    """A way to pay. ``then``: the kinds that are planned once its button is pressed."""

    kind: str
    name: str
    is_planned: bool
    then: str


def tender_name(kind: str) -> str:
    return str(NAMES.get(kind, kind.replace("_", " ")))


def kinds_of(rules: RuleSet) -> list[str]:
    """The till's own two first, then those that live offers wait for."""
    return [*NAMES, *sorted(rules.needs.tenders - NAMES.keys())][:MOST_KINDS]


def picks_of(rules: RuleSet, planned: Sequence[str]) -> list[ShownTender]:
    """Buttons to plan the payment with; none where no offer asks how it is paid."""
    if not rules.needs.tenders:
        return []
    return [
        ShownTender(kind, tender_name(kind), kind in planned, ",".join(_with(kind, planned)))
        for kind in kinds_of(rules)
    ]


def _with(kind: str, planned: Sequence[str]) -> list[str]:
    """The button names what shall be planned, so that a second press of a slow page is no undo."""
    return sorted({*planned} ^ {kind})


def known(kinds: Iterable[str], rules: RuleSet) -> list[str]:
    """Those of the kinds that this till takes, each once, in its own order."""
    asked = set(kinds)
    return [kind for kind in kinds_of(rules) if kind in asked]
