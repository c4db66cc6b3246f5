"""The counter: one request's basket, priced by the rules of now, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, cast

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.errors import DomainError
from members.till.access import Desk, Panel, View, at_till, is_panel
from rewards.services.checkout.asks import Ask
from rewards.services.checkout.quoting import make_quote
from rewards.services.checkout.wire import QuoteOut
from rewards.services.rule_sets import Compiled, current
from rewards.till.basket import TillBasket
from rewards.till.deal import ask_of, payable_points
from rewards.till.gift_choice import gifts_of
from rewards.till.show import Shower, ShownSale

P = ParamSpec("P")


@dataclass(slots=True)
class Counter:
    """What a panel of the sale page works with. The rule set and the clock are read once."""

    request: HttpRequest
    desk: Desk
    basket: TillBasket
    rules: Compiled
    at: datetime = field(default_factory=clock.now)

    @property
    def currency(self) -> str:
        return self.rules.programme.currency

    @property
    def shower(self) -> Shower:
        return Shower.of(self.rules.programme)

    def ask(self) -> Ask:
        return ask_of(self.basket, self.desk, self.currency, self.at)

    def exact_ask(self) -> Ask:
        """With points that pay to the point; "as many as may be" becomes a number here."""
        ask = self.ask()
        if not ask.redeem_points:
            return ask
        points = payable_points(self.quote(ask), self.rules)
        return msgspec.structs.replace(ask, redeem_points=points)

    def quote(self, ask: Ask | None = None) -> QuoteOut:
        return make_quote(
            ask=ask or self.ask(), compiled=self.rules, now=self.at, actor=self.desk.actor
        )

    def kept(self) -> HttpResponse:
        """The basket as it is now, priced, and kept for the next request."""
        self.basket.keep(self.request)
        return self.show()

    def refused(self, problem: str, **context: object) -> HttpResponse:
        """The basket as it was, with what is wrong; nothing is kept."""
        return self.show(status=422, problem=problem, **context)

    def show(self, status: int = 200, **context: object) -> HttpResponse:
        """The panel for htmx, the whole page for a browser without it."""
        sale, problem = self._sale()
        if problem and "problem" not in context:
            context["problem"], status = problem, 422
        template = "till/_sale.html" if is_panel(self.request) else "till/sale.html"
        return render(
            self.request, template, {"desk": self.desk, "sale": sale, **context}, status=status
        )

    def _sale(self) -> tuple[ShownSale, str]:
        """A member who cannot be served is let go, the goods stay."""
        try:
            return self.shown(self.quote()), ""
        except DomainError as refusal:
            self.basket.serve(None)
            self.basket.keep(self.request)
            return self.shown(self.quote()), refusal.message

    def shown(self, quote: QuoteOut) -> ShownSale:
        gifts = gifts_of(quote, self.rules.rules, self.desk.store)
        return self.shower.sale(self.basket, quote, gifts)


Door = Callable[Concatenate[Counter, P], HttpResponse]


def at_counter(door: Door[P]) -> View[P]:
    """A panel of the sale page, open to whoever has an open shift."""

    @wraps(door)
    def view(request: HttpRequest, desk: Desk, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            rules = current()
        except DomainError as refusal:
            if is_panel(request):
                return HttpResponseClientRedirect(reverse("till:sale"))
            context = {"desk": desk, "problem": refusal.message}
            return render(request, "till/not_ready.html", context, status=409)
        return door(Counter(request, desk, TillBasket.of(request, desk), rules), *args, **kwargs)

    return at_till(cast("Panel[P]", view))
