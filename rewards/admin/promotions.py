"""Earning rules and other promotions: plain sentences, new versions, on and off."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import chip
from loyalty_crm.kernel.admin_once import once
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.staff import names_of
from rewards.admin.programmes import show_faults
from rewards.admin.sentences import Names, sentence
from rewards.forms import EarningRuleForm, NewRuleForm, ReasonForm
from rewards.models import Promotion, PromotionVersion
from rewards.services import promotions
from rewards.services.programmes import default_programme

State = PromotionVersion.State
PUBLISH = "rewards.publish_promotion"
DRAFT = "rewards.change_promotion"


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin):
    list_display = ["name", "says", "state", "code"]
    search_fields = ["name", "code"]
    list_select_related = ["programme"]
    ordering = ["name", "id"]
    sortable_by = ["name", "code"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promotion]:
        newest = PromotionVersion.objects.order_by("-number")
        return Promotion.objects.prefetch_related(Prefetch("versions", queryset=newest))

    @admin.display(description=gettext_lazy("rule"))
    def says(self, promotion: Promotion) -> str:
        if (version := in_force(promotion)) is None:
            return ""
        # Names of categories would cost queries for every row; the page of the rule has them.
        return sentence(version.definition, promotion.programme, Names({}, {}))

    @chip(
        gettext_lazy("state"),
        {State.LIVE: "success", State.PAUSED: "warning", State.DRAFT: "info"},
    )
    def state(self, promotion: Promotion) -> tuple[str, str]:
        version = in_force(promotion)
        return (
            (version.state, version.get_state_display()) if version else ("", _("no version yet"))
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_promotion"))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:promotion_id>/word/", self.word_page, "rewards_promotion_word"),
            (
                "<int:promotion_id>/publish/<int:number>/",
                self.publish_page,
                "rewards_promotion_publish",
            ),
            ("<int:promotion_id>/pause/", self.pause_page, "rewards_promotion_pause"),
            ("<int:promotion_id>/resume/", self.resume_page, "rewards_promotion_resume"),
        ]
        return [*(path(at, guard(view), name=name) for at, view, name in own), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One promotion: what it does now, and every wording it ever had."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        promotion = self._promotion(object_id)
        versions = list(promotion.versions.all())
        names = Names.behind(version.definition for version in versions)
        who = names_of(version.created_by for version in versions)
        live = next((one for one in versions if one.state == State.LIVE), None)
        context = {
            **self._frame(request, promotion, promotion.name),
            "live": live,
            "says": sentence(live.definition, promotion.programme, names) if live else "",
            "rows": [
                {
                    "version": one,
                    "says": sentence(one.definition, promotion.programme, names),
                    "by": who[one.created_by],
                }
                for one in versions
            ],
            "may_word": request.user.has_perm(DRAFT) and is_wordable(versions),
            "may_publish": request.user.has_perm(PUBLISH),
            "may_resume": bool(versions) and versions[0].state == State.PAUSED,
        }
        return TemplateResponse(request, "admin/rewards/promotion.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A new earning rule with its first version."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        programme = default_programme()
        form = NewRuleForm(request.POST or None, programme=programme)

        def work() -> None:
            asked, actor = form.cleaned_data, user_actor(request.user)
            made = promotions.create(
                programme=programme, code=asked["code"], name=asked["name"], actor=actor
            )
            self._word(request, made, form)

        if form.is_valid() and self._once(request, form, work):
            made = Promotion.objects.get(programme=programme, code=form.cleaned_data["code"])
            return HttpResponseRedirect(page_of(made))
        return self._form_page(request, None, form, _("New earning rule"))

    def word_page(self, request: HttpRequest, promotion_id: int) -> HttpResponse:
        """A new version of a rule; the form starts with the words of the last one."""
        if not request.user.has_perm(DRAFT):
            raise PermissionDenied
        promotion = self._promotion(promotion_id)
        versions = list(promotion.versions.all())
        known = EarningRuleForm.initial_of(versions[0].definition) if versions else {}
        if known is None:
            raise PermissionDenied
        initial = {**known, "name": promotion.name}
        form = EarningRuleForm(request.POST or None, initial=initial, programme=promotion.programme)
        form.fields["name"].disabled = True
        if form.is_valid() and self._once(
            request, form, partial(self._word, request, promotion, form)
        ):
            return HttpResponseRedirect(page_of(promotion))
        return self._form_page(request, promotion, form, _("New version"))

    def publish_page(self, request: HttpRequest, promotion_id: int, number: int) -> HttpResponse:
        """Ask once more, then make a draft the live version."""
        promotion = self._promotion(promotion_id)
        version = get_object_or_404(
            promotion.versions.select_related("promotion__programme"), number=number
        )
        says = sentence(version.definition, promotion.programme, Names.behind([version.definition]))
        work = partial(
            promotions.go_live, version=version, starts_at=None, actor=user_actor(request.user)
        )
        title = _("Publish version %(number)s") % {"number": number}
        return self._switch(request, promotion, title, work, says)

    def pause_page(self, request: HttpRequest, promotion_id: int) -> HttpResponse:
        promotion = self._promotion(promotion_id)
        reason, actor = request.POST.get("reason", ""), user_actor(request.user)
        work = partial(promotions.pause, promotion=promotion, reason=reason, actor=actor)
        says = _("Sales from now on do not count by it.")
        return self._switch(request, promotion, _("Pause"), work, says, ReasonForm)

    def resume_page(self, request: HttpRequest, promotion_id: int) -> HttpResponse:
        promotion = self._promotion(promotion_id)
        work = partial(promotions.resume, promotion=promotion, actor=user_actor(request.user))
        says = _("It goes live again as a new version.")
        return self._switch(request, promotion, _("Resume"), work, says)

    def _word(self, request: HttpRequest, promotion: Promotion, form: EarningRuleForm) -> None:
        """Draft, or draft and publish, by the button that was pressed."""
        write = promotions.publish if "publish" in request.POST else promotions.draft
        if write is promotions.publish and not request.user.has_perm(PUBLISH):
            raise PermissionDenied
        write(promotion=promotion, definition=form.definition(), actor=user_actor(request.user))

    def _once(
        self, request: HttpRequest, form: EarningRuleForm, work: Callable[[], object]
    ) -> bool:
        """Write once for each form that was opened; faults go under their fields."""
        asked = {"definition": form.definition(), "at": request.path}
        try:
            once(form=form, asked=asked, work=work, actor=user_actor(request.user))
        except DomainError as refusal:
            show_faults(form, refusal)
            return False
        messages.success(request, _("The rule is written down."))
        return True

    def _switch(
        self,
        request: HttpRequest,
        promotion: Promotion,
        title: str,
        work: Callable[[], object],
        says: str,
        shape: type[ReasonForm] | None = None,
    ) -> HttpResponse:
        if not request.user.has_perm(PUBLISH):
            raise PermissionDenied
        form = shape(request.POST or None) if shape else None
        sent = request.method == "POST" and (form is None or form.is_valid())
        refused = ""
        if sent:
            try:
                work()
            except DomainError as refusal:
                refused = refusal.message
            else:
                messages.success(request, title)
                return HttpResponseRedirect(page_of(promotion))
        context = {
            **self._frame(request, promotion, title),
            "form": form,
            "says": says,
            "refused": refused,
        }
        return TemplateResponse(
            request, "admin/rewards/switch.html", context, status=422 if refused else 200
        )

    def _promotion(self, promotion_id: object) -> Promotion:
        newest = Prefetch("versions", queryset=PromotionVersion.objects.order_by("-number"))
        known = Promotion.objects.select_related("programme").prefetch_related(newest)
        return get_object_or_404(known, pk=promotion_id if str(promotion_id).isdecimal() else None)

    def _frame(
        self, request: HttpRequest, promotion: Promotion | None, title: str
    ) -> dict[str, Any]:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return {**context, "promotion": promotion}

    def _form_page(
        self, request: HttpRequest, promotion: Promotion | None, form: EarningRuleForm, title: str
    ) -> HttpResponse:
        back = page_of(promotion) if promotion else reverse("admin:rewards_promotion_changelist")
        context = {
            **self._frame(request, promotion, title),
            "form": form,
            "back": back,
            "may_publish": request.user.has_perm(PUBLISH),
        }
        return TemplateResponse(
            request, "admin/rewards/rule_form.html", context, status=422 if form.errors else 200
        )


def in_force(promotion: Promotion) -> PromotionVersion | None:
    """The live version, else the newest. Needs the versions fetched, newest first."""
    versions = list(promotion.versions.all())
    return next(
        (one for one in versions if one.state == State.LIVE), versions[0] if versions else None
    )


def is_wordable(versions: list[PromotionVersion]) -> bool:
    """Whether the form can say what the last version says."""
    return not versions or EarningRuleForm.initial_of(versions[0].definition) is not None


def page_of(promotion: Promotion) -> str:
    return reverse("admin:rewards_promotion_change", args=[promotion.pk])
