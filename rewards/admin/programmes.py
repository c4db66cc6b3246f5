"""The programme: its settings in groups, and what they come to while they are edited."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.errors import ConflictVersion, DomainError
from rewards.admin.amounts import money, points
from rewards.admin.setup import SetupPages
from rewards.forms import ProgrammeForm
from rewards.models import Programme
from rewards.rules.basket import Basket, BasketLine, MemberFacts
from rewards.rules.definitions import parse
from rewards.rules.pricing import Redeem
from rewards.rules.quote import quote
from rewards.rules.rule_set import Rule, RuleSet
from rewards.rules.terms import Terms
from rewards.services.programmes import update_programme
from rewards.services.rule_sets import compile_set

PURCHASE = 100_00
RECEIPT = 50_00
PLENTY = 10**12


@admin.register(Programme)
class ProgrammeAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "currency", "is_default"]
    ordering = ["name"]

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        preview = path(
            "<int:programme_id>/preview/", guard(self.preview), name="rewards_programme_preview"
        )
        setup = SetupPages(self.admin_site, self.opts)
        return [preview, *setup.urls(), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Nearly every shop has one programme: then the list is only in the way."""
        only = list(Programme.objects.order_by("pk")[:2])
        if len(only) == 1 and self.has_view_permission(request):
            return HttpResponseRedirect(
                reverse("admin:rewards_programme_change", args=[only[0].pk])
            )
        listed: HttpResponse = super().changelist_view(request, extra_context)
        return listed

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        programme = get_object_or_404(Programme, pk=object_id if object_id.isdecimal() else None)
        may_change = request.user.has_perm("rewards.change_programme")
        if request.method == "POST" and not may_change:
            raise PermissionDenied
        form = ProgrammeForm(request.POST or None, instance=copy(programme))
        # Who writes promotions may not decide alone that nobody looks at them.
        if not request.user.has_perm("rewards.require_review"):
            form.fields["promotions_need_review"].disabled = True
        version = request.POST.get("version") or str(programme.version)
        if form.is_valid() and self._save(request, programme, form, version):
            return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": programme.name,
            "programme": programme,
            "form": form,
            "version": version,
            "may_change": may_change,
            "examples": examples(programme),
        }
        return TemplateResponse(
            request, "admin/rewards/programme.html", context, status=422 if form.errors else 200
        )

    def preview(self, request: HttpRequest, programme_id: int) -> HttpResponse:
        """The same sentences under the settings as they stand in the form. Writes nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        programme = get_object_or_404(Programme, pk=programme_id)
        form = ProgrammeForm(request.POST, instance=programme)
        said = examples(form.instance) if form.is_valid() else []
        return render(request, "admin/rewards/_examples.html", {"examples": said})

    def _save(
        self, request: HttpRequest, programme: Programme, form: ProgrammeForm, version: str
    ) -> bool:
        asked = form.cleaned_data
        changes = {name: asked[name] for name in asked if asked[name] != getattr(programme, name)}
        try:
            update_programme(
                programme=programme,
                changes=changes,
                version=int(version) if version.isdecimal() else 0,
                actor=user_actor(request.user),
            )
        except ConflictVersion:
            form.add_error(
                None, _("Somebody else has changed the programme meanwhile. Load the page again.")
            )
            return False
        except DomainError as refusal:
            show_faults(form, refusal)
            return False
        messages.success(request, _("The programme is saved. The next sale counts by it."))
        return True


def show_faults(form: Any, refusal: DomainError) -> None:
    """Put every fault under the field that it points at, and the rest on top."""
    faults: Any = refusal.detail.get("errors") or [
        {"pointer": refusal.detail.get("pointer", ""), "detail": refusal.message}
    ]
    for one in faults:
        field = str(one["pointer"]).removeprefix("/")
        said = one.get("detail") or refusal.message
        form.add_error(field if field in form.fields else None, said)


def examples(programme: Programme) -> list[str]:
    """What the settings and the live rules come to, worked out by the rules that price receipts."""
    rules = compile_set(programme).rules
    sale = quote(_basket(PURCHASE), rules)
    paid = quote(_basket(RECEIPT), rules, Redeem(points=PLENTY, available=PLENTY)).payment
    currency = programme.currency
    return [
        _("A purchase of %(purchase)s earns %(points)s points, worth %(worth)s.")
        % {
            "purchase": money(PURCHASE, currency),
            "points": points(programme, sale.earned),
            "worth": money(rules.terms.money_for(sale.earned), currency),
        },
        _("Of a receipt of %(receipt)s points may pay at most %(most)s: %(points)s points.")
        % {
            "receipt": money(RECEIPT, currency),
            "most": money(paid.max_money_minor, currency),
            "points": points(programme, paid.max_points),
        },
        _("Of a receipt of %(receipt)s discounts may take off at most %(most)s.")
        % {"receipt": money(RECEIPT, currency), "most": money(_given_away(rules.terms), currency)},
        _lifetime(programme),
    ]


def _given_away(terms: Terms) -> int:
    """What a promotion comes to that takes off everything, under the programme's bounds."""
    wording = parse({"effects": [{"kind": "percent_off", "basis_points": 10_000}]})
    everything = Rule(
        version_id=0, promotion_id=0, code="", name="", number=1, priority=0, definition=wording
    )
    lines = quote(_basket(RECEIPT), RuleSet([everything], terms)).lines
    return sum(line.discount_minor for line in lines)


def _basket(amount: int) -> Basket:
    line = BasketLine(
        line_no=1, sku="", quantity_milli=1000, unit_price_minor=amount, gross_minor=amount
    )
    return Basket(store="", at=clock.now(), lines=(line,), member=MemberFacts())


def _lifetime(programme: Programme) -> str:
    days = {"days": programme.expiry_days, "dates": ", ".join(map(str, programme.expiry_dates))}
    said = {
        Programme.Expiry.NONE: _("Points never expire."),
        Programme.Expiry.ROLLING: _("Points expire %(days)s days after they were earned."),
        Programme.Expiry.FIXED: _("Points expire on these days of the year: %(dates)s."),
        Programme.Expiry.INACTIVITY: _("All points expire after %(days)s days without a purchase."),
    }
    return said[Programme.Expiry(programme.expiry)] % days
