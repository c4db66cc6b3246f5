"""One basket under the live rules and under others, side by side. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from uuid import UUID

import msgspec

from rewards.rules.basket import Window
from rewards.rules.coupons import ShownCoupon
from rewards.rules.needs import Needs
from rewards.services import rule_sets
from rewards.services.checkout.asks import Ask
from rewards.services.checkout.award_wire import AwardOut
from rewards.services.checkout.buyers import Past
from rewards.services.checkout.facts import Facts, WalletFacts, WhoFacts, read_facts
from rewards.services.checkout.inputs import Standing
from rewards.services.checkout.pricing import price
from rewards.services.checkout.quoting import carries_of
from rewards.services.checkout.wire import (
    DecisionOut,
    EarnOut,
    LineOut,
    QuoteOut,
    RedeemOut,
    TotalsOut,
    quote_out,
)
from rewards.services.rule_sets import Compiled
from rewards.services.tryout.sides import (
    VersionRef,
    check_codes,
    find_versions,
    pair,
    rebuilt,
    timeless,
)

_NOBODY = UUID(int=0)


class Invented(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer who does not exist: what the rules shall believe of them.

    ``spend_minor`` and ``visits`` answer every window of time that a rule asks about.
    """

    purchases: int = 0
    last_purchase_on: date | None = None
    birth_date: date | None = None
    enrolled_on: date | None = None
    tags: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    tier: str | None = None
    spend_minor: int = 0
    visits: int = 0
    categories: tuple[str, ...] = ()
    points: int = 0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A basket, the versions to try on it, and the promotions to leave out.

    ``coupons_of`` are promotions whose coupon counts as shown, though there is none.
    """

    ask: Ask
    versions: tuple[VersionRef, ...] = ()
    without: tuple[str, ...] = ()
    invented: Invented | None = None
    coupons_of: tuple[str, ...] = ()


class SideOut(msgspec.Struct, kw_only=True):
    """What a quote under one set of rules says."""

    lines: list[LineOut]
    totals: TotalsOut
    points: EarnOut
    redeem: RedeemOut
    awards: list[AwardOut]
    decisions: list[DecisionOut]


class DifferenceOut(msgspec.Struct, kw_only=True):
    """A number that differs: of a line, or (``line`` null) of the whole receipt."""

    line: int | None
    what: str
    live: int
    trial: int


class SimulationOut(msgspec.Struct, kw_only=True):
    live: SideOut
    trial: SideOut
    differences: list[DifferenceOut]


def simulate(*, question: Question, compiled: Compiled) -> SimulationOut:
    """Price the basket twice. Four queries at most, none of them a write.

    Versions on trial count whatever their dates: the question is what they do. The
    live rules count at the moment of the sale.
    """
    programme = compiled.programme
    check_codes(programme, question.without)
    versions = find_versions(programme, question.versions)
    trial = [timeless(rule_sets.rule_of(version)) for version in versions]
    sides = pair(compiled, compiled.rules.rules, trial, question.without)
    both = replace(compiled, rules=rebuilt(compiled.rules, [*sides.before.rules, *trial]))
    ask = _with_coupons(question)
    facts = _facts(question, ask, both)
    live = _side(ask, facts, compiled)
    other = _side(ask, facts, replace(compiled, rules=sides.after))
    return SimulationOut(live=live, trial=other, differences=list(_differences(live, other)))


def _side(ask: Ask, facts: Facts, compiled: Compiled) -> SideOut:
    priced = price(ask, facts, compiled, carries=carries_of(facts, compiled))
    told: QuoteOut = quote_out(priced, quote_id="", expires_at=ask.occurred_at)
    return SideOut(**{name: getattr(told, name) for name in SideOut.__struct_fields__})


def _facts(question: Question, ask: Ask, compiled: Compiled) -> Facts:
    facts = read_facts(ask, compiled)
    if question.coupons_of:
        assumed = [_coupon(-no, one) for no, one in enumerate(question.coupons_of, start=1)]
        shown = [*(facts.coupons or ()), *assumed]
        facts = msgspec.structs.replace(facts, coupons=shown)
    if question.invented is None:
        return facts
    return _as_invented(facts, question.invented, compiled.rules.needs)


def _as_invented(facts: Facts, buyer: Invented, needs: Needs) -> Facts:
    window = Window(spend_minor=buyer.spend_minor, visits=buyer.visits)
    return msgspec.structs.replace(
        facts,
        member=WhoFacts(
            id=0,
            public_id=_NOBODY,
            status="active",
            birth_date=buyer.birth_date,
            enrolled_at=_noon(buyer.enrolled_on or date(2000, 1, 1)),
        ),
        wallet=WalletFacts(0, _NOBODY, "active", buyer.points, 0),
        standing=Standing(
            tags=frozenset(buyer.tags), segments=frozenset(buyer.segments), tier=buyer.tier
        ),
        past=Past(
            purchases=buyer.purchases,
            last_purchase_at=_noon(buyer.last_purchase_on) if buyer.last_purchase_on else None,
            windows=dict.fromkeys(needs.windows, window),
            known_categories=needs.categories & frozenset(buyer.categories),
        ),
    )


def _noon(day: date) -> datetime:
    """A moment that is the same day nearly everywhere."""
    return datetime.combine(day, time(12), UTC)


def _with_coupons(question: Question) -> Ask:
    assumed = tuple(map(_code, question.coupons_of))
    return msgspec.structs.replace(question.ask, coupons=(*question.ask.coupons, *assumed))


def _code(promotion: str) -> str:
    return f"={promotion}"


def _coupon(key: int, promotion: str) -> ShownCoupon:
    """A coupon as good as any, of this promotion."""
    return ShownCoupon(
        id=key,
        code=_code(promotion),
        promotion=promotion,
        batch_id=0,
        batch_state="ready",
        is_revoked=False,
        owner="nobody",
        max_uses=None,
        uses=0,
        held=0,
        uses_per_member=None,
        by_member=0,
        valid_from=None,
        valid_until=None,
        stores=[],
    )


def _differences(live: SideOut, other: SideOut) -> Iterator[DifferenceOut]:
    for was, would in zip(live.lines, other.lines, strict=True):
        yield from _compared(was.line, _of_line(was), _of_line(would))
    yield from _compared(None, _of_side(live), _of_side(other))


def _of_line(line: LineOut) -> dict[str, int]:
    return {
        "discount_minor": line.discount.amount,
        "net_minor": line.net.amount,
        "points": line.points,
    }


def _of_side(side: SideOut) -> dict[str, int]:
    return {
        "discount_minor": side.totals.discount.amount,
        "points_paid_minor": side.totals.points_paid.amount,
        "total_minor": side.totals.total.amount,
        "points": side.points.earn,
        "awards": sum(award.amount for award in side.awards),
    }


def _compared(
    line: int | None, live: Mapping[str, int], trial: Mapping[str, int]
) -> Iterator[DifferenceOut]:
    for what, amount in live.items():
        if amount != trial[what]:
            yield DifferenceOut(line=line, what=what, live=amount, trial=trial[what])
