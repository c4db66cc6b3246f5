"""What a wording comes to: its sentence, what is odd about it, and what the sample basket pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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
from rewards.services import rule_sets, samples
from rewards.services.checkout.reasons import in_words


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
    awards: Sequence[str] = ()
    refusal: str = ""
    is_moved: bool = field(default=False)


def preview_of(form: Form, now: datetime) -> Preview:
    """Reads only. The number of queries does not depend on the form."""
    unfinished = form.unfinished()
    wrong = sum(not one.is_unfinished for one in form.faults)
    if (definition := form.definition) is None:
        return Preview(unfinished=unfinished, wrong=wrong)
    compiled = rule_sets.current()
    rule = samples.rule_to_try(
        definition,
        promotion=form.promotion,
        code=form.about["code"],
        name=form.about["name"] or _("This promotion"),
        priority=form.about["priority"],
    )
    said = {
        "sentence": sentence(form.document, form.programme, Names.behind([form.document])),
        "warnings": [oddity_words(one) for one in samples.oddities(rule, compiled, now)],
        "unfinished": unfinished,
        "wrong": wrong,
    }
    sample = sample_of(form.state.get("sample"), form.programme, now)
    if not sample.lines:
        return Preview(
            **said, refusal=_("Put a product into the sample basket to see what it pays.")
        )
    if not sample.store:
        return Preview(**said, refusal=_("Name a store in the sample basket."))
    try:
        tried = samples.try_sample(rule, sample, compiled)
    except DomainError as refused:
        return Preview(**said, refusal=refused.message)
    return Preview(**said, **_outcome(tried, form.programme))


def _outcome(tried: samples.Tried, programme: Programme) -> dict[str, object]:
    quote = tried.with_it
    return {
        "rows": [_row(line, programme) for line in quote.lines],
        "totals": _totals(tried.without, quote, programme),
        "reasons": _reasons(tried, programme),
        "is_moved": _numbers(tried.without) != _numbers(quote),
    }


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
