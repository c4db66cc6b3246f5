"""Prize draws: terms, tickets, the frozen list, winners and their proof. Doors for integrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.errors import NotFound
from rewards.api.draw_shapes import (
    BeaconBody,
    DrawBody,
    DrawCheckOut,
    DrawOut,
    DrawPage,
    DrawPrizeOut,
    EntryOut,
    EntryPage,
    MissingOut,
    NoteBody,
    WinnerOut,
    WinnerPage,
    check_out,
    winner_out,
)
from rewards.api.prize_base import (
    PAGE,
    BalanceOut,
    CountedBody,
    EmptyBody,
    PrizeView,
    ReasonBody,
)
from rewards.api.prizes import HandOverBody
from rewards.errors import DrawState
from rewards.models import Draw, DrawEntry, DrawWinner, PrizeKind
from rewards.services import draws
from rewards.services.draws import DrawPrizePlan
from rewards.services.prizes import grant_turns

PUBLIC = (Draw.State.DRAWN, Draw.State.HANDED_OVER)


@extend_schema(tags=["draws"])
class DrawViewSet(PrizeView[Draw]):
    """Prize draws with complete terms, a committed seed and a frozen list."""

    queryset = Draw.objects.select_related("programme")
    scopes = dict.fromkeys(
        ("browse", "retrieve", "entries", "winners", "verify"), "draws:read"
    ) | dict.fromkeys(
        ("create", "update", "publish", "close", "draw", "cancel", "finish", "tickets",
         "accept", "refuse", "hand_over"),
        "draws:write",
    )  # fmt: skip

    def get_queryset(self) -> QuerySet[Draw]:
        return Draw.objects.select_related("programme").filter(programme=self.programme)

    @property
    def held(self) -> Draw:
        return self.found(self.get_queryset())

    @extend_schema(operation_id="draws_list", parameters=PAGE, responses={200: schema_of(DrawPage)})
    def browse(self, request: Request) -> HttpResponse:
        """All draws, the newest first."""
        return self.page(request, self.get_queryset(), self._out)

    @extend_schema(operation_id="draws_retrieve", responses={200: schema_of(DrawOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """A draw with its prizes, and what is missing before it can be published."""
        return self.one(request, self._whole(self.held))

    @extend_schema(request=json_body(DrawBody), responses={201: schema_of(DrawOut)})
    def create(self, request: Request) -> HttpResponse:
        """A new draw, as a draft."""
        return self.do(
            request, DrawBody, lambda asked: self._save(Draw(programme=self.programme), asked), 201
        )

    @extend_schema(request=json_body(DrawBody), responses={200: schema_of(DrawOut)})
    def update(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Another wording of a draft."""
        return self.do(request, DrawBody, lambda asked: self._save(self.held, asked))

    def _save(self, draw: Draw, asked: DrawBody) -> DrawOut:
        for name in DrawBody.__struct_fields__:
            if name != "prizes":
                setattr(draw, name, getattr(asked, name))
        plans = [DrawPrizePlan(**msgspec.structs.asdict(one)) for one in asked.prizes]
        return self._whole(draws.save_draw(draw=draw, prizes=plans, actor=self.actor))

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(DrawOut)})
    def publish(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Show the draw and commit its seed. Refused with all that the law asks and is missing."""
        return self._step(request, draws.publish_draw)

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(DrawOut)})
    def close(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Freeze the list of participants and publish its hash."""
        return self._step(request, draws.freeze_list)

    @extend_schema(request=json_body(BeaconBody), responses={200: schema_of(DrawOut)})
    def draw(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Draw the winners. It happens once; the seed is public from now on."""
        return self.do(
            request,
            BeaconBody,
            lambda asked: self._whole(
                draws.draw_winners(draw=self.held, beacon=asked.beacon, actor=self.actor)
            ),
        )

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(DrawOut)})
    def cancel(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Call a draw off before its winners are known."""
        return self.do(
            request,
            ReasonBody,
            lambda asked: self._whole(
                draws.cancel_draw(draw=self.held, reason=asked.reason, actor=self.actor)
            ),
        )

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(DrawOut)})
    def finish(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """All prizes are handed over, or have nobody to go to."""
        return self._step(request, draws.finish_draw)

    def _step(self, request: Request, service: Any) -> HttpResponse:
        return self.do(
            request,
            EmptyBody,
            lambda _asked: self._whole(service(draw=self.held, actor=self.actor)),
        )

    @extend_schema(request=json_body(CountedBody), responses={200: schema_of(BalanceOut)})
    def tickets(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Give a member tickets for no purchase, with a reason."""
        return self.do(request, CountedBody, self._grant)

    def _grant(self, asked: CountedBody) -> BalanceOut:
        draw = self.held
        if draw.state != Draw.State.PUBLISHED:
            raise DrawState(state=draw.state)
        have = grant_turns(
            member=self.member(asked.member), kind=PrizeKind.TICKETS.value, code=draw.code,
            count=asked.count, reason=asked.reason, actor=self.actor,
        )  # fmt: skip
        return BalanceOut(balance=have)

    @extend_schema(
        operation_id="draw_entries_list", parameters=PAGE, responses={200: schema_of(EntryPage)}
    )
    def entries(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The frozen list, in the order of the tickets."""
        self.keyset = ("first",)
        rows = DrawEntry.objects.filter(draw=self.held)
        return self.page(
            request,
            rows,
            lambda one: EntryOut(participant=one.participant, first=one.first, last=one.last),
        )

    @extend_schema(
        operation_id="draw_winners_list", parameters=PAGE, responses={200: schema_of(WinnerPage)}
    )
    def winners(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Winners and reserves, place by place."""
        self.keyset = ("place",)
        rows = winners_shown().filter(draw=self.held)
        return self.page(request, rows, winner_out)

    @extend_schema(operation_id="draws_verify", responses={200: schema_of(DrawCheckOut)})
    def verify(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Compute the winners once more from the published seed and list."""
        draw = self.held
        if draw.state not in PUBLIC:
            raise DrawState(state=draw.state)
        return self.one(request, check_out(draws.check_draw(draw)))

    @extend_schema(request=json_body(EmptyBody), responses={200: schema_of(WinnerOut)})
    def accept(self, request: Request, id: UUID, place: int) -> HttpResponse:  # noqa: A002
        """The winner of a place wants the prize."""
        return self.do(
            request,
            EmptyBody,
            lambda _asked: self._winner(draws.accept_win(winner=self.winner, actor=self.actor)),
        )

    @extend_schema(request=json_body(NoteBody), responses={200: schema_of(WinnerOut)})
    def refuse(self, request: Request, id: UUID, place: int) -> HttpResponse:  # noqa: A002
        """The winner drops out, and the next reserve moves up."""
        return self.do(request, NoteBody, self._refuse)

    def _refuse(self, asked: NoteBody) -> WinnerOut:
        winner = self.winner
        draws.refuse_win(winner=winner, note=asked.note, actor=self.actor)
        return self._winner(winner)

    @extend_schema(request=json_body(HandOverBody), responses={200: schema_of(WinnerOut)})
    def hand_over(self, request: Request, id: UUID, place: int) -> HttpResponse:  # noqa: A002
        """The prize is in the winner's hands."""
        return self.do(
            request,
            HandOverBody,
            lambda asked: self._winner(
                draws.hand_over_win(
                    winner=self.winner, proof=asked.proof, store=self.store(asked.store),
                    gift_card=asked.gift_card, actor=self.actor,
                )
            ),
        )  # fmt: skip

    @property
    def winner(self) -> DrawWinner:
        rows = winners_shown().filter(draw=self.held, place=self.kwargs["place"])
        if (found := rows.first()) is None:
            raise NotFound
        return found

    def _winner(self, winner: DrawWinner) -> WinnerOut:
        return winner_out(winners_shown().get(pk=winner.pk))

    def _out(self, draw: Draw) -> DrawOut:
        special = ("id", "seed", "verify_url", "prizes", "missing")
        plain = [name for name in DrawOut.__struct_fields__ if name not in special]
        return DrawOut(
            id=draw.public_id,
            seed=draw.seed if draw.state in PUBLIC else None,
            verify_url=self.request.build_absolute_uri(
                reverse("verify-draw", args=[draw.public_id])
            ),
            **{name: getattr(draw, name) for name in plain},
        )

    def _whole(self, draw: Draw) -> DrawOut:
        told = self._out(draw)
        told.prizes = [
            DrawPrizeOut(**{name: getattr(one, name) for name in DrawPrizeOut.__struct_fields__})
            for one in draw.prizes.all()
        ]
        missing = draws.missing_of(draw) if draw.state == Draw.State.DRAFT else []
        told.missing = [
            MissingOut(pointer=one["pointer"], detail=str(one["detail"])) for one in missing
        ]
        return told


def winners_shown() -> QuerySet[DrawWinner]:
    return DrawWinner.objects.select_related("draw", "entry__member", "prize", "win")
