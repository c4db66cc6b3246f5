"""From answers to a programme: earning, offers, a ladder, a stamp card, gifts, messages.

The share that is given back is split once: ``base`` of it is what every purchase
earns, the rest is meant for the offers of the goal. What a year of a usual member
really comes to is reckoned by ``year.usual_year`` with the rules of the till.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from rewards.rules.definitions import parse
from rewards.rules.setup.answers import Answers, Goal, Trade
from rewards.rules.templates import by_code
from rewards.rules.templates.template import Document, offer

Kind = Literal["birthday", "welcome", "anniversary", "policy_renewed", "claim_free_year", "review"]


class Offer(msgspec.Struct, frozen=True):
    """A promotion to be: its code names it in ``rewards.admin.setup_words``, too."""

    code: str
    definition: Document


class TierPlan(msgspec.Struct, frozen=True):
    """A step of the ladder by a year's spend, and how many tenths of the base points it earns."""

    code: str
    threshold_minor: int
    tenths: int


class StampPlan(msgspec.Struct, frozen=True):
    """So many stamps for pieces of a category make one free coupon of the promotion ``reward``."""

    code: str
    needed: int
    reward: str


class Gift(msgspec.Struct, frozen=True):
    """Points, in units of the wallet, for something else than a purchase."""

    kind: Kind
    points: int


class Plan(msgspec.Struct, frozen=True):
    """Everything the wizard would make. ``base`` and ``extra``: hundredths of a per cent of sales.

    ``messages``: codes of ``rewards.admin.setup_words.MESSAGES``.
    """

    base: int
    extra: int
    settings: dict[str, Any]
    earning: Document
    offers: tuple[Offer, ...]
    tiers: tuple[TierPlan, ...]
    stamps: StampPlan | None
    gifts: tuple[Gift, ...]
    messages: tuple[str, ...]

    @property
    def documents(self) -> tuple[Offer, ...]:
        """The earning and the offers, in the order in which they are made."""
        return (Offer("base", self.earning), *self.offers)


#: Months that points live, the most of a receipt that they pay in per cent, days until active.
_LIFE: Final[dict[Trade, tuple[int, int, int]]] = {
    "cafe": (6, 100, 0), "grocery": (12, 50, 0), "fashion": (12, 30, 14), "salon": (12, 50, 0),
    "pharmacy": (12, 50, 0), "fuel": (12, 100, 0), "mall": (12, 100, 14),
    "insurance": (36, 20, 30),
}  # fmt: skip
#: Of what is given back, per cent for the base earning.
_BASE: Final[dict[Goal, int]] = {
    "return": 50, "basket": 60, "newcomers": 60, "keep": 60, "status": 50,
}  # fmt: skip
_STEPS: Final = (("member", 0, 10), ("silver", 1, 12), ("gold", 2, 15))
_TIERED: Final[frozenset[Trade]] = frozenset({"fashion", "salon", "mall", "insurance", "fuel"})
_STAMPED: Final[frozenset[Trade]] = frozenset({"cafe", "salon"})
_MESSAGES: Final = ("welcome", "birthday", "expiring", "quiet")


def plan_for(
    answers: Answers, *, points_scale: int, point_value_minor: int, base: int | None = None
) -> Plan:
    """The same answers give the same plan. Every definition in it is checked.

    ``base`` in the place of the goal's share, for offers that cost more than theirs.
    """
    if base is None:
        base = answers.give_back * _BASE[answers.goal] // 100
    months, share, delay = _LIFE[answers.trade]
    tiers = _tiers(answers)
    points = _Points(answers, 10**points_scale, point_value_minor)
    plan = Plan(
        base=base,
        extra=answers.give_back - base,
        settings={
            "expiry": "rolling", "expiry_days": months * 365 // 12, "activation_delay_days": delay,
            "max_points_share_percent": share,
        },
        earning=_cashback(base),
        offers=(*_by_goal(answers, points), *_by_trade(answers, points), *_for_tiers(tiers)),
        tiers=tiers,
        stamps=_stamps(answers),
        gifts=_gifts(answers, points),
        messages=_MESSAGES,
    )  # fmt: skip
    for one in plan.documents:
        parse(one.definition)
    return plan


