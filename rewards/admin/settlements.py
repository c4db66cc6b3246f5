"""Settlements in the back office: counted by one, approved by another, then closed."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.staff import names_of
from rewards.admin.amounts import money
from rewards.admin.form_pages import FormPages
from rewards.forms.partners import NothingForm
from rewards.models import Settlement
from rewards.services.partners import settling, statements

APPROVE, COUNT = "rewards.approve_settlement", "rewards.add_settlement"
KINDS = {"pdf": "application/pdf", "xlsx": "application/vnd.ms-excel"}
_LOOKS: dict[str, Colour] = {
    Settlement.State.DRAFT: "warning",
    Settlement.State.APPROVED: "success",
    Settlement.State.CANCELLED: "default",
}


@admin.register(Settlement)
class SettlementAdmin(FormPages, ReadOnlyAdmin):
    list_display = ["title", "last_day", "chip_of_state", "operations", "net", "who"]
    list_filter = ["state", "partner"]
    list_select_related = ["partner__programme"]
    ordering = ["-id"]
    sortable_by = ()

    @admin.display(description=gettext_lazy("settlement"))
    def title(self, settlement: Settlement) -> str:
        return f"{settlement.partner.name} · {settlement.number}"

    @chip(gettext_lazy("state"), _LOOKS)
    def chip_of_state(self, settlement: Settlement) -> tuple[str, str]:
        return settlement.state, settlement.get_state_display()

    @admin.display(description=gettext_lazy("amount"))
    def net(self, settlement: Settlement) -> str:
        return money(abs(settlement.net_minor), settlement.partner.programme.currency)

    @admin.display(description=gettext_lazy("who owes whom"))
    def who(self, settlement: Settlement) -> str:
        return statements.verdict(settlement)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            ("<int:settlement_id>/approve/", self.approve_page, "approve"),
            ("<int:settlement_id>/cancel/", self.cancel_page, "cancel"),
            ("<int:settlement_id>/statement.<slug:kind>", self.file_page, "file"),
        ]
        return [
            *(path(at, guard(view), name=f"rewards_settlement_{name}") for at, view, name in own),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One settlement: its totals, its days, and its proof against the ledger."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        settlement = self._settlement(object_id)
        days, currency = statements.days_of(settlement), settlement.partner.programme.currency
        who = names_of(one for one in (settlement.created_by, settlement.decided_by) if one)
        is_open = settlement.state == Settlement.State.DRAFT
        is_own = settlement.created_by == user_actor(request.user).label
        context = {
            **self.frame(request, statements.title(settlement)),
            "settlement": settlement,
            "period": statements.period(settlement),
            "totals": statements.totals(settlement),
            "chart": json.dumps(chart_of(days)) if days else "",
            "days": [{"day": day, "due": money(day.due_minor, currency)} for day in days],
            "by": who.get(settlement.created_by),
            "decided_by": who.get(settlement.decided_by),
            "may_approve": is_open and not is_own and request.user.has_perm(APPROVE),
            "may_cancel": is_open and request.user.has_perm(COUNT),
            "waits": is_open and is_own,
        }
        return TemplateResponse(request, "admin/rewards/settlement.html", context)

    def approve_page(self, request: HttpRequest, settlement_id: int) -> HttpResponse:
        """Close the period. Whoever counted it cannot."""
        self.need(request, APPROVE)
        settlement = self._settlement(settlement_id)
        return self._step(
            request,
            settlement,
            settling.approve_settlement,
            _("Approve the settlement"),
            _("It is held against the ledger once more, and then closed for good."),
        )

    def cancel_page(self, request: HttpRequest, settlement_id: int) -> HttpResponse:
        self.need(request, COUNT)
        settlement = self._settlement(settlement_id)
        return self._step(
            request,
            settlement,
            settling.cancel_settlement,
            _("Cancel the settlement"),
            _("What it took is free again for the next one."),
        )

    def file_page(self, request: HttpRequest, settlement_id: int, kind: str) -> HttpResponse:
        """The statement as a workbook or a page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        settlement = self._settlement(settlement_id)
        if kind not in KINDS:
            raise Http404
        make = statements.as_pdf if kind == "pdf" else statements.as_xlsx
        file = HttpResponse(make(settlement), content_type=KINDS[kind])
        name = f"settlement-{settlement.partner.code}-{settlement.number}.{kind}"
        file["Content-Disposition"] = f'attachment; filename="{name}"'
        return file

    def _step(
        self, request: HttpRequest, settlement: Settlement, step: Any, title: str, says: str
    ) -> HttpResponse:
        return self.form_page(
            request,
            NothingForm(request.POST or None),
            partial(step, settlement=settlement, actor=user_actor(request.user)),
            title=title,
            said=_("Done."),
            back=reverse("admin:rewards_settlement_change", args=[settlement.pk]),
            says=says,
        )

    def _settlement(self, settlement_id: object) -> Settlement:
        known = Settlement.objects.select_related("partner__programme")
        asked = settlement_id if str(settlement_id).isdecimal() else None
        return get_object_or_404(known, pk=asked)


def chart_of(days: list[statements.Day]) -> dict[str, Any]:
    """Data for Chart.js: points given and taken by day."""
    return {
        "labels": [date_format(day.day, "j M") for day in days],
        "datasets": [
            {
                "label": _("points given"),
                "data": [day.earned for day in days],
                "backgroundColor": "#0f766e",
            },
            {
                "label": _("points taken"),
                "data": [day.burned for day in days],
                "backgroundColor": "#d97706",
            },
        ],
    }
