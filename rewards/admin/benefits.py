"""Services in the back office, and the panel of what one member took, may use and gives to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from rewards.admin.amounts import points
from rewards.admin.catalogue import FormPages
from rewards.admin.member_panels import asked_for
from rewards.forms.catalogue import GrantServiceForm, ServiceForm, ServiceRuleRows
from rewards.models import Redemption, Service
from rewards.services import benefits, charity
from rewards.services.programmes import default_or_none, default_programme
from rewards.services.service_terms import RuleTerms, save_service

CHANGE, GRANT = "rewards.change_service", "rewards.grant_service"
LATEST = 6


@admin.register(Service)
class ServiceAdmin(FormPages):
    list_display = ["name", "code", "granted_by", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "code"]
    ordering = ["name"]
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Service]:
        return Service.objects.prefetch_related("rules__tier")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_service"))

    @admin.display(description=gettext_lazy("granted"))
    def granted_by(self, service: Service) -> str:
        rules = [
            f"{rule.tier.name if rule.tier else _('everybody')}: "
            f"{rule.count} {rule.get_period_display()}"
            for rule in service.rules.all()
        ]
        return ", ".join(rules) or _("by hand and for points")

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            path("member/<int:member_id>/", guard(member_panel), name="rewards_member_benefits"),
            path(
                "member/<int:member_id>/grant/",
                guard(self.grant_page),
                name="rewards_member_service",
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
        return self._edit(request, get_object_or_404(Service, pk=pk))

    def _edit(self, request: HttpRequest, service: Service | None) -> HttpResponse:
        """The service and a row for each of its rules; an empty row is none."""
        form = ServiceForm(request.POST or None, initial=_start(service))
        rows = ServiceRuleRows(request.POST or None, initial=_rules(service))

        def work() -> None:
            save_service(
                terms=form.terms(_typed(rows)),
                programme=service.programme if service else default_programme(),
                service=service,
                actor=user_actor(request.user),
            )

        if form.is_valid() and rows.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(self.list_url())
        return self.form_page(
            request,
            form,
            service.title if service else _("A new service"),
            self.list_url(),
            rows=rows,
            closed=service is not None and not request.user.has_perm(CHANGE),
        )

    def grant_page(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """Some of a service for one member, as a gesture."""
        self.need(request, GRANT)
        member, form = asked_for(request, member_id), GrantServiceForm(request.POST or None)
        back = reverse("admin:members_member_change", args=[member.pk])

        def work() -> None:
            typed = form.cleaned_data
            benefits.grant_by_hand(
                service=typed["service"], member=member, count=typed["count"],
                until=typed["until"], reason=typed["reason"], reference=str(typed["key"]),
                now=clock.now(), actor=user_actor(request.user),
            )  # fmt: skip

        if form.is_valid() and self.try_once(request, form, work):
            return HttpResponseRedirect(back)
        return self.form_page(request, form, _("Give a service"), back)


def _start(service: Service | None) -> dict[str, Any]:
    if service is None:
        return {}
    own = {"code": service.code, "is_active": service.is_active}
    return {**own, **ServiceForm.words_of(service)}


def _rules(service: Service | None) -> list[dict[str, Any]]:
    if service is None:
        return []
    rules = service.rules.order_by("pk")
    return [{"tier": one.tier_id, "count": one.count, "period": one.period} for one in rules]


def _typed(rows: Any) -> list[RuleTerms]:
    filled = [row.cleaned_data for row in rows if row.cleaned_data.get("count")]
    return [RuleTerms(one["count"], one["period"], one["tier"]) for one in filled]


def member_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    """On the member's page: rewards taken, services left, the cause that was chosen."""
    member = asked_for(request, member_id)
    programme = default_or_none()
    taken = Redemption.objects.filter(member=member).select_related("reward__programme", "store")
    context = {
        "member": member,
        "taken": [
            {"one": one, "points": points(one.reward.programme, one.points)}
            for one in taken.order_by("-pk")[:LATEST]
        ],
        "shares": benefits.shares_of(member=member, programme=programme, now=clock.now())
        if programme
        else [],
        "uses": benefits.uses_of(member, LATEST),
        "cause": charity.chosen_cause(member.pk, programme) if programme else None,
        "may_grant": request.user.has_perm(GRANT),
    }
    return render(request, "admin/rewards/_benefits.html", context)
