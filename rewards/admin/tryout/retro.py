"""Retroactive batches: asked for, read, approved by somebody else, applied, undone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.staff import names_of
from members.admin.lens import Lens, lens_of
from rewards.admin.tryout import show
from rewards.admin.tryout.backtests import period_of, progress_of
from rewards.admin.tryout.pages import (
    allow,
    asked_once,
    form_page,
    promotion_names,
    step,
    version_names,
)
from rewards.forms.tryouts import RetroForm
from rewards.models import RetroBatch, RetroItem
from rewards.services.programmes import default_programme
from rewards.services.tryout import retro

VIEW, ADD, APPROVE = (
    "rewards.view_retrobatch",
    "rewards.add_retrobatch",
    "rewards.approve_retrobatch",
)
State = RetroBatch.State
CHIPS: dict[str, Colour] = {
    State.APPLIED: "success",
    State.COUNTED: "warning",
    State.APPROVED: "info",
    State.COUNTING: "info",
    State.APPLYING: "info",
    State.UNDOING: "info",
}
OPEN = (State.COUNTING, State.APPLYING, State.UNDOING)
ITEMS = 50


class Step:
    """A button of a batch: when it stands there, who may press it, and what it does."""

    def __init__(
        self,
        title: str | Promise,
        done: str | Promise,
        permission: str,
        work: Callable[..., RetroBatch],
        states: tuple[State, ...],
        look: str = "",
        running: State | None = None,
    ) -> None:
        self.title, self.done, self.permission = title, done, permission
        self.work, self.states, self.look, self.running = work, states, look, running


STEPS = {
    "approve": Step(
        gettext_lazy("Approve"), gettext_lazy("The batch is approved."), APPROVE, retro.approve,
        (State.COUNTED,), "lc-primary",
    ),
    "apply": Step(
        gettext_lazy("Apply"), gettext_lazy("The points are being posted."), APPROVE, retro.apply,
        (State.APPROVED,), "lc-primary", State.APPLYING,
    ),
    "undo": Step(
        gettext_lazy("Undo"), gettext_lazy("The points are being taken back."), APPROVE, retro.undo,
        (State.APPLIED,), "lc-danger", State.UNDOING,
    ),
    "cancel": Step(
        gettext_lazy("Drop"), gettext_lazy("The batch is dropped."), ADD, retro.cancel,
        (State.COUNTING, State.COUNTED, State.APPROVED), "lc-danger",
    ),
}  # fmt: skip


@admin.register(RetroBatch)
class RetroBatchAdmin(ReadOnlyAdmin):
    list_display = ["reason", "period", "given", "taken", "chip_of_state", "created_at"]
    list_filter = ["state"]
    list_before_template = "admin/rewards/tryout/_retro_top.html"
    ordering = ["-id"]
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[RetroBatch]:
        return RetroBatch.objects.with_jobs()

    @admin.display(description=gettext_lazy("period"))
    def period(self, batch: RetroBatch) -> str:
        return period_of(batch)

    @admin.display(description=gettext_lazy("points to give"))
    def given(self, batch: RetroBatch) -> str:
        return show.more_points(batch.points_given, batch.programme)

    @admin.display(description=gettext_lazy("points to take"))
    def taken(self, batch: RetroBatch) -> str:
        return show.more_points(-batch.points_taken, batch.programme)

    @chip(gettext_lazy("state"), CHIPS)
    def chip_of_state(self, batch: RetroBatch) -> tuple[str, str]:
        return batch.state, batch.get_state_display()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(ADD))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own = [
            path(
                f"<int:retro_id>/{name}/",
                guard(partial(self.step_page, name=name)),
                name=f"rewards_retrobatch_{name}_step",
            )
            for name in STEPS
        ]
        return [*own, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for a batch: it is counted, and nothing moves."""
        allow(request, ADD)
        programme = default_programme()
        form = RetroForm(request.POST or None, programme=programme)
        made: list[RetroBatch] = []

        def work() -> None:
            made.append(
                retro.create(
                    programme=programme,
                    versions=form.refs,
                    without=form.cleaned_data["without"],
                    period=form.period,
                    reason=form.cleaned_data["reason"],
                    actor=user_actor(request.user),
                )
            )

        if form.is_valid() and asked_once(request, form, work):
            return HttpResponseRedirect(page_of(made[0]) if made else list_page())
        return form_page(
            request,
            {**self._frame(request), "title": _("New retroactive batch")},
            form,
            lead=_(
                "Points that the chosen versions would have given on past receipts, beyond what "
                "was given. First they are counted; another person approves before they move."
            ),
            button=_("Count"),
            back=list_page(),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One batch: what it comes to, receipt by receipt, and what may be done with it."""
        allow(request, VIEW)
        batch = self._batch(object_id)
        lens = lens_of(request.user)
        items = batch.items.select_related("receipt__store", "member").order_by("-points", "pk")
        who = names_of(label for label in (batch.created_by, batch.approved_by) if label)
        context = {
            **self._frame(request),
            "title": batch.reason,
            "batch": batch,
            "test": batch,
            "period": period_of(batch),
            "versions": version_names(batch),
            "without": promotion_names(batch.programme, batch.without),
            "tiles": tiles(batch),
            "by": who.get(batch.created_by, ""),
            "approver": who.get(batch.approved_by, ""),
            "steps": self._steps(request, batch),
            "is_own": batch.created_by == user_actor(request.user).label,
            "is_open": batch.state in OPEN and batch.job.state != Job.State.FAILED,
            "items": [_item(item, batch, lens) for item in items[:ITEMS]],
            "more": max(batch.items_count - ITEMS, 0),
            **progress_of(batch),
        }
        return TemplateResponse(request, "admin/rewards/tryout/retro.html", context)

    def step_page(self, request: HttpRequest, retro_id: int, name: str) -> HttpResponse:
        """One button: it says what happened on the batch's own page."""
        allow(request, STEPS[name].permission)
        return _press(request, batch=self._batch(retro_id), chosen=STEPS[name])

    def _steps(self, request: HttpRequest, batch: RetroBatch) -> list[dict[str, Any]]:
        own = batch.created_by == user_actor(request.user).label
        failed = batch.job.state == Job.State.FAILED
        return [
            {
                "title": one.title,
                "look": one.look,
                "url": reverse(f"admin:rewards_retrobatch_{name}_step", args=[batch.pk]),
            }
            for name, one in STEPS.items()
            if (batch.state in one.states or (failed and batch.state == one.running))
            and request.user.has_perm(one.permission)
            and not (own and name == "approve")
        ]

    def _batch(self, key: object) -> RetroBatch:
        if not str(key).isdecimal():
            raise Http404
        return get_object_or_404(RetroBatch.objects.with_jobs(), pk=key)

    def _frame(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}


@require_POST
def _press(request: HttpRequest, batch: RetroBatch, chosen: Step) -> HttpResponse:
    work = partial(chosen.work, batch=batch, actor=user_actor(request.user))
    return step(request, work, str(chosen.done), page_of(batch))


def tiles(batch: RetroBatch) -> list[dict[str, str]]:
    programme = batch.programme
    value = (batch.points_given - batch.points_taken) * programme.point_value_minor
    worth = value // 10**programme.points_scale
    return [
        {"title": _("Receipts"), "value": show.number(batch.items_count)},
        {"title": _("Members"), "value": show.number(batch.members_count)},
        {
            "title": _("Points to give"),
            "value": show.more_points(batch.points_given, programme),
        },
        {
            "title": _("Points to take"),
            "value": show.more_points(-batch.points_taken, programme),
        },
        {"title": _("Worth"), "value": show.more_money(worth, programme)},
    ]


def _item(item: RetroItem, batch: RetroBatch, lens: Lens) -> dict[str, Any]:
    return {
        "receipt": item.receipt.number,
        "url": reverse("admin:members_receipt_change", args=[item.receipt_id]),
        "store": item.receipt.store.name,
        "member": lens.name(item.member),
        "points": show.more_points(item.points, batch.programme),
        "state": item.get_state_display(),
    }


def page_of(batch: RetroBatch) -> str:
    return reverse("admin:rewards_retrobatch_change", args=[batch.pk])


def list_page() -> str:
    return reverse("admin:rewards_retrobatch_changelist")
