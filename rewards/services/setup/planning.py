"""A look at what the wizard would make. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from loyalty_crm.kernel.errors import ValidationFailed
from rewards.models import Programme
from rewards.rules.setup import Answers, Plan, Year, plan_for, usual_year
from rewards.rules.setup.year import MOST_VISITS
from rewards.services.rule_sets import terms_of

MOST_RECEIPT = 10**9
MOST_GIVEN_BACK = 5_000
#: Every purchase earns something: half a per cent.
LEAST_BASE = 50
STEP = 10


@dataclass(frozen=True)
class Draft:
    """A plan, and what it comes to in a year of a usual member."""

    answers: Answers
    plan: Plan
    year: Year


def draft_of(*, programme: Programme, answers: Answers) -> Draft:
    """Refused with ``ValidationFailed`` when a figure makes no sense.

    Where the offers cost more than their share, every purchase earns so much less; what
    is over even then, the screen says.
    """
    _refuse_senseless(answers)
    draft = _reckoned(programme, answers, None)
    if draft.year.share <= answers.give_back:
        return draft
    return _within(programme, answers, draft.plan.base)


def _within(programme: Programme, answers: Answers, most: int) -> Draft:
    """The dearest base that stays within the share, to a tenth of a per cent; else the least."""
    low = min(LEAST_BASE, most)
    found = _reckoned(programme, answers, low)
    while most - low > STEP:
        middle = (low + most) // 2
        tried = _reckoned(programme, answers, middle)
        if tried.year.share > answers.give_back:
            most = middle
        else:
            low, found = middle, tried
    return found


def _reckoned(programme: Programme, answers: Answers, base: int | None) -> Draft:
    plan = plan_for(
        answers,
        points_scale=programme.points_scale,
        point_value_minor=programme.point_value_minor,
        base=base,
    )
    points_pay = plan.settings["max_points_share_percent"]
    terms = msgspec.structs.replace(terms_of(programme), max_points_share_percent=points_pay)
    return Draft(answers, plan, usual_year(answers, plan, terms))


def _refuse_senseless(answers: Answers) -> None:
    bounds = {
        "receipt_minor": (1, MOST_RECEIPT),
        "visits_a_year": (1, MOST_VISITS),
        "give_back": (1, MOST_GIVEN_BACK),
    }
    for name, (least, most) in bounds.items():
        if not least <= getattr(answers, name) <= most:
            raise ValidationFailed(pointer=f"/{name}")
