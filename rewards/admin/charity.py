"""Charity in the back office: causes, what is pledged and paid, payments and their counter rows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.staff import names_of
from rewards.admin.amounts import money
from rewards.admin.catalogue import FormPages
from rewards.forms.catalogue import CauseForm, CausePaymentForm, WhyForm
from rewards.models import Cause, CausePayment, Programme
from rewards.services import charity
from rewards.services.charity.report import outstanding
from rewards.services.programmes import default_or_none, default_programme

CHANGE, PAY = "rewards.change_cause", "rewards.pay_cause"
MONTHS, PAYMENTS = 12, 50
COLOURS = {"sales": "#2563eb", "points": "#f59e0b"}


@admin.register(Cause)
class CauseAdmin(FormPages):
    list_display = ["name", "code", "is_active", "is_default"]
    list_filter = ["is_active"]
    search_fields = ["name", "code"]
    ordering = ["name"]
    sortable_by = ()
    list_before_template = "admin/rewards/_causes_top.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_cause"))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            path("report/", guard(self.report_page), name="rewards_cause_report"),
            path("<int:cause_id>/pay/", guard(self.pay_page), name="rewards_cause_pay"),
            path(
                "payments/<int:payment_id>/counter/",
                guard(self.counter_page),
                name="rewards_causepayment_counter",
            ),
        ]
        return [*own, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._edit(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            self.need(request, CHANGE)
        pk = int(object_id) if object_id.isdecimal() else 0
        return self._edit(request, get_object_or_404(Cause, pk=pk))

    def _edit(self, request: HttpRequest, cause: Cause | None) -> HttpResponse:
        names = ("code", "url", "is_active", "is_default")
        start = (
            {**{name: getattr(cause, name) for name in names}, **CauseForm.words_of(cause)}
            if cause
            else {}
        )
        form = CauseForm(request.POST or None, initial=start)
        if cause:
            form.fields["code"].disabled = True

        def work() -> None:
            charity.save_cause(
                terms=form.terms(),
                programme=cause.programme if cause else default_programme(),
                cause=cause,
                actor=user_actor(request.user),
            )

        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(self.list_url())
        title = cause.title if cause else _("A new cause")
        closed = cause is not None and not request.user.has_perm(CHANGE)
        return self.form_page(request, form, title, self.list_url(), closed=closed)

    def report_page(self, request: HttpRequest) -> HttpResponse:
        """By cause: pledged by sales and points, paid, still owed; a chart by month."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        programme = default_programme()
        rows = charity.standings(programme=programme)
        made = CausePayment.objects.select_related("cause", "reversed_by").order_by("-pk")
        payments = list(made[:PAYMENTS])
        who = names_of(one.actor for one in payments)
        context = self.framed(
            request,
            _("Pledged and paid"),
            rows=_rows(rows, programme),
            chart=json.dumps(_chart(programme)),
            may_pay=request.user.has_perm(PAY),
            payments=[
                {
                    "one": one,
                    "amount": money(one.amount_minor, programme.currency),
                    "by": who.get(one.actor),
                    "is_open": one.reverses_id is None and not hasattr(one, "reversed_by"),
                }
                for one in payments
            ],
        )
        return TemplateResponse(request, "admin/rewards/cause_report.html", context)

    def pay_page(self, request: HttpRequest, cause_id: int) -> HttpResponse:
        """Write a payment down; the amount that is owed stands there already."""
        self.need(request, PAY)
        cause = get_object_or_404(Cause.objects.select_related("programme"), pk=cause_id)
        owed, currency = outstanding(cause), cause.programme.currency
        start = {"amount": max(owed, 0), "paid_on": clock.now().date()}
        form = CausePaymentForm(request.POST or None, initial=start)
        form.fields["amount"].currency = currency  # type: ignore[attr-defined]
        back = reverse("admin:rewards_cause_report")

        def work() -> None:
            typed = form.cleaned_data
            charity.pay_cause(
                cause=cause, amount_minor=typed["amount"] or 0, paid_on=typed["paid_on"],
                document=typed["document"], actor=user_actor(request.user),
            )  # fmt: skip

        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(back)
        says = _("Owed to %(cause)s: %(owed)s") % {
            "cause": cause.title, "owed": money(owed, currency),
        }  # fmt: skip
        return self.form_page(request, form, _("Write down a payment"), back, says=says)

    def counter_page(self, request: HttpRequest, payment_id: int) -> HttpResponse:
        """A row that takes the payment back; both stay in sight."""
        self.need(request, PAY)
        payments = CausePayment.objects.select_related("cause__programme")
        payment = get_object_or_404(payments, pk=payment_id)
        form, back = WhyForm(request.POST or None), reverse("admin:rewards_cause_report")

        def work() -> None:
            charity.counter_payment(
                payment=payment,
                reason=form.cleaned_data["reason"],
                actor=user_actor(request.user),
            )

        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(back)
        amount = money(payment.amount_minor, payment.cause.programme.currency)
        says = f"{payment.document} · {payment.cause.title} · {amount}"
        return self.form_page(request, form, _("Counter the payment"), back, says=says)


def _rows(rows: list[charity.Standing], programme: Programme) -> list[dict[str, Any]]:
    most = max([row.pledged for row in rows] + [1])

    def text(minor: int) -> str:
        return money(minor, programme.currency)

    return [
        {
            "cause": row.cause,
            "name": row.cause.title if row.cause else row.code,
            "by_sales": text(row.by_sales),
            "by_points": text(row.by_points),
            "pledged": text(row.pledged),
            "paid": text(row.paid),
            "owed": text(row.outstanding),
            "is_owed": row.outstanding > 0 and row.cause is not None,
            "gifts": row.gifts,
            "share": max(0, 100 * row.pledged // most),
            "paid_share": max(0, min(100, 100 * row.paid // max(row.pledged, 1))),
        }
        for row in rows
    ]


def _chart(programme: Programme) -> dict[str, Any] | None:
    """Pledged money of the last months for Chart.js, by where it came from."""
    since = clock.now().date() - timedelta(days=31 * (MONTHS - 1))
    months = charity.totals_by_month(programme=programme, since=since)
    if not months:
        return None
    names = {"sales": _("with purchases"), "points": _("with points")}
    return {
        "labels": [date_format(month, "M y") for month in months],
        "datasets": [
            {
                "label": label,
                "data": [_whole(told.get(origin, 0), programme) for told in months.values()],
                "backgroundColor": COLOURS[origin],
            }
            for origin, label in names.items()
        ],
    }


def _whole(minor: int, programme: Programme) -> float:
    return float(Money(minor, programme.currency).as_decimal())


# The public counter


@require_safe
def public_counter(request: HttpRequest) -> HttpResponse:
    """For everybody: what members gave to which cause, and what has been paid out of it."""
    asked = request.GET.get("language", "")
    language = asked if asked in dict(settings.LANGUAGES) else translation.get_language()
    with translation.override(language):
        return _counter(request)


def _counter(request: HttpRequest) -> HttpResponse:
    programme = default_or_none()
    rows = charity.standings(programme=programme) if programme else []
    known = [row for row in rows if row.cause and (row.cause.is_active or row.pledged)]
    shown = _rows(known, programme) if programme else []
    total = sum(row.pledged for row in known)
    context = {
        "rows": sorted(shown, key=lambda row: -row["share"]),
        "total": money(total, programme.currency) if programme else "",
        "gifts": sum(row.gifts for row in known),
        "languages": settings.LANGUAGES,
    }
    response = render(request, "charity.html", context)
    response["Cache-Control"] = "public, max-age=60"
    return response
