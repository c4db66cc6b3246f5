"""Games at the till: the cashier plays for the member, gives a link, and hands prizes over."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import Money
from members.models import Member
from members.rules.identities import masked_name
from members.till.access import Desk, at_till
from members.till.once import OnceForm, once
from rewards.models import AwardBalance, Game, GamePlay, PrizeKind, PrizeWin
from rewards.services import games, prizes
from rewards.services.games.playing import closed_because
from rewards.services.programmes import default_programme
from rewards.till.basket import TillBasket

MOST = 20


class TurnForm(OnceForm):
    """A turn that the cashier plays; the number is the member's own, or drawn for the page."""

    nonce = forms.RegexField(r"^[0-9A-Za-z_-]{1,64}$", widget=forms.HiddenInput)


class HandForm(OnceForm):
    proof = forms.CharField(max_length=300)
    gift_card = forms.CharField(max_length=64, required=False)


@dataclass(frozen=True, slots=True)
class Offered:
    """A game the member has turns in. A quiz is played on the member's own phone."""

    game: Game
    turns: int
    link: str
    key: UUID
    nonce: str

    @property
    def is_quiz(self) -> bool:
        return self.game.form == Game.Form.QUIZ


@require_http_methods(["GET"])
@at_till
def here(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The games of the member in the basket; without one, back to the sale."""
    found = TillBasket.of(request, desk).member
    return redirect("till:games", found) if found else redirect("till:sale")


@require_http_methods(["GET"])
@at_till
def member_games(request: HttpRequest, desk: Desk, member_id: UUID) -> HttpResponse:
    """Turns of the member, the play just made, and the prizes that wait here."""
    member = get_object_or_404(Member, public_id=member_id)
    return _page(request, desk, member, made=_made(request, member))


@require_POST
@at_till
def play(request: HttpRequest, desk: Desk, member_id: UUID, game_id: UUID) -> HttpResponse:
    """Play one turn for the member, once however often the button is pressed."""
    member = get_object_or_404(Member, public_id=member_id)
    game = get_object_or_404(Game.objects.select_related("programme"), public_id=game_id)
    form = TurnForm(request.POST)
    if not form.is_valid():
        return redirect("till:games", member_id)
    key, nonce = form.cleaned_data["key"], form.cleaned_data["nonce"]

    def work() -> dict[str, Any]:
        made = games.play(
            game=game, member=member, nonce=nonce, reference=f"till:{key}", door="till",
            store=desk.store, actor=desk.actor,
        )  # fmt: skip
        return {"play": str(made.public_id)}

    asked = [str(member.public_id), str(game.public_id)]
    try:
        done = once(operation="game_play", key=key, asked=asked, work=work, desk=desk)
    except DomainError as refusal:
        return _page(request, desk, member, problem=refusal.message, status=422)
    return redirect(f"{reverse('till:games', args=[member_id])}?play={done['play']}")


@require_POST
@at_till
def hand(request: HttpRequest, desk: Desk, member_id: UUID, win_id: UUID) -> HttpResponse:
    """The prize goes over the counter; the proof is the paper or the receipt that was signed."""
    member = get_object_or_404(Member, public_id=member_id)
    win = get_object_or_404(PrizeWin, public_id=win_id, member=member)
    form = HandForm(request.POST)
    if not form.is_valid():
        problem = _("Write down how the hand-over is proved.")
        return _page(request, desk, member, problem=problem, status=422)
    typed = form.cleaned_data

    def work() -> dict[str, Any]:
        prizes.hand_over(
            win=win, proof=typed["proof"], store=desk.store, gift_card=typed["gift_card"],
            actor=desk.actor,
        )  # fmt: skip
        return {}

    asked = [str(win.public_id), typed["proof"], typed["gift_card"]]
    try:
        once(operation="prize_hand", key=typed["key"], asked=asked, work=work, desk=desk)
    except DomainError as refusal:
        return _page(request, desk, member, problem=refusal.message, status=422)
    return redirect("till:games", member_id)


def _made(request: HttpRequest, member: Member) -> GamePlay | None:
    try:
        public_id = UUID(request.GET.get("play", ""))
    except ValueError:
        return None
    plays = GamePlay.objects.select_related("game", "prize", "win")
    return plays.filter(public_id=public_id, member=member).first()


def _page(
    request: HttpRequest,
    desk: Desk,
    member: Member,
    *,
    made: GamePlay | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    programme = default_programme()
    note = prizes.tax_note(programme=programme, member_id=member.pk, at=clock.now())
    due = PrizeWin.objects.filter(member=member, state=PrizeWin.State.DUE).order_by("pk")[:MOST]
    context = {
        "desk": desk,
        "member": member,
        "name": masked_name(member.name),
        "offered": _offered(request, member),
        "made": made,
        "problem": problem,
        "due": [(win, uuid4(), win.kind == PrizeKind.GIFT_CARD) for win in due],
        "tax": Money(note.tax_minor, programme.currency).format() if note else "",
    }
    return render(request, "till/games.html", context, status=status)


def _offered(request: HttpRequest, member: Member) -> list[Offered]:
    """Games that can be played now and in which the member has turns. Two queries."""
    held = dict(
        AwardBalance.objects.filter(member=member, kind=PrizeKind.PLAYS, balance__gt=0).values_list(
            "code", "balance"
        )
    )
    now = clock.now()
    running = Game.objects.filter(
        programme__is_default=True, code__in=list(held), state=Game.State.RUNNING
    )
    return [
        Offered(game, held[game.code], _link(request, game, member), uuid4(), secrets.token_hex(8))
        for game in running.order_by("pk")[:MOST]
        if not closed_because(game, now)
    ]


def _link(request: HttpRequest, game: Game, member: Member) -> str:
    token = games.entry_token(game=game, member=member)
    return request.build_absolute_uri(reverse("play", args=[token]))
