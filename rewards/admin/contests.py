"""Contests: terms, works that wait for a look, and the page of the jury."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import Actor, user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import lens_of
from rewards.admin.prize_pages import attempt, put_faults, refuse_without
from rewards.forms.draws import ContestForm, DrawPrizeRows, contest_plans
from rewards.forms.games import amount_text
from rewards.models import Contest, ContestEntry, ContestMark
from rewards.services import contests
from rewards.services.programmes import default_programme

RUN, JUDGE = "rewards.run_draws", "rewards.judge_contest"
State = Contest.State
COLOURS: dict[str, Colour] = {
    State.OPEN: "success",
    State.JUDGING: "warning",
    State.PUBLISHED: "info",
    State.CANCELLED: "danger",
}
MOST_SHOWN = 200


@admin.register(Contest)
class ContestAdmin(ReadOnlyAdmin):
    list_display = ["title", "code", "method", "chip_of_state", "ends_at", "results_at"]
    list_filter = ["state"]
    ordering = ["-pk"]
    sortable_by = ()
    change_list_template = "admin/rewards/draws/list.html"

    @chip(gettext_lazy("state"), COLOURS)
    def chip_of_state(self, contest: Contest) -> tuple[str, str]:
        return contest.state, contest.get_state_display()

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("new/", guard(self.terms_page), name="rewards_contest_new"),
            path("<int:contest_id>/terms/", guard(self.edit_page), name="rewards_contest_terms"),
            path("<int:contest_id>/do/<slug:verb>/", guard(self.step), name="rewards_contest_step"),
            path("work/<int:work_id>/mark/", guard(self.mark_step), name="rewards_contest_mark"),
            path(
                "work/<int:work_id>/do/<slug:verb>/",
                guard(self.work_step),
                name="rewards_contest_work",
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        new = reverse("admin:rewards_contest_new")
        more = {"may_change": request.user.has_perm(RUN), "new": new}
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return page

    def edit_page(self, request: HttpRequest, contest_id: int) -> HttpResponse:
        refuse_without(request, RUN)
        drafts = Contest.objects.select_related("programme").filter(state=State.DRAFT)
        return self.terms_page(request, get_object_or_404(drafts, pk=contest_id))

    def terms_page(self, request: HttpRequest, contest: Contest | None = None) -> HttpResponse:
        refuse_without(request, RUN)
        known = contest or Contest(programme=default_programme())
        form = ContestForm(request.POST or None, instance=copy(known))
        rows = DrawPrizeRows(
            request.POST or None, initial=_rows(known), form_kwargs={"programme": known.programme}
        )
        if form.is_valid() and rows.is_valid():
            plans, actor = contest_plans(rows), user_actor(request.user)
            try:
                saved = contests.save_contest(contest=form.instance, prizes=plans, actor=actor)
            except DomainError as refusal:
                put_faults(form, refusal)
            else:
                home = reverse("admin:rewards_contest_change", args=[saved.pk])
                return HttpResponseRedirect(home)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": known.title or _("A new contest"),
            "form": form,
            "rows": rows,
            "is_contest": True,
        }
        status = 422 if form.errors or rows.total_error_count() else 200
        return TemplateResponse(request, "admin/rewards/draws/terms.html", context, status=status)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Works that wait, the jury's marks, and the places as they stand."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = object_id if object_id.isdecimal() else 0
        contest = get_object_or_404(Contest.objects.select_related("programme"), pk=pk)
        lens, actor = lens_of(request.user), user_actor(request.user)
        waiting = contest.entries.filter(state=ContestEntry.State.SUBMITTED)
        mine = dict(
            ContestMark.objects.filter(entry__contest=contest, judge=actor.label).values_list(
                "entry_id", "mark"
            )
        )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": contest.title,
            "contest": contest,
            "it": contest,
            "prizes": contest.prizes.all(),
            "missing": contests.missing_of(contest) if contest.state == State.DRAFT else [],
            "waiting": [
                (one, lens.name(one.member))
                for one in waiting.select_related("member").order_by("pk")[:MOST_SHOWN]
            ],
            "standing": [
                {
                    "row": row,
                    "mine": mine.get(row.work.pk),
                    "result": _result(contest, row.result),
                }
                for row in contests.standing(contest)[:MOST_SHOWN]
            ],
            "may_run": request.user.has_perm(RUN),
            "may_judge": request.user.has_perm(JUDGE),
        }
        return TemplateResponse(request, "admin/rewards/draws/contest.html", context)

    def step(self, request: HttpRequest, contest_id: int, verb: str) -> HttpResponse:
        refuse_without(request, RUN)
        contest = get_object_or_404(Contest, pk=contest_id)
        work = _steps(contest, request.POST, user_actor(request.user)).get(verb)
        if work is None or request.method != "POST":
            raise Http404
        return attempt(request, work, reverse("admin:rewards_contest_change", args=[contest.pk]))

    def work_step(self, request: HttpRequest, work_id: int, verb: str) -> HttpResponse:
        refuse_without(request, RUN)
        entry = get_object_or_404(ContestEntry.objects.select_related("contest"), pk=work_id)
        actor, reason = user_actor(request.user), request.POST.get("text", "")[:300]
        known: dict[str, Callable[[], object]] = {
            "let-in": partial(contests.let_in, work=entry, actor=actor),
            "reject": partial(contests.reject, work=entry, reason=reason, actor=actor),
        }
        if verb not in known or request.method != "POST":
            raise Http404
        home = reverse("admin:rewards_contest_change", args=[entry.contest_id])
        return attempt(request, known[verb], home)

    def mark_step(self, request: HttpRequest, work_id: int) -> HttpResponse:
        """The mark of whoever is logged in, or the score of the work."""
        refuse_without(request, JUDGE)
        entry = get_object_or_404(ContestEntry.objects.select_related("contest"), pk=work_id)
        text = request.POST.get("mark", "")
        if request.method != "POST" or not text.isascii() or not text.isdigit() or len(text) > 9:
            raise Http404
        actor = user_actor(request.user)
        if entry.contest.method == Contest.Method.SCORE:
            work: Any = partial(contests.give_score, work=entry, score=int(text), actor=actor)
        else:
            work = partial(contests.give_mark, work=entry, mark=int(text), actor=actor)
        home = reverse("admin:rewards_contest_change", args=[entry.contest_id])
        return attempt(request, work, f"{home}#work-{entry.pk}")


def _steps(contest: Contest, said: Any, actor: Actor) -> dict[str, Callable[[], object]]:
    asked: dict[str, Any] = {"contest": contest, "actor": actor}
    return {
        "open": partial(contests.open_contest, **asked),
        "close": partial(contests.close_entries, **asked),
        "publish": partial(contests.publish_results, **asked),
        "cancel": partial(contests.cancel_contest, reason=said.get("reason", "")[:300], **asked),
    }


def _rows(contest: Contest) -> list[dict[str, Any]]:
    if not contest.pk:
        return []
    return [
        {
            "label": one.label,
            "number": one.place,
            "kind": one.kind,
            "what": one.what,
            "amount": amount_text(one.amount, one.kind, contest.programme),
            "value": one.value_minor,
        }
        for one in contest.prizes.all()
    ]


def _result(contest: Contest, result: int | None) -> str:
    if result is None:
        return "–"
    return str(result) if contest.method == Contest.Method.SCORE else f"{result / 1000:.2f}"
