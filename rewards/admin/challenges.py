"""Challenges, badges and leaderboards."""

from __future__ import annotations

from copy import copy
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import Money
from rewards.admin.stamps import form_page, told
from rewards.forms.stamps import BadgeForm, ChallengeForm, LeaderboardForm, StepRows, steps_of
from rewards.models import Badge, Challenge, ChallengeProgress, ChallengeReward, Leaderboard
from rewards.services.challenges.writing import save_badge, save_challenge, save_leaderboard
from rewards.services.leaderboards.standing import standing
from rewards.services.programmes import default_programme


class FormPages(ReadOnlyAdmin):
    """A list, and one form for new and known rows, saved by a service."""

    form_class: Any = None
    change_list_template = "admin/rewards/named_list.html"
    sortable_by = ()

    def get_urls(self) -> list[URLPattern]:
        name = f"rewards_{self.opts.model_name}_new"
        page = self.admin_site.admin_view(self.form_view)
        return [path("new/", page, name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        more = {
            "may_change": self._may(request),
            "new_at": reverse(f"admin:rewards_{self.opts.model_name}_new"),
        }
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return page

    def _may(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"rewards.change_{self.opts.model_name}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        pk = object_id if object_id.isdecimal() else 0
        rows = self.model.objects.select_related("programme")
        return self.form_view(request, get_object_or_404(rows, pk=pk))

    def form_view(self, request: HttpRequest, row: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not self._may(request) and (request.method == "POST" or row is None):
            raise PermissionDenied
        known = row or self.model(programme=default_programme())
        form = self.form_class(request.POST or None, instance=copy(known))
        more = self.more(request, known)
        if form.is_valid() and self.saved(request, form, more):
            messages.success(request, _("Saved."))
            here = f"admin:rewards_{self.opts.model_name}_changelist"
            return HttpResponseRedirect(reverse(here))
        title = str(row) if row else _("New: %(what)s") % {"what": self.opts.verbose_name}
        return form_page(self, request, form, title, **{**more, "may_change": self._may(request)})

    def more(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {}

    def saved(self, request: HttpRequest, form: Any, more: dict[str, Any]) -> bool:
        try:
            with transaction.atomic():
                self.save(form, more, user_actor(request.user))
        except IntegrityError:
            form.add_error("code", _("This code is taken."))
        except DomainError as refusal:
            told(form, refusal)
        return not form.errors

    def save(self, form: Any, more: dict[str, Any], actor: Any) -> None:
        raise NotImplementedError


@admin.register(Challenge)
class ChallengeAdmin(FormPages):
    list_display = ["name", "code", "metric", "starts_on", "ends_on", "is_active"]
    form_class = ChallengeForm

    def more(self, request: HttpRequest, row: Challenge) -> dict[str, Any]:
        rows = StepRows(request.POST or None, initial=_rows_of(row))
        return {"rows": rows, "bars": _bars(row) if row.pk else [], "bars_title": _("Reached")}

    def saved(self, request: HttpRequest, form: Any, more: dict[str, Any]) -> bool:
        rows = more["rows"]
        if not rows.is_valid():
            form.add_error(None, _("Look at the steps."))
            return False
        metric = form.cleaned_data["metric"]
        more["steps"] = steps_of(rows, metric, form.programme.currency)
        if any(row.errors for row in rows):
            form.add_error(None, _("Look at the steps."))
            return False
        return super().saved(request, form, more)

    def save(self, form: Any, more: dict[str, Any], actor: Any) -> None:
        save_challenge(challenge=form.instance, steps=more["steps"], actor=actor)


def _rows_of(challenge: Challenge) -> list[dict[str, Any]]:
    if not challenge.pk:
        return []
    return [
        {
            "target": _figure(challenge, step.target),
            "reward_kind": step.reward_kind,
            "reward_code": step.reward_code,
            "reward_amount": step.reward_amount,
            "badge": step.badge_id,
        }
        for step in challenge.steps.all()
    ]


def _figure(challenge: Challenge, value: int) -> str:
    if challenge.metric != Challenge.Metric.SPEND:
        return str(value)
    return str(Money(value, challenge.programme.currency).as_decimal())


def _bars(challenge: Challenge) -> list[dict[str, Any]]:
    """Members who take part, and how many of them stand at each step."""
    started = ChallengeProgress.objects.filter(challenge=challenge, value__gt=0).count()
    standing_at = ChallengeReward.objects.filter(step__challenge=challenge, undone_at=None)
    counted = dict(standing_at.values_list("step__target").annotate(n=Count("pk")))
    steps = [(_("take part"), started)]
    steps += [
        (_figure(challenge, step.target), counted.get(step.target, 0))
        for step in challenge.steps.all()
    ]
    most = max(started, 1)
    return [
        {"name": name, "count": count, "percent": min(100, count * 100 // most)}
        for name, count in steps
    ]


@admin.register(Leaderboard)
class LeaderboardAdmin(FormPages):
    list_display = ["name", "code", "score", "cycle", "is_active"]
    form_class = LeaderboardForm

    def more(self, request: HttpRequest, row: Leaderboard) -> dict[str, Any]:
        if not row.pk:
            return {}
        today = clock.now().astimezone(ZoneInfo(row.programme.time_zone)).date()
        seen = standing(board=row, day=today)
        best = max((one.score for one in seen.rows), default=1)
        bars = [
            {
                "name": f"{one.place}. {one.name}",
                "count": one.score
                if row.score != Leaderboard.Score.SPEND
                else Money(one.score, row.programme.currency).format(),
                "percent": one.score * 100 // best,
            }
            for one in seen.rows
        ]
        return {"bars": bars, "bars_title": _("As members see it now")}

    def save(self, form: Any, more: dict[str, Any], actor: Any) -> None:
        save_leaderboard(board=form.instance, actor=actor)


@admin.register(Badge)
class BadgeAdmin(FormPages):
    list_display = ["sign", "name", "code", "text"]
    list_display_links = ["name"]
    form_class = BadgeForm

    @admin.display(description=gettext_lazy("sign"))
    def sign(self, badge: Badge) -> str:
        return badge.icon

    def save(self, form: Any, more: dict[str, Any], actor: Any) -> None:
        save_badge(badge=form.instance, actor=actor)
