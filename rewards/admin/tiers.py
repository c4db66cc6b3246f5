"""Ladders of tiers: worded with a preview of who would move, and who will drop when."""

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
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import lens_of
from members.models import Member
from rewards.forms.tiers import LadderForm, StepRows, missing_text, steps_of, threshold_text
from rewards.models import TierEvaluation, TierStructure
from rewards.services import tiers
from rewards.services.programmes import default_programme
from rewards.services.tiers.outlook import Preview

REASONS = 5


@admin.register(TierStructure)
class TierStructureAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "metric", "window", "is_primary"]
    ordering = ["-is_primary", "pk"]
    sortable_by = ()
    change_list_template = "admin/rewards/tier_structures.html"

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("new/", guard(self.ladder_page), name="rewards_tierstructure_new"),
            path(
                "member/<int:member_id>/",
                guard(member_panel),
                name="rewards_member_tier",
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = request.user.has_perm("rewards.change_tierstructure")
        page: HttpResponse = super().changelist_view(
            request, {**(extra_context or {}), "may_change": may}
        )
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        ladders = TierStructure.objects.select_related("programme")
        pk = object_id if object_id.isdecimal() else 0
        return self.ladder_page(request, get_object_or_404(ladders, pk=pk))

    def ladder_page(
        self, request: HttpRequest, structure: TierStructure | None = None
    ) -> HttpResponse:
        """One form; *Preview* counts who would move, *Save* writes and moves nobody."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        may = request.user.has_perm("rewards.change_tierstructure")
        if not may and (request.method == "POST" or structure is None):
            raise PermissionDenied
        known = structure or TierStructure(programme=default_programme())
        form = LadderForm(request.POST or None, instance=copy(known))
        rows = StepRows(request.POST or None, initial=_rows_of(known))
        told = None
        if form.is_valid() and rows.is_valid():
            steps = steps_of(rows, form.cleaned_data["metric"], known.programme)
            if not any(row.errors for row in rows):
                if "preview" in request.POST:
                    told = self._preview(form, steps)
                elif self._save(request, form, steps):
                    return HttpResponseRedirect(reverse("admin:rewards_tierstructure_changelist"))
        return self._page(request, known, form, rows, told, may)

    def _preview(self, form: LadderForm, steps: Any) -> list[dict[str, Any]] | None:
        """Numbers by tier, now and with the figures of the form. A look, so nothing is refused."""
        told = tiers.preview(structure=form.instance, steps=steps, now=clock.now())
        return _bars(told, [step.code for step in steps])

    def _save(self, request: HttpRequest, form: LadderForm, steps: Any) -> bool:
        try:
            tiers.save_structure(
                structure=form.instance,
                steps=steps,
                review_now=form.cleaned_data["review_now"],
                actor=user_actor(request.user),
            )
        except DomainError as refusal:
            faults: Any = refusal.detail.get("errors") or [{"detail": refusal.message}]
            for fault in faults:
                form.add_error(None, str(fault["detail"]))
            return False
        messages.success(
            request, _("The ladder is saved. Nobody is lowered before the own review.")
        )
        return True

    def _page(
        self, request: HttpRequest, known: TierStructure, form: Any, rows: Any, told: Any, may: bool
    ) -> HttpResponse:
        lens, now = lens_of(request.user), clock.now()
        drops = tiers.drops_ahead(structure=known, now=now) if known.pk else []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": known.name or _("A new ladder of tiers"),
            "form": form,
            "rows": rows,
            "told": told,
            "may_change": may,
            "drops": [
                {
                    "who": lens.name(drop.membership.member),
                    "member_id": drop.membership.member_id,
                    "tier": drop.membership.tier.name,
                    "on": drop.reviewed_on,
                    "missing": missing_text(*drop.missing, known.metric, known.programme),
                }
                for drop in drops
            ],
        }
        status = 422 if form.errors or any(row.errors for row in rows) else 200
        return TemplateResponse(
            request, "admin/rewards/tier_structure.html", context, status=status
        )


def _rows_of(structure: TierStructure) -> list[dict[str, object]]:
    if not structure.pk:
        return []
    return [
        {
            "code": tier.code,
            "name": tier.name,
            "threshold": threshold_text(tier.threshold, structure.metric, structure.programme),
            "visits": tier.visits or "",
        }
        for tier in structure.tiers.order_by("rank")
    ]


def _bars(told: Preview, codes: list[str]) -> list[dict[str, Any]]:
    """A row a tier: members now and then, and how wide each bar is, in percent."""
    names = ["", *codes]
    most = max([*told.now.values(), *told.then.values(), 1])
    return [
        {
            "code": name or _("no tier"),
            "now": told.now[name],
            "then": told.then[name],
            "now_share": 100 * told.now[name] // most,
            "then_share": 100 * told.then[name] // most,
        }
        for name in names
        if told.now[name] or told.then[name] or name
    ]


def member_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    """On the member's page: tier, what is missing, and the last decisions with their reasons."""
    if not request.user.has_perm("rewards.view_tiermembership"):
        raise PermissionDenied
    member = get_object_or_404(Member, pk=member_id)
    ladders = list(TierStructure.objects.select_related("programme").order_by("-is_primary", "pk"))
    standings = []
    for structure in ladders[:3]:
        progress = tiers.progress_of(structure=structure, member=member, now=clock.now())
        goal = progress.value + progress.missing
        standings.append(
            {
                "structure": structure,
                "progress": progress,
                "value": threshold_text(progress.value, structure.metric, structure.programme),
                "missing": missing_text(
                    progress.missing, progress.missing_visits, structure.metric, structure.programme
                ),
                "percent": 100 * progress.value // goal if goal else 100,
                "decisions": TierEvaluation.objects.filter(structure=structure, member=member)
                .select_related("from_tier", "to_tier")
                .order_by("-at", "-pk")[:REASONS],
            }
        )
    return render(request, "admin/rewards/_tier.html", {"standings": standings})
