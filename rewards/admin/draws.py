"""Prize draws: a form that asks for all the law asks for, and a cockpit with the steps."""

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
from members.admin.lens import Lens, lens_of
from rewards.admin.amounts import money
from rewards.admin.prize_pages import attempt, put_faults, refuse_without
from rewards.forms.draws import DrawForm, DrawPrizeRows, draw_plans
from rewards.forms.games import amount_text
from rewards.models import AwardBalance, Draw, DrawWinner, PrizeKind
from rewards.services import draws
from rewards.services.prizes import over_limit
from rewards.services.prizes.yearly import year_of
from rewards.services.programmes import default_programme

RUN = "rewards.run_draws"
State, Place = Draw.State, DrawWinner.State
COLOURS: dict[str, Colour] = {
    State.PUBLISHED: "success",
    State.CLOSED: "warning",
    State.DRAWN: "info",
    State.CANCELLED: "danger",
}
WAY = (State.DRAFT, State.PUBLISHED, State.CLOSED, State.DRAWN, State.HANDED_OVER)
MOST_SHOWN = 100


@admin.register(Draw)
class DrawAdmin(ReadOnlyAdmin):
    list_display = ["title", "code", "chip_of_state", "ends_at", "draws_at", "participants"]
    list_filter = ["state"]
    ordering = ["-pk"]
    sortable_by = ()
    change_list_template = "admin/rewards/draws/list.html"

    @chip(gettext_lazy("state"), COLOURS)
    def chip_of_state(self, draw: Draw) -> tuple[str, str]:
        return draw.state, draw.get_state_display()

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("new/", guard(self.terms_page), name="rewards_draw_new"),
            path("<int:draw_id>/terms/", guard(self.edit_page), name="rewards_draw_terms"),
            path("<int:draw_id>/do/<slug:verb>/", guard(self.step), name="rewards_draw_step"),
            path(
                "winner/<int:winner_id>/<slug:verb>/",
                guard(self.winner_step),
                name="rewards_draw_winner",
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        more = {"may_change": request.user.has_perm(RUN), "new": reverse("admin:rewards_draw_new")}
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return page

    def edit_page(self, request: HttpRequest, draw_id: int) -> HttpResponse:
        refuse_without(request, RUN)
        drafts = Draw.objects.select_related("programme").filter(state=State.DRAFT)
        return self.terms_page(request, get_object_or_404(drafts, pk=draw_id))

    def terms_page(self, request: HttpRequest, draw: Draw | None = None) -> HttpResponse:
        """The terms of a draft; gaps may be left until it is published."""
        refuse_without(request, RUN)
        known = draw or Draw(programme=default_programme())
        form = DrawForm(request.POST or None, instance=copy(known))
        rows = DrawPrizeRows(
            request.POST or None, initial=_rows(known), form_kwargs={"programme": known.programme}
        )
        if form.is_valid() and rows.is_valid():
            try:
                saved = draws.save_draw(
                    draw=form.instance, prizes=draw_plans(rows), actor=user_actor(request.user)
                )
            except DomainError as refusal:
                put_faults(form, refusal)
            else:
                return HttpResponseRedirect(reverse("admin:rewards_draw_change", args=[saved.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": known.title or _("A new prize draw"),
            "form": form,
            "rows": rows,
        }
        status = 422 if form.errors or rows.total_error_count() else 200
        return TemplateResponse(request, "admin/rewards/draws/terms.html", context, status=status)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The cockpit: where the draw stands, what comes next, and who has won."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = object_id if object_id.isdecimal() else 0
        draw = get_object_or_404(Draw.objects.select_related("programme"), pk=pk)
        is_drawn = draw.state in (State.DRAWN, State.HANDED_OVER)
        checked = draws.check_draw(draw) if is_drawn else None
        winners = _winners(draw, lens_of(request.user))
        names = {row["one"].place: row["who"] for row in winners}
        places = checked.places if checked else ()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": draw.title,
            "draw": draw,
            "it": draw,
            "prizes": draw.prizes.all(),
            "missing": draws.missing_of(draw) if draw.state == State.DRAFT else [],
            "way": _way(draw),
            "holders": _holders(draw),
            "winners": winners[:MOST_SHOWN],
            "may_run": request.user.has_perm(RUN),
            "checked": checked,
            "rows": [(one, names.get(one.place.place, "")) for one in places],
            "is_listed": draw.frozen_at is not None,
        }
        return TemplateResponse(request, "admin/rewards/draws/cockpit.html", context)

    def step(self, request: HttpRequest, draw_id: int, verb: str) -> HttpResponse:
        refuse_without(request, RUN)
        draw = get_object_or_404(Draw, pk=draw_id)
        work = _steps(draw, request.POST, user_actor(request.user)).get(verb)
        if work is None or request.method != "POST":
            raise Http404
        return attempt(request, work, reverse("admin:rewards_draw_change", args=[draw.pk]))

    def winner_step(self, request: HttpRequest, winner_id: int, verb: str) -> HttpResponse:
        refuse_without(request, RUN)
        winners = DrawWinner.objects.select_related("draw")
        winner = get_object_or_404(winners, pk=winner_id)
        work = _winner_steps(winner, request.POST, user_actor(request.user)).get(verb)
        if work is None or request.method != "POST":
            raise Http404
        home = reverse("admin:rewards_draw_change", args=[winner.draw_id])
        return attempt(request, work, f"{home}#winners")


def _steps(draw: Draw, said: Any, actor: Actor) -> dict[str, Callable[[], object]]:
    asked: dict[str, Any] = {"draw": draw, "actor": actor}
    reason, beacon = said.get("reason", "")[:300], said.get("beacon", "")
    return {
        "publish": partial(draws.publish_draw, **asked),
        "close": partial(draws.freeze_list, **asked),
        "draw": partial(draws.draw_winners, beacon=beacon, **asked),
        "finish": partial(draws.finish_draw, **asked),
        "cancel": partial(draws.cancel_draw, reason=reason, **asked),
    }


def _winner_steps(winner: DrawWinner, said: Any, actor: Actor) -> dict[str, Callable[[], object]]:
    asked: dict[str, Any] = {"winner": winner, "actor": actor}
    text, card = said.get("text", "")[:300], said.get("gift_card", "")[:64]
    return {
        "accept": partial(draws.accept_win, **asked),
        "refuse": partial(draws.refuse_win, note=text, **asked),
        "hand-over": partial(draws.hand_over_win, proof=text, gift_card=card, **asked),
    }


def _rows(draw: Draw) -> list[dict[str, Any]]:
    if not draw.pk:
        return []
    return [
        {
            "label": one.label,
            "number": one.quantity,
            "kind": one.kind,
            "what": one.what,
            "amount": amount_text(one.amount, one.kind, draw.programme),
            "value": one.value_minor,
        }
        for one in draw.prizes.all()
    ]


def _way(draw: Draw) -> list[dict[str, Any]]:
    """The steps of a draw, each with whether it is done, now, or ahead."""
    if draw.state == State.CANCELLED:
        return []
    here = WAY.index(State(draw.state))
    looks = ["is-done"] * here + ["is-now"] + ["is-ahead"] * (len(WAY) - here - 1)
    return [{"label": one.label, "look": look} for one, look in zip(WAY, looks, strict=True)]


def _holders(draw: Draw) -> int | None:
    """How many members hold tickets so far, while tickets are given."""
    if draw.state != State.PUBLISHED:
        return None
    held = AwardBalance.objects.filter(kind=PrizeKind.TICKETS, code=draw.code, balance__gt=0)
    return held.count()


def _winners(draw: Draw, lens: Lens) -> list[dict[str, Any]]:
    rows = list(draw.winners.select_related("entry__member", "prize", "win").order_by("place"))
    ids = [one.entry.member_id for one in rows]
    taxed = {}
    if draw.drawn_at and ids:
        year = year_of(draw.programme, draw.drawn_at)
        found = over_limit(programme=draw.programme, year=year, members=ids)
        taxed = {one.member_id: money(one.tax_minor, draw.programme.currency) for one in found}
    return [
        {
            "one": one,
            "who": lens.name(one.entry.member),
            "tax": taxed.get(one.entry.member_id, ""),
            "may_answer": one.state == Place.ASKED,
            "may_hand": one.state == Place.ACCEPTED,
            "is_card": bool(one.prize and one.prize.kind == PrizeKind.GIFT_CARD),
        }
        for one in rows
    ]
