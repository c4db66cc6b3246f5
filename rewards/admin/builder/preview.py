"""What a wording comes to: its sentence, what is odd about it, and what the sample basket pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
from django.utils.translation import gettext as _

from loyalty_crm.kernel.errors import DomainError
from rewards.admin.amounts import money, points
from rewards.admin.builder.page import Form
from rewards.admin.builder.sample_form import sample_of
from rewards.admin.oddities import oddity_words
from rewards.admin.sentences import Names, sentence
from rewards.models import Programme
from rewards.rules.answers import PricedLine, Quote
from rewards.rules.lint import Oddity
from rewards.rules.rule_set import Rule
from rewards.services import rule_sets, samples
from rewards.services.checkout.reasons import in_words
from rewards.services.promotion_warnings import SHOWN, missing_codes
from rewards.services.rule_sets import Compiled


@dataclass(frozen=True, slots=True)
class PricedRow:
    """One line of the sample as it is sold."""

    name: str
    quantity: str
    gross: str
    off: str
    net: str
    points: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Empty where the form does not say enough yet."""

    sentence: str = ""
    warnings: Sequence[str] = ()
    unfinished: Sequence[tuple[str, str]] = ()
    wrong: int = 0
    rows: Sequence[PricedRow] = ()
    totals: Sequence[tuple[str, str, str]] = ()
    reasons: Sequence[str] = ()
    refusal: str = ""
    is_moved: bool = False


def preview_of(form: Form, now: datetime) -> Preview:
    """Reads only. A fixed number of queries, and one for each kind of code that is named."""
    wrong = sum(not one.is_unfinished for one in form.faults)
    empty = Preview(unfinished=form.unfinished(), wrong=wrong)
    if (definition := form.definition) is None:
        return empty
    compiled = rule_sets.current()
    rule = samples.rule_to_try(
        definition,
        promotion=form.promotion,
        code=form.about["code"],
        name=form.about["name"] or _("This promotion"),
        priority=form.about["priority"],
    )
    said = replace(
        empty,
        sentence=sentence(form.document, form.programme, Names.behind([form.document])),
        warnings=[oddity_words(one) for one in _odd(rule, compiled, now)],
    )
    sample = sample_of(form.state.get("sample"), form.programme, now)
    if refusal := _lacks(sample):
        return replace(said, refusal=refusal)
    try:
        tried = samples.try_sample(rule, sample, compiled)
    except DomainError as refused:
        return replace(said, refusal=refused.message)
    return _with_outcome(said, tried, form.programme)


def _odd(rule: Rule, compiled: Compiled, now: datetime) -> list[Oddity]:
    """What is odd beside the live rules, and codes that stand nowhere: a typing error, mostly."""
    missing = missing_codes([rule], compiled.programme)[rule.version_id]
    return [*samples.oddities(rule, compiled, now), *missing[:SHOWN]]


def _lacks(sample: samples.Sample) -> str:
    """What the basket needs before it can be priced."""
    if not sample.lines:
        return _("Put a product into the sample basket to see what it pays.")
    return "" if sample.store else _("Name a store in the sample basket.")


def _with_outcome(said: Preview, tried: samples.Tried, programme: Programme) -> Preview:
    return replace(
        said,
        rows=[_row(line, programme) for line in tried.with_it.lines],
        totals=_totals(tried.without, tried.with_it, programme),
        reasons=_reasons(tried, programme),
        is_moved=_numbers(tried.without) != _numbers(tried.with_it),
    )


def _row(line: PricedLine, programme: Programme) -> PricedRow:
    return PricedRow(
        name=line.line.name or line.line.sku,
        quantity=f"{line.line.quantity_milli / 1000:g}",
        gross=money(line.line.gross_minor, programme.currency),
        off=money(-line.discount_minor, programme.currency) if line.discount_minor else "",
        net=money(line.net_minor, programme.currency),
        points=points(programme, line.points) if line.points else "",
    )


def _totals(before: Quote, after: Quote, programme: Programme) -> list[tuple[str, str, str]]:
    """What is counted, without the promotion, with it."""

    def amounts(name: str, one: int, two: int) -> tuple[str, str, str]:
        return name, money(one, programme.currency), money(two, programme.currency)

    return [
        amounts(_("to pay"), before.total_minor, after.total_minor),
        amounts(_("discount"), before.discount_minor, after.discount_minor),
        (_("points"), points(programme, before.earned), points(programme, after.earned)),
        (_("rewards"), str(len(before.awards)), str(len(after.awards))),
    ]


def _numbers(quote: Quote) -> tuple[int, int, int]:
    return quote.total_minor, quote.earned, len(quote.awards)


def _reasons(tried: samples.Tried, programme: Programme) -> list[str]:
    said = [in_words(msgspec.to_builtins(one), programme.currency) for one in tried.decisions]
    return list(dict.fromkeys(said))
