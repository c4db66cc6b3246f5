"""Partners in the back office: who they are, what is agreed, and who owes whom."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.staff import names_of
from rewards.admin.amounts import MINUS, money, points
from rewards.admin.form_pages import FormPages
from rewards.forms.partners import (
    ContractForm,
    DayForm,
    DepositForm,
    NothingForm,
    PartnerForm,
)
from rewards.models import Partner, PartnerContract, PartnerOperation, Settlement
from rewards.services.partners import contracts, funds, settling
from rewards.services.partners.directory import change_partner, register_partner
from rewards.services.partners.reports import Owed, owed_by_partner
from rewards.services.partners.statements import kind_of
from rewards.services.programmes import default_programme

MANAGE, SETTLE = "rewards.change_partner", "rewards.add_settlement"
SHOWN = 12


@admin.register(Partner)
class PartnerAdmin(FormPages, ReadOnlyAdmin):
    list_display = ["name", "category", "code", "prepaid", "is_active"]
    list_filter = ["is_active", "category"]
    list_select_related = ["account", "programme"]
    search_fields = ["name", "code", "category"]
    ordering = ["name", "id"]
    sortable_by = ()
    change_list_template = "admin/rewards/partners.html"

    @admin.display(description=gettext_lazy("prepaid balance"))
    def prepaid(self, partner: Partner) -> str:
        return money(partner.account.prepaid_minor, partner.programme.currency)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_partner"))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            ("owed/", self.owed_page, "owed"),
            ("<int:partner_id>/edit/", self.edit_page, "edit"),
            ("<int:partner_id>/contract/", self.contract_page, "contract"),
            ("contract/<int:contract_id>/start/", self.start_page, "start"),
            ("contract/<int:contract_id>/end/", self.end_page, "end"),
            ("<int:partner_id>/deposit/", self.deposit_page, "deposit"),
            ("<int:partner_id>/settle/", self.settle_page, "settle"),
        ]
        return [
            *(path(at, guard(view), name=f"rewards_partner_{name}") for at, view, name in own),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One partner: what is agreed, what is done, what is settled, and whether it ties out."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        partner = self._partner(object_id)
        context = {
            **self.frame(request, partner.name),
            "partner": partner,
            "stores": [place.store for place in partner.places.select_related("store")[:50]],
            "contracts": _contracts(partner),
            "settlements": _settlements(partner),
            "operations": _operations(partner),
            "tie": _tie(partner),
            "may_manage": request.user.has_perm(MANAGE),
            "may_settle": request.user.has_perm(SETTLE),
        }
        return TemplateResponse(request, "admin/rewards/partner.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self.need(request, "rewards.add_partner")
        form = PartnerForm(request.POST or None)
        return self.form_page(
            request,
            form,
            lambda: register_partner(about=form.about_it(), actor=user_actor(request.user)),
            title=_("New partner"),
            said=_("The partner is in the directory. Agree on a contract next."),
            back=reverse("admin:rewards_partner_changelist"),
        )

    def edit_page(self, request: HttpRequest, partner_id: int) -> HttpResponse:
        self.need(request, MANAGE)
        partner = self._partner(partner_id)
        form = PartnerForm(request.POST or None, initial=PartnerForm.initial_of(partner))
        return self.form_page(
            request,
            form,
            lambda: change_partner(
                partner=partner, about=form.about_it(), actor=user_actor(request.user)
            ),
            title=_("Change the partner"),
            said=_("Changed."),
            back=page_of(partner),
        )

    def contract_page(self, request: HttpRequest, partner_id: int) -> HttpResponse:
        """A draft of the next version, with what is agreed now to begin with."""
        self.need(request, MANAGE)
        partner = self._partner(partner_id)
        form = ContractForm(
            request.POST or None, currency=partner.programme.currency, initial=_latest(partner)
        )
        return self.form_page(
            request,
            form,
            lambda: contracts.draft_contract(
                partner=partner, terms=form.terms(), actor=user_actor(request.user)
            ),
            title=_("New version of the contract"),
            said=_("The draft is written down. Read it once more and put it in force."),
            back=page_of(partner),
            says=_("Prices are for 1 000 points. Once it is in force nothing of it changes."),
        )

    def start_page(self, request: HttpRequest, contract_id: int) -> HttpResponse:
        self.need(request, MANAGE)
        contract = self._contract(contract_id)
        work = partial(
            contracts.activate_contract, contract=contract, actor=user_actor(request.user)
        )
        return self.form_page(
            request,
            NothingForm(request.POST or None),
            work,
            title=_("Put the contract in force"),
            said=_("The contract is in force from its first day."),
            back=page_of(contract.partner),
            says=_("From then on it cannot be changed: a new version takes its place."),
        )

    def end_page(self, request: HttpRequest, contract_id: int) -> HttpResponse:
        self.need(request, MANAGE)
        contract, form = self._contract(contract_id), DayForm(request.POST or None)
        return self.form_page(
            request,
            form,
            lambda: contracts.end_contract(
                contract=contract,
                last_day=form.cleaned_data["last_day"],
                actor=user_actor(request.user),
            ),
            title=_("End the contract"),
            said=_("The contract ends. What was done under it stays and is settled."),
            back=page_of(contract.partner),
        )

    def deposit_page(self, request: HttpRequest, partner_id: int) -> HttpResponse:
        self.need(request, SETTLE)
        partner = self._partner(partner_id)
        form = DepositForm(request.POST or None, currency=partner.programme.currency)
        return self.form_page(
            request,
            form,
            lambda: funds.deposit(
                partner=partner,
                amount_minor=form.cleaned_data["amount"],
                reference=form.cleaned_data["reference"],
                note=form.cleaned_data["note"],
                actor=user_actor(request.user),
            ),
            title=_("Money of the partner"),
            said=_("Written down."),
            back=page_of(partner),
        )

    def settle_page(self, request: HttpRequest, partner_id: int) -> HttpResponse:
        self.need(request, SETTLE)
        partner, form = self._partner(partner_id), DayForm(request.POST or None)
        return self.form_page(
            request,
            form,
            lambda: settling.run_settlement(
                partner=partner,
                last_day=form.cleaned_data["last_day"],
                actor=user_actor(request.user),
            ),
            title=_("Settle up to a day"),
            said=_("Counted. Another person has to approve it."),
            back=page_of(partner),
            says=_("It takes all that no settlement has yet, corrections of closed periods too."),
        )

    def owed_page(self, request: HttpRequest) -> HttpResponse:
        """Who owes whom, of what is not settled yet. One query over all partners."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        programme, rows = default_programme(), owed_by_partner()
        context = {
            **self.frame(request, _("Who owes whom")),
            "rows": [_owed(row, programme.currency) for row in rows],
            "chart": json.dumps(chart_of(rows)) if rows else "",
        }
        return TemplateResponse(request, "admin/rewards/partners_owed.html", context)

    def _partner(self, partner_id: object) -> Partner:
        known = Partner.objects.select_related("programme", "account", "integration")
        return get_object_or_404(known, pk=partner_id if str(partner_id).isdecimal() else None)

    def _contract(self, contract_id: int) -> PartnerContract:
        known = PartnerContract.objects.select_related("partner__programme")
        return get_object_or_404(known, pk=contract_id)


