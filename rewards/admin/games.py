"""Games: an editor that draws the odds and their cost, gauges of prizes, the log of plays."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import lens_of
from rewards.admin.amounts import money
from rewards.admin.columns import as_uuid
from rewards.admin.prize_pages import attempt, put_faults, refuse_without
from rewards.forms import ReasonForm
from rewards.forms.games import GameForm, PrizeRows, SetRows, amount_text, plans_of
from rewards.models import Game, GamePlay, GamePrize, Programme
from rewards.services import games
from rewards.services.games import SetPlan, pictures
from rewards.services.games.odds import SetPicture, chances_of
from rewards.services.prizes import prize_settings
from rewards.services.programmes import default_programme

RUN = "rewards.run_games"
STATES: dict[str, Colour] = {
    Game.State.RUNNING: "success",
    Game.State.PAUSED: "warning",
    Game.State.DRAFT: "info",
    Game.State.ENDED: "default",
}
STEPS: dict[str, Any] = {
    "start": games.start_game,
    "pause": games.pause_game,
    "end": games.end_game,
}
DOORS = {"web": gettext_lazy("phone"), "till": gettext_lazy("till"), "api": "API"}
OPEN = {
    Game.State.DRAFT: [("start", gettext_lazy("Start the game"))],
    Game.State.RUNNING: [("pause", gettext_lazy("Pause the game"))],
    Game.State.PAUSED: [
        ("start", gettext_lazy("Go on")),
        ("end", gettext_lazy("End the game for good")),
    ],
}


@admin.register(Game)
class GameAdmin(ReadOnlyAdmin):
    list_display = ["name", "code", "form", "chip_of_state", "starts_at", "ends_at"]
    list_filter = ["state", "form"]
    ordering = ["-pk"]
    sortable_by = ()
    change_list_template = "admin/rewards/games/list.html"

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, game: Game) -> tuple[str, str]:
        return game.state, game.get_state_display()

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("new/", guard(self.game_page), name="rewards_game_new"),
            path("odds/", guard(require_POST(self.odds_panel)), name="rewards_game_odds"),
            path("<int:game_id>/do/<slug:verb>/", guard(self.step), name="rewards_game_step"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = {"may_change": request.user.has_perm(RUN)}
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **may})
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = Game.objects.select_related("programme")
        pk = object_id if object_id.isdecimal() else 0
        return self.game_page(request, get_object_or_404(found, pk=pk))

    def game_page(self, request: HttpRequest, game: Game | None = None) -> HttpResponse:
        """One form for the whole game; only what does not run can be changed."""
        may = request.user.has_perm(RUN)
        if not may and (request.method == "POST" or game is None):
            raise PermissionDenied
        known = game or Game(programme=default_programme())
        form, sets, prizes = _forms(request, known)
        if form.is_valid() and sets.is_valid() and prizes.is_valid():
            saved = self._save(request, form, plans_of(sets, prizes))
            if saved:
                return HttpResponseRedirect(reverse("admin:rewards_game_change", args=[saved.pk]))
        return self._page(request, known, form, sets, prizes, may)

    def _save(self, request: HttpRequest, form: GameForm, plans: list[SetPlan]) -> Game | None:
        try:
            return games.save_game(game=form.instance, sets=plans, actor=user_actor(request.user))
        except DomainError as refusal:
            put_faults(form, refusal)
            return None

    def _page(
        self, request: HttpRequest, known: Game, form: Any, sets: Any, prizes: Any, may: bool
    ) -> HttpResponse:
        is_fixed = known.state not in (Game.State.DRAFT, Game.State.PAUSED)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": known.name or _("A new game"),
            "game": known,
            "form": form,
            "sets": sets,
            "prizes": prizes,
            "may_change": may and not is_fixed,
            "odds": _odds_of(known, chances_of(known)) if known.pk else None,
            "gauges": _gauges(known) if known.pk else [],
            "budget": _budget(known),
            "periods": known.periods.order_by("-number")[:5] if known.pk else [],
            "steps": OPEN.get(Game.State(known.state), []) if may and known.pk else [],
        }
        faults = form.errors or sets.total_error_count() or prizes.total_error_count()
        return TemplateResponse(
            request, "admin/rewards/games/game.html", context, status=422 if faults else 200
        )

    def odds_panel(self, request: HttpRequest) -> HttpResponse:
        """The picture of the odds as they stand in the form, saved or not."""
        refuse_without(request, RUN)
        game = Game(programme=default_programme())
        form, sets, prizes = _forms(request, game)
        form.is_valid()
        # A form with nothing in it has cleaned nothing.
        cleaned = getattr(form, "cleaned_data", {})
        game.expected_plays = cleaned.get("expected_plays") or 1
        if not (sets.is_valid() and prizes.is_valid()):
            context: dict[str, Any] = {
                "problem": _("The picture follows when every row can be read.")
            }
        else:
            rows = [
                (one.code, [prize.chance for prize in one.prizes])
                for one in plans_of(sets, prizes)
                if one.prizes
            ]
            context = {"odds": _odds_of(game, rows)}
        return render(request, "admin/rewards/games/_odds.html", context)

    def step(self, request: HttpRequest, game_id: int, verb: str) -> HttpResponse:
        refuse_without(request, RUN)
        game = get_object_or_404(Game, pk=game_id)
        if verb not in STEPS or request.method != "POST":
            raise Http404
        home = reverse("admin:rewards_game_change", args=[game.pk])
        actor = user_actor(request.user)
        return attempt(request, partial(STEPS[verb], game=game, actor=actor), home)


def _forms(request: HttpRequest, game: Game) -> tuple[GameForm, Any, Any]:
    data = request.POST or None
    return (
        GameForm(data, instance=copy(game)),
        SetRows(data, prefix="sets", initial=_set_rows(game)),
        PrizeRows(
            data,
            prefix="prizes",
            initial=_prize_rows(game),
            form_kwargs={"programme": game.programme},
        ),
    )


def _set_rows(game: Game) -> list[dict[str, Any]]:
    if not game.pk:
        return []
    named = game.prize_sets.exclude(tag="", tier="")
    return [{"code": one.code, "tag": one.tag, "tier": one.tier} for one in named]


def _prize_rows(game: Game) -> list[dict[str, Any]]:
    if not game.pk:
        return []
    rows = GamePrize.objects.filter(prize_set__game=game).select_related("prize_set")
    return [
        {
            "label": one.label,
            "prize_set": one.prize_set.code,
            "kind": one.kind,
            "what": one.what,
            "amount": amount_text(one.amount, one.kind, game.programme),
            "weight": one.weight,
            "stock": one.stock,
            "cost": one.cost_minor,
            "value": one.value_minor,
            "is_consolation": one.is_consolation,
            "code": one.code,
        }
        for one in rows.order_by("prize_set__rank", "rank", "pk")
    ]


def _odds_of(game: Game, rows: Any) -> list[dict[str, Any]]:
    """A picture a set: bars in percent, money in words. ``is_below`` is what the floor refuses."""
    floor = prize_settings(game.programme).win_floor_basis_points
    told = pictures(rows, plays=game.expected_plays, floor_basis_points=floor)
    return [_shown(one, game.programme, game.expected_plays, floor) for one in told]


def _shown(one: SetPicture, programme: Programme, plays: int, floor: int) -> dict[str, Any]:
    picture = one.picture
    dearest = max([each.cost_minor for each in picture.slices], default=0) or 1
    return {
        "code": one.code,
        "plays": plays,
        "chance": f"{picture.win_basis_points / 100:.2f}",
        "floor": f"{floor / 100:.2f}",
        "is_below": one.is_below,
        "per_play": money(picture.per_play_minor, programme.currency),
        "total": money(picture.total_minor, programme.currency),
        "rows": [
            {
                "label": each.label,
                "percent": f"{each.basis_points / 100:.2f}",
                "width": max(each.basis_points // 100, 1) if each.basis_points else 0,
                "expected": each.expected,
                "cost": money(each.cost_minor, programme.currency),
                "cost_width": 100 * each.cost_minor // dearest,
                "wins": each.wins,
                "runs_out": each.runs_out,
            }
            for each in picture.slices
        ],
    }


def _gauges(game: Game) -> list[dict[str, Any]]:
    """How much of each limited prize is gone."""
    rows = GamePrize.objects.filter(prize_set__game=game, stock__isnull=False)
    return [
        {"label": one.label, "given": one.given, "stock": one.stock, **_bar(one.given, one.stock)}
        for one in rows.order_by("prize_set__rank", "rank")
    ]


def _budget(game: Game) -> dict[str, Any] | None:
    if game.budget_minor is None:
        return None
    currency = game.programme.currency
    return {
        "spent": money(game.spent_minor, currency),
        "budget": money(game.budget_minor, currency),
        **_bar(game.spent_minor, game.budget_minor),
    }


def _bar(used: int, most: int | None) -> dict[str, Any]:
    width = 100 if not most else min(100 * used // most, 100)
    look = "is-full" if width >= 100 else "is-soon" if width >= 80 else ""
    return {"width": width, "look": look}


@admin.register(GamePlay)
class GamePlayAdmin(ReadOnlyAdmin):
    """The log: what was played, what came of it, and the proof of each."""

    list_display = ["played_at", "game", "who", "result", "where"]
    list_filter = ["game", "door"]
    list_select_related = ["game", "member", "prize", "reversal"]
    ordering = ["-pk"]
    sortable_by = ()
    search_fields = ["public_id"]
    search_help_text = gettext_lazy("Id of the play")

    def get_list_display(self, request: HttpRequest) -> Any:
        self.lens = lens_of(request.user)
        return super().get_list_display(request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if not (term := search_term.strip()):
            return queryset, False
        public_id = as_uuid(term)
        return (queryset.filter(public_id=public_id) if public_id else queryset.none()), False

    @admin.display(description=gettext_lazy("member"))
    def who(self, play: GamePlay) -> str:
        return self.lens.name(play.member)

    @admin.display(description=gettext_lazy("prize"))
    def result(self, play: GamePlay) -> str:
        label = play.prize.label if play.prize else _("wrong answers")
        return f"{label} ({_('undone')})" if hasattr(play, "reversal") else label

    @admin.display(description=gettext_lazy("door"))
    def where(self, play: GamePlay) -> str:
        return str(DOORS.get(play.door, play.door))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("<int:play_id>/undo/", guard(self.undo_page), name="rewards_gameplay_undo"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        plays = GamePlay.objects.select_related(
            "period", "game", "member", "drawn", "prize", "win", "reversal"
        )
        play = get_object_or_404(plays, pk=object_id if object_id.isdecimal() else 0)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Play of “%(game)s”") % {"game": play.game.name},
            "play": play,
            "who": lens_of(request.user).name(play.member),
            "checked": games.check(play),
            "reversal": getattr(play, "reversal", None),
            "may_undo": request.user.has_perm(RUN) and not hasattr(play, "reversal"),
        }
        return TemplateResponse(request, "admin/rewards/games/play.html", context)

    def undo_page(self, request: HttpRequest, play_id: int) -> HttpResponse:
        """Asks why; the prize comes back, and the member has the turn again."""
        refuse_without(request, RUN)
        plays = GamePlay.objects.select_related("game__programme", "prize", "win", "member")
        play = get_object_or_404(plays, pk=play_id)
        form = ReasonForm(request.POST or None)
        home = reverse("admin:rewards_gameplay_change", args=[play.pk])
        if form.is_valid():
            reason, actor = form.cleaned_data["reason"], user_actor(request.user)
            work = partial(games.cancel_play, play=play, reason=reason, actor=actor)
            return attempt(request, work, home)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Undo the play"),
            "form": form,
            "who": lens_of(request.user).name(play.member),
            "back": home,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/rewards/reason.html", context, status=status)
