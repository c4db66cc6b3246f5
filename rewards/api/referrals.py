"""Referrals over the API: codes, friends, decisions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from msgspec import Meta
from rest_framework.request import Request

from loyalty_crm.kernel import clock, throttle
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import Body
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound
from members.models import Member
from rewards.api.beyond import PAGE, BeyondView, ReasonBody, answer, member_of
from rewards.api.bodies import MemberBody
from rewards.errors import ReferralRefused
from rewards.models import Referral
from rewards.services import referrals
from rewards.services.programmes import default_programme

DeviceId = Annotated[str, Meta(min_length=8, max_length=200)]
PlaceCode = Annotated[str, Meta(max_length=40)]


class AttachBody(Body, kw_only=True):
    """``device`` is whatever names the friend's phone for ever; only a keyed hash is kept."""

    code: Annotated[str, Meta(min_length=4, max_length=40)]
    friend: MemberBody
    device: DeviceId | None = None
    store: PlaceCode = ""
    terminal: PlaceCode = ""


class CodeBody(Body, kw_only=True):
    """``device``: on which the member asks for the code, if you know it."""

    device: DeviceId | None = None


class CodeOut(msgspec.Struct, kw_only=True):
    code: str
    link: str


class ReferralOut(msgspec.Struct, kw_only=True):
    """``state``: enrolled, held, qualified, rewarded, refused or clawed_back."""

    id: UUID
    referrer: UUID
    friend: UUID
    state: str
    signs: list[str]
    reason: str
    created_at: datetime
    qualified_at: datetime | None
    due_at: datetime | None
    rewarded_at: datetime | None


class ReferralPage(msgspec.Struct, kw_only=True):
    data: list[ReferralOut]
    next: str | None
    has_more: bool


def referral_out(referral: Referral) -> ReferralOut:
    return ReferralOut(
        id=referral.public_id,
        referrer=referral.referrer.public_id,
        friend=referral.friend.public_id,
        state=referral.state,
        signs=referral.signals,
        reason=referral.reason,
        created_at=referral.created_at,
        qualified_at=referral.qualified_at,
        due_at=referral.due_at,
        rewarded_at=referral.rewarded_at,
    )


def link_of(code: str) -> str:
    return settings.PUBLIC_BASE_URL.rstrip("/") + reverse("invited", args=[code])


@extend_schema(tags=["referrals"])
class ReferralViewSet(BeyondView[Referral]):
    """Members who bring friends."""

    queryset = Referral.objects.select_related("referrer", "friend")
    filters = {
        "state": "state",
        "referrer": "referrer__public_id",
        "friend": "friend__public_id",
    }
    scopes = dict.fromkeys(("browse", "retrieve"), "referrals:read") | dict.fromkeys(
        ("create", "code", "approve", "refuse", "claw_back"), "referrals:write"
    )

    @extend_schema(
        operation_id="referrals_create",
        request=json_body(AttachBody),
        responses={201: schema_of(ReferralOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """A new member names the code of whoever brought them. Wrong codes are counted."""
        asked = decode_request(request, AttachBody)
        friend = member_of(asked.friend, self.actor, "/friend")

        def work() -> tuple[int, object]:
            referral = referrals.attach(
                programme=default_programme(),
                friend=friend,
                code=asked.code,
                device=asked.device or "",
                place="/".join(part for part in (asked.store, asked.terminal) if part),
                now=clock.now(),
                actor=self.actor,
            )
            return 201, referral_out(self.found(referral.public_id))

        with throttle.guarded("referrals", actor=self.actor) as guesses:
            if referrals.owner_of(asked.code) is None:
                guesses.wrong = 1
                raise ReferralRefused(reason="code")
        return self.once(request, operation="referrals.create", validated=asked, work=work)

    @extend_schema(
        operation_id="member_referral_code",
        request=json_body(CodeBody),
        responses={200: schema_of(CodeOut)},
    )
    def code(self, request: Request, member_id: UUID) -> HttpResponse:
        """The member's code and link to share; made at the first call, the same for ever."""
        asked = decode_request(request, CodeBody)

        def work() -> tuple[int, object]:
            known = Member.objects.visible_to(self.actor).filter(public_id=member_id)
            if (member := known.first()) is None:
                raise NotFound
            if asked.device:
                referrals.see_device(member, asked.device)
            code = referrals.code_of(member).code
            return 200, CodeOut(code=code, link=link_of(code))

        return self.once(request, operation="referrals.code", validated=asked, work=work)

    @extend_schema(
        operation_id="referrals_list",
        parameters=[*PAGE, *(OpenApiParameter(name, str) for name in filters)],
        responses={200: schema_of(ReferralPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """Referrals, the newest first."""
        return self.page(request, referral_out)

    @extend_schema(operation_id="referrals_retrieve", responses={200: schema_of(ReferralOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """One referral."""
        return answer(referral_out(self.found(id)))

    @extend_schema(
        operation_id="referrals_approve",
        request=json_body(ReasonBody),
        responses={200: schema_of(ReferralOut)},
    )
    def approve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """One that is looked into is fine."""
        return self._decide(request, referrals.approve)

    @extend_schema(
        operation_id="referrals_refuse",
        request=json_body(ReasonBody),
        responses={200: schema_of(ReferralOut)},
    )
    def refuse(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """No reward for either side, for ever."""
        return self._decide(request, referrals.refuse)

    @extend_schema(
        operation_id="referrals_claw_back",
        request=json_body(ReasonBody),
        responses={200: schema_of(ReferralOut)},
    )
    def claw_back(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take both rewards back."""
        return self._decide(request, referrals.claw_back)

    def _decide(self, request: Request, service: Callable[..., Referral]) -> HttpResponse:
        asked = decode_request(request, ReasonBody)

        def work() -> tuple[int, object]:
            service(referral=self.found(self.kwargs["id"]), reason=asked.reason, actor=self.actor)
            return 200, referral_out(self.found(self.kwargs["id"]))

        return self.once(request, operation=f"referrals.{self.action}", validated=asked, work=work)
