"""Games: worded, started, played, checked. Doors for integrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from rewards.api.game_shapes import (
    CheckOut,
    GameBody,
    GameOut,
    GamePage,
    LinkBody,
    LinkOut,
    PeriodPage,
    PlayBody,
    PlayOut,
    PlayPage,
    TurnsListOut,
    TurnsOut,
    check_out,
    fill,
    game_out,
    period_out,
    plans_of,
    play_out,
)
from rewards.api.prize_base import (
    PAGE,
    BalanceOut,
    CountedBody,
    EmptyBody,
    PrizeView,
    ReasonBody,
)
from rewards.models import AwardBalance, Game, GamePeriod, GamePlay, PrizeKind
from rewards.services import games
from rewards.services.games.playing import closed_because
from rewards.services.games.tokens import LIFETIME
from rewards.services.prizes import grant_turns

KIND = PrizeKind.PLAYS.value
MOST_GAMES = 100


@extend_schema(tags=["games"])
class GameViewSet(PrizeView[Game]):
    """Games of chance with odds, stock and budget. A change needs a pause."""

    queryset = Game.objects.select_related("programme")
    scopes = (
        dict.fromkeys(("browse", "retrieve", "plays", "periods"), "games:read")
        | dict.fromkeys(("create", "update", "start", "pause", "end", "turns"), "games:write")
        | dict.fromkeys(("play", "link"), "games:play")
    )

    def get_queryset(self) -> QuerySet[Game]:
        return Game.objects.select_related("programme").filter(programme=self.programme)

    @property
    def game(self) -> Game:
        return self.found(self.get_queryset())

    @extend_schema(operation_id="games_list", parameters=PAGE, responses={200: schema_of(GamePage)})
    def browse(self, request: Request) -> HttpResponse:
        """All games, the newest first."""
        return self.page(request, self.get_queryset(), game_out)

    @extend_schema(operation_id="games_retrieve", responses={200: schema_of(GameOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A game with its prizes, their odds, stock, and what it is expected to cost."""
        return self.one(request, game_out(self.game, whole=True))

    @extend_schema(request=json_body(GameBody), responses={201: schema_of(GameOut)})
    def create(self, request: Request) -> HttpResponse:
        """A new game, as a draft. A chance to win below the programme's floor is refused."""
        return self.do(
            request, GameBody, lambda asked: self._save(Game(programme=self.programme), asked), 201
        )

    @extend_schema(request=json_body(GameBody), responses={200: schema_of(GameOut)})
    def update(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Another wording of a draft or of a game that is paused."""
        return self.do(request, GameBody, lambda asked: self._save(self.game, asked))

    def _save(self, game: Game, asked: GameBody) -> GameOut:
        saved = games.save_game(game=fill(game, asked), sets=plans_of(asked), actor=self.actor)
        return game_out(saved, whole=True)

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(GameOut)})
    def start(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Begin, or go on after a pause. The seed of the period is committed now."""
        return self._step(request, games.start_game)

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(GameOut)})
    def pause(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """No plays for a while; members keep their turns."""
        return self._step(request, games.pause_game)

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(GameOut)})
    def end(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The end of the game. The last seed is published within minutes."""
        return self._step(request, games.end_game)

    def _step(self, request: Request, service: Any) -> HttpResponse:
        return self.do(
            request,
            EmptyBody,
            lambda _asked: game_out(service(game=self.game, actor=self.actor), whole=True),
        )

    @extend_schema(request=json_body(CountedBody), responses={200: schema_of(BalanceOut)})
    def turns(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Give a member turns for no purchase, with a reason."""
        return self.do(request, CountedBody, self._grant)

    def _grant(self, asked: CountedBody) -> BalanceOut:
        have = grant_turns(
            member=self.member(asked.member), kind=KIND, code=self.game.code, count=asked.count,
            reason=asked.reason, actor=self.actor,
        )  # fmt: skip
        return BalanceOut(balance=have)

    @extend_schema(request=json_body(LinkBody), responses={200: schema_of(LinkOut)})
    def link(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """An address where the member plays in a phone's browser for two hours, without a log-in.

        Whoever has it plays the member's turns: send it to nobody else.
        """
        return self.do(request, LinkBody, self._link)

    def _link(self, asked: LinkBody) -> LinkOut:
        token = games.entry_token(game=self.game, member=self.member(asked.member))
        url = self.request.build_absolute_uri(reverse("play", args=[token]))
        return LinkOut(url=url, expires_at=clock.now() + LIFETIME)

    @extend_schema(request=json_body(PlayBody), responses={201: schema_of(PlayOut)})
    def play(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Play one turn of a member. The server decides; the same reference is the same play."""
        return self.do(request, PlayBody, self._play, 201)

    def _play(self, asked: PlayBody) -> PlayOut:
        made = games.play(
            game=self.game,
            member=self.member(asked.member),
            nonce=asked.nonce,
            reference=asked.reference,
            answers=asked.answers,
            door="api",
            store=self.store(asked.store),
            actor=self.actor,
        )
        return play_out(made, verify_url(self.request, made))

    @extend_schema(
        operation_id="game_plays_list", parameters=PAGE, responses={200: schema_of(PlayPage)}
    )
    def plays(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The plays of a game, the newest first."""
        rows = plays_shown().filter(game=self.game)
        return self.page(request, rows, lambda one: play_out(one, verify_url(request, one)))

    @extend_schema(
        operation_id="game_periods_list", parameters=PAGE, responses={200: schema_of(PeriodPage)}
    )
    def periods(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """What was committed for each period, and the seeds of those that are over."""
        rows = GamePeriod.objects.filter(game=self.game)
        return self.page(request, rows, period_out)


@extend_schema(tags=["games"])
class MemberGameViewSet(PrizeView[GamePlay]):
    """Turns and plays of one member."""

    queryset = GamePlay.objects.none()
    scopes = {"turns": "games:read", "history": "games:read"}

    @extend_schema(operation_id="member_games_list", responses={200: schema_of(TurnsListOut)})
    def turns(self, request: Request, member_id: UUID) -> HttpResponse:
        """Games the member has turns in, and those that run."""
        member, now = self.member_in_address(), clock.now()
        held = dict(
            AwardBalance.objects.filter(member=member, kind=KIND).values_list("code", "balance")
        )
        known = Game.objects.filter(programme=self.programme).exclude(state=Game.State.DRAFT)
        rows = [
            TurnsOut(
                game=one.public_id, code=one.code, name=one.name, form=one.form,
                turns=max(held.get(one.code, 0), 0), closed=closed_because(one, now),
            )
            for one in known.order_by("-pk")[:MOST_GAMES]
        ]  # fmt: skip
        return self.one(request, TurnsListOut(data=rows))

    @extend_schema(
        operation_id="member_plays_list", parameters=PAGE, responses={200: schema_of(PlayPage)}
    )
    def history(self, request: Request, member_id: UUID) -> HttpResponse:
        """What the member played, the newest first."""
        rows = plays_shown().filter(member=self.member_in_address())
        return self.page(request, rows, lambda one: play_out(one, verify_url(request, one)))


@extend_schema(tags=["games"])
class PlayViewSet(PrizeView[GamePlay]):
    """One play: its proof, and its undoing."""

    queryset = GamePlay.objects.none()
    scopes = {"verify": "games:read", "cancel": "games:write"}

    @property
    def made(self) -> GamePlay:
        return self.found(plays_shown().select_related("game__programme"))

    @extend_schema(operation_id="plays_verify", responses={200: schema_of(CheckOut)})
    def verify(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Compute the play once more from the published seed."""
        return self.one(request, check_out(games.check(self.made)))

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(PlayOut)})
    def cancel(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Undo a play: the prize comes back, and the member has the turn again."""
        return self.do(request, ReasonBody, self._cancel)

    def _cancel(self, asked: ReasonBody) -> PlayOut:
        games.cancel_play(play=self.made, reason=asked.reason, actor=self.actor)
        return play_out(self.made, verify_url(self.request, self.made))


def plays_shown() -> QuerySet[GamePlay]:
    return GamePlay.objects.select_related("game", "drawn", "prize", "win", "period")


def verify_url(request: Request, play: GamePlay) -> str:
    return request.build_absolute_uri(reverse("verify-play", args=[play.public_id]))