def chart_of(rows: list[Owed]) -> dict[str, Any]:
    """Data for Chart.js: what each partner owes and is owed, in whole money."""
    return {
        "labels": [row.name for row in rows],
        "datasets": [
            {
                "label": _("owed by the partner"),
                "data": [row.earned_minor / 100 for row in rows],
                "backgroundColor": "#0f766e",
            },
            {
                "label": _("owed to the partner"),
                "data": [row.burned_minor / 100 for row in rows],
                "backgroundColor": "#d97706",
            },
        ],
    }


def _owed(row: Owed, currency: str) -> dict[str, Any]:
    return {
        "partner": row,
        "earned": money(row.earned_minor, currency),
        "burned": money(row.burned_minor, currency),
        "net": money(abs(row.net_minor), currency),
        "who": _side(row.net_minor),
    }


def _side(net_minor: int) -> str:
    if not net_minor:
        return _("nobody owes anything")
    return _("the partner pays") if net_minor > 0 else _("the programme pays")


def _latest(partner: Partner) -> dict[str, Any]:
    last = partner.contracts.order_by("-number").first()
    if last is None:
        return {}
    kept = {name: getattr(last, name) for name in ContractForm.base_fields if name != "key"}
    events = "\n".join(f"{code} = {worth}" for code, worth in last.events.items())
    return {**kept, "events": events, "starts_on": None, "ends_on": None}


def _contracts(partner: Partner) -> list[dict[str, Any]]:
    programme = partner.programme
    currency, today = programme.currency, clock.now().date()
    found = list(partner.contracts.order_by("-number")[:SHOWN])
    current = partner.contracts.in_force(today).first()
    return [
        {
            "contract": one,
            "is_current": one == current,
            "gives": _("%(points)s for each %(amount)s")
            % {
                "points": points(programme, one.earn_points),
                "amount": money(one.earn_minor, currency),
            },
            "earn_price": money(one.earn_price_minor, currency),
            "burn_price": money(one.burn_price_minor, currency),
        }
        for one in found
    ]


def _settlements(partner: Partner) -> list[dict[str, Any]]:
    known: QuerySet[Settlement] = partner.settlements.order_by("-id")
    currency = partner.programme.currency
    return [
        {"settlement": one, "net": money(abs(one.net_minor), currency), "who": _side(one.net_minor)}
        for one in known[:SHOWN]
    ]


def _operations(partner: Partner) -> list[dict[str, Any]]:
    programme = partner.programme
    found = list(PartnerOperation.objects.shown().filter(partner=partner).order_by("-id")[:SHOWN])
    # The partner's own key needs no name on the partner's own page.
    who = names_of(one.actor for one in found if one.actor.startswith("user:"))
    return [
        {
            "operation": one,
            "kind": kind_of(one),
            "by": who.get(one.actor, ""),
            "points": points(programme, one.points),
            "due": money(one.due_minor, programme.currency).replace("-", MINUS),
        }
        for one in found
    ]


def _tie(partner: Partner) -> dict[str, Any]:
    """The proof that the partner's operations and the ledger say the same."""
    tie, programme = settling.tie_out(partner), partner.programme
    return {
        "difference": tie.difference,
        "rows": [
            (
                _("points given"),
                points(programme, tie.earned),
                points(programme, tie.ledger_earned),
            ),
            (
                _("points taken"),
                points(programme, tie.burned),
                points(programme, tie.ledger_burned),
            ),
            (
                _("prepaid money"),
                money(tie.expected_minor, programme.currency),
                money(tie.account_minor, programme.currency),
            ),
        ],
    }


def page_of(partner: Partner) -> str:
    return reverse("admin:rewards_partner_change", args=[partner.pk])