class _Points(msgspec.Struct, frozen=True):
    """Amounts of points that are worth a share of a usual receipt."""

    answers: Answers
    units: int
    value_minor: int

    def worth(self, percent_of_receipt: int) -> int:
        money = self.answers.receipt_minor * percent_of_receipt // 100
        return max(money // self.value_minor, 1) * self.units


def _cashback(basis_points: int) -> Document:
    effect = {"kind": "cashback", "phase": "base", "basis_points": max(basis_points, 1)}
    return offer(effect)


def _built(code: str, template: str, **values: Any) -> Offer:
    return Offer(code, by_code[template].build(values))


def _by_goal(answers: Answers, points: _Points) -> tuple[Offer, ...]:
    extra = answers.give_back * (100 - _BASE[answers.goal]) // 100
    pause = 365 // max(answers.visits_a_year, 1)
    match answers.goal:
        case "return":
            # Points of one day in seven count so many times more that the share is used up.
            times = min(10 + 70 * extra // max(answers.give_back - extra, 1), 50)
            second = _built(
                "second-visit", "second_purchase", percent=1_000, days=max(2 * pause, 7)
            )
            return (second, _built("double-day", "double_points", times=max(times, 11)))
        case "basket":
            bigger = {"kind": "basket_total", "amount_minor": answers.receipt_minor * 3 // 2}
            effect = {"kind": "cashback", "phase": "bonus", "basis_points": max(2 * extra, 1)}
            return (Offer("bigger-basket", offer(effect, when=(bigger,))),)
        case "newcomers":
            first = _built("first-purchase", "welcome", points=points.worth(20))
            return (first, _built("second-visit", "second_purchase", percent=1_000, days=30))
        case "keep":
            away = max(3 * pause, 30)
            return (_built("welcome-back", "win_back", percent=1_500, days=min(away, 3_650)),)
        case "status":
            return ()


def _by_trade(answers: Answers, points: _Points) -> tuple[Offer, ...]:
    """Offers for the category that the shop is known for."""
    if not answers.goods:
        return ()
    goods = {"categories": [answers.goods]}
    match answers.trade:
        case "cafe":
            return (_built("quiet-hours", "happy_hours", goods=goods, percent=1_000),)
        case "grocery" | "pharmacy" | "mall":
            percent = max(answers.give_back // 2, 1)
            return (_built("our-category", "cashback", goods=goods, percent=percent),)
        case "fashion":
            return (_built("second-item", "second_cheaper", goods=goods, percent=3_000),)
        case "fuel":
            return (_built("litre-points", "fuel_points", goods=goods, points=points.units),)
        case "salon" | "insurance":
            return ()


def _tiers(answers: Answers) -> tuple[TierPlan, ...]:
    """Half of the members reach silver with a usual year; gold wants twice as much."""
    if answers.goal != "status" and answers.trade not in _TIERED:
        return ()
    return tuple(
        TierPlan(code, answers.year_minor * factor, tenths) for code, factor, tenths in _STEPS
    )


def _for_tiers(tiers: tuple[TierPlan, ...]) -> tuple[Offer, ...]:
    return tuple(
        Offer(
            f"{tier.code}-points",
            offer(
                {"kind": "multiply_points", "tenths": tier.tenths},
                when=({"kind": "tiers", "codes": [tier.code]},),
            ),
        )
        for tier in tiers
        if tier.tenths > 10
    )


def _stamps(answers: Answers) -> StampPlan | None:
    if answers.trade not in _STAMPED or not answers.goods:
        return None
    return StampPlan(f"{answers.trade}-card", 6 if answers.trade == "cafe" else 9, "free-piece")


def free_piece(goods: str) -> Document:
    """The coupon of a full stamp card: one piece of the category for nothing."""
    effect = {"kind": "pieces_off", "of": 1, "take": 1, "off": {"kind": "free"}, "max_times": 1}
    include = {"categories": [goods]}
    return offer(effect, goods=include, coupon={"required": True})


def _gifts(answers: Answers, points: _Points) -> tuple[Gift, ...]:
    gifts = [Gift("birthday", points.worth(10))]
    if answers.goal == "newcomers":
        gifts.append(Gift("welcome", points.worth(10)))
    if answers.goal in ("keep", "status"):
        gifts.append(Gift("anniversary", points.worth(20)))
    if answers.trade == "insurance":
        gifts += [Gift("policy_renewed", points.worth(5)), Gift("claim_free_year", points.worth(3))]
    if answers.trade in ("salon", "fashion"):
        gifts.append(Gift("review", points.worth(2)))
    return tuple(gifts)
