"""The page where a member plays: a signed link opens it, the server decides, the page shows."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import DomainError
from rewards.models import Game, GamePeriod, GamePlay
from rewards.play import wheel
from rewards.services import games
from rewards.services.games import Entry
from rewards.services.games.periods import table_of
from rewards.services.games.playing import closed_because, set_for
from rewards.services.prizes import turns_of


class PlayForm(forms.Form):
    """A turn as the page sends it. ``key`` makes it once, ``nonce`` is the player's number."""

    key = forms.UUIDField()
    nonce = forms.RegexField(r"^[0-9A-Za-z_-]{1,64}$")

    def __init__(self, data: Any, game: Game) -> None:
        super().__init__(data)
        for number, question in enumerate(questions_of(game)):
            options = [(str(place), text) for place, text in enumerate(question["options"])]
            self.fields[f"q{number}"] = forms.ChoiceField(choices=options)

    @property
    def answers(self) -> list[int]:
        given = self.cleaned_data
        return [int(given[name]) for name in self.fields if name.startswith("q")]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page needs to know of a game for one member."""

    entry: Entry
    prizes: list[dict[str, Any]]
    period: GamePeriod | None
    turns: int
    closed: str

    @property
    def may_play(self) -> bool:
        return bool(self.turns and not self.closed)


def questions_of(game: Game) -> list[dict[str, Any]]:
    return list(game.questions) if game.form == Game.Form.QUIZ else []


@never_cache
@require_http_methods(["GET", "POST"])
def play_page(request: HttpRequest, token: str) -> HttpResponse:
    """Shows the game, or plays one turn. Without scripts a form and a page with the result."""
    entry = games.opened(token)
    if entry is None:
        return render(request, "play/gone.html", status=410)
    if request.method == "POST":
        return _play(request, token, entry)
    made = _made(request, entry)
    return _show(request, entry, made=made)


def _made(request: HttpRequest, entry: Entry) -> GamePlay | None:
    """The play that the address names, if it is this member's."""
    try:
        public_id = uuid.UUID(request.GET.get("play", ""))
    except ValueError:
        return None
    plays = GamePlay.objects.select_related("prize", "drawn", "win", "period")
    return plays.filter(public_id=public_id, member=entry.member, game=entry.game).first()


def _play(request: HttpRequest, token: str, entry: Entry) -> HttpResponse:
    form = PlayForm(request.POST, entry.game)
    if not form.is_valid():
        return _refused(request, entry, _("Answer every question, and keep your number simple."))
    try:
        made = games.play(
            game=entry.game,
            member=entry.member,
            nonce=form.cleaned_data["nonce"],
            reference=f"web:{form.cleaned_data['key']}",
            answers=form.answers,
            door="web",
            actor=Actor("system", "player"),
        )
    except DomainError as refusal:
        return _refused(request, entry, refusal.message)
    home = f"{reverse('play', args=[token])}?play={made.public_id}"
    if not _wants_json(request):
        return redirect(home)
    return JsonResponse({"url": home, **_motion(made)})


def _motion(made: GamePlay) -> dict[str, Any]:
    """What the animation ends on; what counts is written already."""
    prizes = next(
        one["prizes"] for one in made.period.table["sets"] if one["code"] == made.prize_set
    )
    prize = made.prize
    return {
        "turn": wheel.turn_to(prizes, prize.code) if prize else 0,
        "label": prize.label if prize else "",
        "won": bool(made.win_id),
    }


def _wants_json(request: HttpRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def _refused(request: HttpRequest, entry: Entry, problem: str) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"problem": problem}, status=422)
    return _show(request, entry, problem=problem, status=422)


def _show(
    request: HttpRequest,
    entry: Entry,
    *,
    made: GamePlay | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    shown = _shown(entry)
    total = sum(prize["weight"] for prize in shown.prizes)
    context = {
        "game": entry.game,
        "shown": shown,
        "made": made,
        "problem": problem,
        "slices": wheel.slices(shown.prizes) if entry.game.form == Game.Form.WHEEL else [],
        "odds": [
            {"label": one["label"], "percent": 100 * one["weight"] / total if total else 0}
            for one in shown.prizes
            if one["weight"]
        ],
        "questions": questions_of(entry.game),
        "key": uuid.uuid4(),
        "nonce": secrets.token_hex(8),
    }
    return render(request, "play/game.html", context, status=status)


def _shown(entry: Entry) -> Shown:
    game, now = entry.game, clock.now()
    period = GamePeriod.objects.filter(game=game).open_at(now).order_by("-number").first()
    table = period.table if period else table_of(game)
    prizes = set_for(table, entry.member, game)["prizes"] if table["sets"] else []
    turns = turns_of(member_id=entry.member.pk, kind="game_plays", code=game.code)
    return Shown(entry, list(prizes), period, turns, closed_because(game, now))
