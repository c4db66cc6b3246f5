"""Prizes won: found, handed over with proof, taken back; the year's sums for tax."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec import Meta
from rest_framework.request import Request

from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member
from rewards.api.checkout import answer
from rewards.api.game_shapes import WinOut, win_out
from rewards.api.prize_base import PAGE, PrizeView, Reason, ReasonBody
from rewards.models import PrizeWin
from rewards.services import prizes


class HandOverBody(Body, kw_only=True):
    """``proof``: the paper or photo that shows it. ``gift_card``: the number of the card given."""

    proof: Reason
    store: str | None = None
    gift_card: Annotated[str, Meta(max_length=64)] = ""


class WinPage(msgspec.Struct, kw_only=True):
    data: list[WinOut]
    next: str | None
    has_more: bool


class TaxRowOut(msgspec.Struct, kw_only=True):
    """A person above the tax-free sum of the year. Minor units."""

    member: UUID
    prizes: int
    won_minor: int
    taxed_minor: int
    tax_minor: int


class TaxOut(msgspec.Struct, kw_only=True):
    """The 500 highest at most."""

    year: int
    tax_free_minor: int
    data: list[TaxRowOut]


@extend_schema(tags=["prizes"])
class PrizeWinViewSet(PrizeView[PrizeWin]):
    """What members won, until it is in their hands."""

    queryset = PrizeWin.objects.none()
    query_parameters = ("limit", "after", "year")
    scopes = {
        "of_member": "games:read",
        "hand_over": "games:write",
        "cancel": "games:write",
        "tax": "games:read",
    }

    @property
    def win(self) -> PrizeWin:
        return self.found(PrizeWin.objects.all())

    @extend_schema(
        operation_id="member_prizes_list", parameters=PAGE, responses={200: schema_of(WinPage)}
    )
    def of_member(self, request: Request, member_id: UUID) -> HttpResponse:
        """Everything the member won, the newest first."""
        rows = PrizeWin.objects.filter(member=self.member_in_address())
        return self.page(request, rows, win_out)

    @extend_schema(request=json_body(HandOverBody), responses={200: schema_of(WinOut)})
    def hand_over(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The prize is in the member's hands. A gift card is worth its prize from now on."""
        return self.do(request, HandOverBody, self._hand_over)

    def _hand_over(self, asked: HandOverBody) -> WinOut:
        done = prizes.hand_over(
            win=self.win, proof=asked.proof, store=self.store(asked.store),
            gift_card=asked.gift_card, actor=self.actor,
        )  # fmt: skip
        return win_out(done)

    @extend_schema(request=json_body(ReasonBody), responses={200: schema_of(WinOut)})
    def cancel(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take a prize back with a reason; a play is undone as a whole at its own address."""
        return self.do(
            request,
            ReasonBody,
            lambda asked: win_out(
                prizes.cancel_prize(
                    win=self.win, programme=self.programme, reason=asked.reason, actor=self.actor
                )
            ),
        )

    @extend_schema(
        operation_id="prizes_tax",
        parameters=[
            OpenApiParameter(
                "year", {"type": "integer", "minimum": 2000, "maximum": 2200}, required=True
            )
        ],
        responses={200: schema_of(TaxOut)},
    )
    def tax(self, request: Request) -> HttpResponse:
        """Who won more within a calendar year than is free of tax."""
        refuse_unknown(request, {"year"})
        text = request.query_params.get("year", "")
        if not (text.isascii() and text.isdigit() and 2000 <= int(text[:5]) <= 2200):
            message = _("A year such as 2026")
            raise ValidationFailed(errors=[fault("/query/year", "invalid", message)])
        rows = prizes.over_limit(programme=self.programme, year=int(text))
        ids = dict(
            Member.objects.filter(pk__in=[one.member_id for one in rows]).values_list(
                "pk", "public_id"
            )
        )
        shown = [
            TaxRowOut(
                member=ids[one.member_id], prizes=one.prizes, won_minor=one.won_minor,
                taxed_minor=one.taxed_minor, tax_minor=one.tax_minor,
            )
            for one in rows
        ]  # fmt: skip
        free = prizes.prize_settings(self.programme).tax_free_minor
        return answer(TaxOut(year=int(text), tax_free_minor=free, data=shown))
