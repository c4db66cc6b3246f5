"""Promotions: a list that reads like sentences, one page each with every wording it had."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.views import ChangeList

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.staff import names_of
from rewards.admin.builder.gallery import GalleryPages
from rewards.admin.builder.views import BuilderPages
from rewards.admin.limit_panels import limit_panel, small_gauge
from rewards.admin.promotion_calendar import CalendarPage
from rewards.admin.promotion_steps import PUBLISH, StepPages, steps_of
from rewards.admin.sentences import Names, sentence
from rewards.models import Promotion, PromotionVersion
from rewards.services import promotions, rule_sets
from rewards.services.limits.tightest import tightest
from rewards.services.promotion_warnings import warnings_of as service_warnings

State = PromotionVersion.State
DRAFT, ADD = "rewards.change_promotion", "rewards.add_promotion"
COLOURS: dict[str, Colour] = {
    State.LIVE: "success", State.PAUSED: "warning", State.SCHEDULED: "info",
    State.IN_REVIEW: "info", State.DRAFT: "default", State.ENDED: "default",
}  # fmt: skip
CHIPS = {State.LIVE: "is-good", State.PAUSED: "is-warn"}
#: Versions on one page; who wants older ones reads the trail.
VERSIONS_SHOWN = 50


class StateFilter(admin.SimpleListFilter):
    """By the state of any of the promotion's versions."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in State.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> QuerySet[Promotion]:
        if self.value() not in State.values:
            return queryset
        mine = PromotionVersion.objects.filter(promotion=OuterRef("pk"), state=self.value())
        return queryset.filter(Exists(mine))


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin):
    list_display = ["name", "says", "state", "budget", "period"]
    list_filter = [StateFilter]
    search_fields = ["name", "code"]
    list_select_related = ["programme"]
    list_before_template = "admin/rewards/promotions/_list_top.html"
    ordering = ["name", "id"]
    sortable_by = ["name"]
    actions = ["pause_all"]

    def __init__(self, model: type[Promotion], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        self.builder = BuilderPages(admin_site, model._meta)  # noqa: SLF001 - public "_meta API"
        self.steps = StepPages(admin_site, model._meta)  # noqa: SLF001
        self.gallery = GalleryPages(self.builder)
        self.calendar = CalendarPage(admin_site, model._meta)  # noqa: SLF001

    def get_urls(self) -> list[URLPattern]:
        own = [
            *self.builder.urls(), *self.gallery.urls(), *self.calendar.urls(), *self.steps.urls(),
        ]  # fmt: skip
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promotion]:
        newest = PromotionVersion.objects.order_by("-number")
        return Promotion.objects.prefetch_related(Prefetch("versions", queryset=newest))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list, with the sentences of one page said at once: two queries for all names."""
        listed = super().get_changelist_instance(request)
        shown = [(one, in_force(one)) for one in listed.result_list]
        names = Names.behind(version.definition for _one, version in shown if version)
        for promotion, version in shown:
            if version:
                version.promotion = promotion
            promotion.said = (
                sentence(version.definition, promotion.programme, names) if version else ""
            )
        full = tightest([version for _one, version in shown if version], clock.now())
        for promotion, _version in shown:
            promotion.tightest = full.get(promotion.pk)
        return listed

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = request.user.has_perm
        top = {"may_add": may(ADD), "is_new_shop": not Promotion.objects.exists()}
        listed: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **top})
        return listed

    @admin.display(description=gettext_lazy("rule"))
    def says(self, promotion: Promotion) -> str:
        return str(getattr(promotion, "said", ""))

    @admin.display(description=gettext_lazy("tightest limit"))
    def budget(self, promotion: Promotion) -> str:
        return small_gauge(getattr(promotion, "tightest", None))

    @chip(gettext_lazy("state"), COLOURS)
    def state(self, promotion: Promotion) -> tuple[str, str]:
        if (version := in_force(promotion)) is None:
            return "", _("no version yet")
        state = State(version.state_at(clock.now()))
        return str(state.value), str(state.label)

    @admin.display(description=gettext_lazy("period"))
    def period(self, promotion: Promotion) -> str:
        if (version := in_force(promotion)) is None:
            return ""
        ends, zone = (version.starts_at, version.ends_at), ZoneInfo(promotion.programme.time_zone)
        return " – ".join(_day(one, zone) for one in ends) if any(ends) else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(ADD))

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(PUBLISH))

    @admin.action(description=gettext_lazy("Pause"), permissions=["publish"])
    def pause_all(self, request: HttpRequest, queryset: QuerySet[Promotion]) -> None:
        """Each one for itself: one that is not live keeps no other from its pause."""
        actor, paused, refused = user_actor(request.user), 0, 0
        for promotion in queryset.order_by("pk")[:100]:
            try:
                promotions.pause(promotion=promotion, reason=_("from the list"), actor=actor)
            except DomainError:
                refused += 1
            else:
                paused += 1
        said = ngettext("%(count)s promotion paused.", "%(count)s promotions paused.", paused)
        messages.success(request, said % {"count": paused})
        if refused:
            left = ngettext(
                "%(count)s was not live.", "%(count)s were not live.", refused
            ) % {"count": refused}  # fmt: skip
            messages.warning(request, left)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A new promotion begins in the gallery of templates."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:rewards_promotion_templates"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One promotion: what it does now, and every wording it ever had."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        promotion = self._promotion(object_id)
        versions = list(promotion.versions.all())[:VERSIONS_SHOWN]
        for version in versions:
            version.promotion = promotion
        names = Names.behind(version.definition for version in versions)
        who = names_of(
            label for one in versions for label in (one.created_by, one.approved_by) if label
        )
        live = next((one for one in versions if one.state == State.LIVE), None)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": promotion.name,
            "promotion": promotion,
            "live": live,
            "says": sentence(live.definition, promotion.programme, names) if live else "",
            "warnings": warnings_of(live or (versions[0] if versions else None)),
            "rows": [self._row(request, one, names, who) for one in versions],
            "may_word": request.user.has_perm(DRAFT),
            "limits": limit_panel(promotion, live or (versions[0] if versions else None)),
        }
        return TemplateResponse(request, "admin/rewards/promotion.html", context)

    def _row(
        self, request: HttpRequest, version: PromotionVersion, names: Names, who: dict[str, str]
    ) -> dict[str, Any]:
        state = State(version.state_at(clock.now()))
        return {
            "version": version,
            "state": state,
            "chip": CHIPS.get(state, ""),
            "says": sentence(version.definition, version.promotion.programme, names),
            "by": who[version.created_by],
            "approved_by": who.get(version.approved_by, ""),
            "period": period_words(version),
            "steps": steps_of(version, request.user.has_perm),
        }

    def _promotion(self, promotion_id: object) -> Promotion:
        newest = Prefetch("versions", queryset=PromotionVersion.objects.order_by("-number"))
        known = Promotion.objects.select_related("programme").prefetch_related(newest)
        return get_object_or_404(known, pk=promotion_id if str(promotion_id).isdecimal() else None)


def in_force(promotion: Promotion) -> PromotionVersion | None:
    """The live version, else the scheduled one, else the newest. Needs the versions fetched."""
    versions = list(promotion.versions.all())
    for state in (State.LIVE, State.SCHEDULED, State.PAUSED):
        if found := next((one for one in versions if one.state == state), None):
            return found
    return versions[0] if versions else None


def period_words(version: PromotionVersion) -> str:
    """From when to when by the programme's clock; empty for always."""
    zone, said = ZoneInfo(version.promotion.programme.time_zone), []
    if version.starts_at:
        said.append(_("from %(moment)s") % {"moment": _moment(version.starts_at, zone)})
    if version.ends_at:
        said.append(_("until %(moment)s") % {"moment": _moment(version.ends_at, zone)})
    return " ".join(said)


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return date_format(moment.astimezone(zone), "SHORT_DATETIME_FORMAT")


def _day(moment: datetime | None, zone: ZoneInfo) -> str:
    return date_format(moment.astimezone(zone), "SHORT_DATE_FORMAT") if moment else "…"


def warnings_of(version: PromotionVersion | None) -> list[str]:
    """What is odd about a version beside the live rules, in words."""
    if version is None or version.state == State.ENDED:
        return []
    found = service_warnings([version], rule_sets.current())
    return [one.text for one in found[version.pk]]


def page_of(promotion: Promotion) -> str:
    return reverse("admin:rewards_promotion_change", args=[promotion.pk])
