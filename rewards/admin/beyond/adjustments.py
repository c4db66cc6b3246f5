"""Adjustments that wait for a second person, and from how many points on they do."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.staff import names_of
from rewards.admin.amounts import shown, signed
from rewards.admin.beyond.base import DecidedAdmin, SettingsAdmin, who
from rewards.forms.fields import ScaledPointsField
from rewards.forms.rewards import SettingsForm
from rewards.models import AdjustmentRequest, AdjustmentTerms
from rewards.services import adjustments
from rewards.services.programmes import default_programme

State = AdjustmentRequest.State
STATES: dict[str, Colour] = {
    State.WAITING: "warning",
    State.APPROVED: "success",
    State.REJECTED: "danger",
}


class TermsForm(SettingsForm):
    amounts = {"alone_up_to": ScaledPointsField}

    class Meta:
        model = AdjustmentTerms
        fields = ["alone_up_to"]


@admin.register(AdjustmentTerms)
class AdjustmentTermsAdmin(SettingsAdmin):
    """One row: from how many points on a second person has to agree."""

    is_single = True
    form = TermsForm
    list_display = ["programme", "alone_up_to"]
    list_select_related = ["programme"]
    sortable_by = ()

    def save_model(
        self, request: HttpRequest, obj: AdjustmentTerms, form: Any, change: bool
    ) -> None:
        made = adjustments.save_terms(
            programme=default_programme(),
            alone_up_to=obj.alone_up_to,
            actor=user_actor(request.user),
        )
        obj.pk = made.pk


@admin.register(AdjustmentRequest)
class AdjustmentRequestAdmin(DecidedAdmin):
    """Who asked never decides."""

    noun = "request"
    verbs = {
        "approve": (gettext_lazy("Approve and book"), adjustments.approve),
        "reject": (gettext_lazy("Reject"), adjustments.reject),
    }
    permission = "rewards.approve_adjustment"
    list_filter = ["state"]
    list_select_related = ["wallet__programme", "wallet__member"]
    search_fields = ["public_id"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        @admin.display(description=gettext_lazy("member"))
        def member(row: AdjustmentRequest) -> str:
            return str(who(request, row.wallet.member)) if row.wallet.member else ""

        return ["requested_at", member, "amount", "reason", "chip_of_state"]

    @admin.display(description=gettext_lazy("points"))
    def amount(self, row: AdjustmentRequest) -> str:
        return signed(row.wallet, row.points)

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, row: AdjustmentRequest) -> tuple[str, str]:
        return row.state, row.get_state_display()

    def title_of(self, row: AdjustmentRequest) -> str:
        return _("Adjustment of %(points)s points") % {"points": self.amount(row)}

    def open_verbs(self, row: AdjustmentRequest) -> list[str]:
        return ["approve", "reject"] if row.state == State.WAITING else []

    def facts(self, request: HttpRequest, row: AdjustmentRequest) -> list[tuple[Any, Any]]:
        names = names_of(one for one in (row.requested_by, row.decided_by) if one)
        return [
            (_("member"), who(request, row.wallet.member) if row.wallet.member else ""),
            (_("points"), self.amount(row)),
            (_("balance"), shown(row.wallet, row.wallet.posted)),
            (_("reason"), row.reason),
            (_("asked by"), names.get(row.requested_by, "")),
            (_("state"), row.get_state_display()),
            (_("decided by"), names.get(row.decided_by, "")),
            (_("why"), row.decision),
            (_("asked at"), date_format(row.requested_at, "SHORT_DATETIME_FORMAT")),
        ]
