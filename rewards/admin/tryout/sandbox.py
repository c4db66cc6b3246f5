"""The sandbox: type a basket, read side by side what it costs and earns. Nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import Money
from rewards.admin.amounts import money, points
from rewards.admin.tryout.basket import NotANumber, Typed, offered, question_of, read_lines
from rewards.forms.tryouts import SandboxForm
from rewards.models import Programme
from rewards.services import rule_sets
from rewards.services.checkout.wire import DecisionOut
from rewards.services.programmes import default_programme
from rewards.services.tryout.sandbox import SideOut, SimulationOut, simulate

VIEW = "rewards.view_promotion"
OUTCOMES = {"applied": "is-good", "capped": "is-warn", "beaten": "", "not_matched": ""}


@dataclass(frozen=True, slots=True)
class Pair:
    """One number of both sides; ``differs`` is what the eye looks for."""

    what: str
    live: str
    trial: str
    differs: bool


@dataclass(frozen=True, slots=True)
class LinePair:
    name: str
    quantity: str
    gross: str
    rows: list[Pair]

    @property
    def differs(self) -> bool:
        return any(row.differs for row in self.rows)


@dataclass(frozen=True, slots=True)
class Said:
    """A decision in words. ``only`` marks one that the other side does not make."""

    text: str
    look: str
    outcome: str
    only: bool


def page(request: HttpRequest, frame: dict[str, Any]) -> HttpResponse:
    """The form, and below it the answer. Sent by POST, because a basket is long."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    programme = default_programme()
    sent = request.method == "POST"
    form = SandboxForm(request.POST if sent else None, programme=programme, initial=_asked(request))
    typed = read_lines(request.POST, programme.currency) if sent else Typed()
    context = {**frame, "form": form, "typed": typed, "title": _("Try a basket")}
    if sent and form.is_valid() and typed.is_clean:
        context |= _answer(form, typed, programme)
    wrong = sent and "sides" not in context
    return TemplateResponse(
        request, "admin/rewards/tryout/sandbox.html", context, status=422 if wrong else 200
    )


def products(request: HttpRequest) -> HttpResponse:
    """Options for the row that is being typed."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    found = offered(request.GET.get("what", ""))
    return render(request, "admin/rewards/tryout/_options.html", {"products": found})


def _asked(request: HttpRequest) -> dict[str, Any]:
    """A link may name the versions to begin with."""
    return {"versions": request.GET.getlist("versions")}


def _answer(form: SandboxForm, typed: Typed, programme: Programme) -> dict[str, Any]:
    try:
        question = question_of(form, typed, programme, clock.now())
        told = simulate(question=question, compiled=rule_sets.current())
    except (DomainError, NotANumber) as refusal:
        return {"refused": str(refusal)}
    return {"sides": sides_of(told, programme)}


def sides_of(told: SimulationOut, programme: Programme) -> dict[str, Any]:
    return {
        "differs": bool(told.differences),
        "lines": _lines(told, programme),
        "totals": _totals(told, programme),
        "live": _decisions(told.live, told.trial),
        "trial": _decisions(told.trial, told.live),
    }


def _pair(what: str, live: str, trial: str) -> Pair:
    return Pair(what, live, trial, live != trial)


def _lines(told: SimulationOut, programme: Programme) -> list[LinePair]:
    return [
        LinePair(
            name=was.name or was.sku,
            quantity=was.quantity,
            gross=money(was.gross.amount, programme.currency),
            rows=[
                _pair(
                    _("discount"),
                    _off(was.discount.amount, programme),
                    _off(would.discount.amount, programme),
                ),
                _pair(_("points"), points(programme, was.points), points(programme, would.points)),
            ],
        )
        for was, would in zip(told.live.lines, told.trial.lines, strict=True)
    ]


def _off(minor: int, programme: Programme) -> str:
    return money(-minor, programme.currency) if minor else Money(0, programme.currency).format()


def _totals(told: SimulationOut, programme: Programme) -> list[Pair]:
    was, would = told.live, told.trial

    def amounts(name: str) -> tuple[str, str]:
        both = (getattr(side.totals, name).amount for side in (was, would))
        live, trial = (money(one, programme.currency) for one in both)
        return live, trial

    awards = [", ".join(_awards(side)) or "–" for side in (was, would)]
    return [
        _pair(_("discounts"), *amounts("discount")),
        _pair(_("paid with points"), *amounts("points_paid")),
        _pair(_("to pay"), *amounts("total")),
        _pair(
            _("points earned"),
            points(programme, was.points.earn),
            points(programme, would.points.earn),
        ),
        _pair(_("rewards"), *awards),
    ]


def _awards(side: SideOut) -> list[str]:
    return [f"{one.kind} {one.code} × {one.amount}".replace("  ", " ") for one in side.awards]


def _decisions(side: SideOut, other: SideOut) -> list[Said]:
    known = {(one.promotion, one.version, one.outcome, one.text) for one in other.decisions}
    return [_said(one, known) for one in side.decisions]


def _said(one: DecisionOut, known: set[tuple[str, int, str, str]]) -> Said:
    words = {
        "applied": _("applied"),
        "capped": _("cut"),
        "beaten": _("gave way"),
        "not_matched": _("nearly") if one.near else _("not"),
    }
    return Said(
        text=one.text,
        look=OUTCOMES[one.outcome],
        outcome=words[one.outcome],
        only=(one.promotion, one.version, one.outcome, one.text) not in known,
    )
