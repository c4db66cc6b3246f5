"""Transfers between members, and the terms under which they are allowed."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor, user_actor
from loyalty_crm.kernel.admin_chips import Colour, chip
from rewards.admin.amounts import points
from rewards.admin.beyond.base import DecidedAdmin, SettingsAdmin, who
from rewards.forms.fields import ScaledPointsField
from rewards.forms.rewards import SettingsForm
from rewards.models import PointsTransfer, TransferTerms
from rewards.services import transfers
from rewards.services.programmes import default_programme
from rewards.services.transfers.terms import SETTINGS

State = PointsTransfer.State
STATES: dict[str, Colour] = {
    State.WAITING: "warning",
    State.DONE: "success",
    State.CANCELLED: "default",
    State.REVERSED: "danger",
}


class TermsForm(SettingsForm):
    amounts = dict.fromkeys(("least", "most_per_day", "most_per_month"), ScaledPointsField)

    class Meta:
        model = TransferTerms
        fields = list(SETTINGS)


@admin.register(TransferTerms)
class TransferTermsAdmin(SettingsAdmin):
    """One row: whether and how many points members may give away."""

    is_single = True
    form = TermsForm
    list_display = ["programme", "is_on", "fee_percent"]
    list_select_related = ["programme"]
    sortable_by = ()

    def save_model(self, request: HttpRequest, obj: TransferTerms, form: Any, change: bool) -> None:
        asked = {name: getattr(obj, name) for name in SETTINGS}
        programme = default_programme()
        made = transfers.save_terms(programme=programme, actor=user_actor(request.user), **asked)
        obj.pk = made.pk


def _reverse(*, transfer: PointsTransfer, reason: str, actor: Actor) -> object:
    return transfers.reverse(transfer=transfer, reason=reason, now=clock.now(), actor=actor)


@admin.register(PointsTransfer)
class PointsTransferAdmin(DecidedAdmin):
    """Points that members gave to each other."""

    noun = "transfer"
    verbs = {
        "cancel": (gettext_lazy("Call the transfer off"), transfers.cancel),
        "reverse": (gettext_lazy("Take the transfer back"), partial(_reverse)),
    }
    permission = "rewards.reverse_transfer"
    list_filter = ["state"]
    list_select_related = ["programme", "sender", "recipient"]
    search_fields = ["public_id"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        @admin.display(description=gettext_lazy("from"))
        def giver(transfer: PointsTransfer) -> str:
            return str(who(request, transfer.sender))

        @admin.display(description=gettext_lazy("to"))
        def taker(transfer: PointsTransfer) -> str:
            return str(who(request, transfer.recipient))

        return ["created_at", giver, taker, "amount", "chip_of_state"]

    @admin.display(description=gettext_lazy("points"))
    def amount(self, transfer: PointsTransfer) -> str:
        return points(transfer.programme, transfer.points)

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, transfer: PointsTransfer) -> tuple[str, str]:
        return transfer.state, transfer.get_state_display()

    def title_of(self, row: PointsTransfer) -> str:
        return _("Transfer of %(points)s points") % {"points": self.amount(row)}

    def open_verbs(self, row: PointsTransfer) -> list[str]:
        return {State.WAITING: ["cancel"], State.DONE: ["reverse"]}.get(State(row.state), [])

    def facts(self, request: HttpRequest, row: PointsTransfer) -> list[tuple[Any, Any]]:
        return [
            (_("from"), who(request, row.sender)),
            (_("to"), who(request, row.recipient)),
            (_("points"), self.amount(row)),
            (_("fee"), points(row.programme, row.fee) if row.fee else ""),
            (_("state"), row.get_state_display()),
            (_("why"), row.reason),
            (_("created at"), date_format(row.created_at, "SHORT_DATETIME_FORMAT")),
            (
                _("done at"),
                date_format(row.done_at, "SHORT_DATETIME_FORMAT") if row.done_at else "",
            ),
        ]
