"""Members and their identities."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.api.etags import IF_MATCH, expected_version, with_etag
from loyalty_crm.kernel.api.filters import StrictFilterBackend
from members.api.filters import MemberFilter
from members.api.serializers import (
    IdentityInput,
    IdentityOutput,
    LookupInput,
    MemberInput,
    MemberOutput,
    ProfileInput,
)
from members.api.views.base import MembersView, checked, moment, statement, store_of
from members.models import Identity, Member
from members.services.people import (
    add_identity,
    enrol_member,
    lookup_member,
    update_member,
)


@extend_schema(tags=["members"])
class MemberViewSet(mixins.ListModelMixin, MembersView[Member]):
    """Members of the programme. They belong to the chain: every key sees all of them."""

    queryset = Member.objects.none()
    serializer_class = MemberOutput
    filter_backends = [StrictFilterBackend]
    filterset_class = MemberFilter
    keyset = ("recorded_at", "id")
    keyless = ("lookup",)
    scopes = {
        "list": "members:read",
        "retrieve": "members:read",
        "lookup": "members:read",
        "create": "members:write",
        "partial_update": "members:write",
    }

    def get_queryset(self) -> QuerySet[Member]:
        return Member.objects.visible_to(self.actor).with_contacts()

    def retrieve(self, request: Request, member_id: UUID) -> HttpResponse:
        """One member. The ETag is the member's version."""
        member = self.get_queryset().filter(public_id=member_id).first()
        if member is None:
            raise Http404
        return with_etag(Response(self.get_serializer(member).data), member.version)

    @extend_schema(request=LookupInput, responses=MemberOutput)
    def lookup(self, request: Request) -> HttpResponse:
        """The member whom a card, phone, e-mail or external id names; 404 when nobody is."""
        asked = checked(LookupInput, request)
        system = asked.pop("system", "")
        [(kind, value)] = asked.items()
        with throttle.guarded("members", actor=self.actor) as guesses:
            member = lookup_member(kind=kind.removesuffix("_id"), value=value, system=system)
            guesses.wrong = int(member is None)
        if member is None:
            raise Http404
        return with_etag(Response(self.presented(member)), member.version)

    @extend_schema(request=MemberInput, responses={201: MemberOutput})
    def create(self, request: Request) -> HttpResponse:
        """Enrol a person. The answer shows the card's number in full, once, to be printed."""
        asked = checked(MemberInput, request)
        return self._once(request, "members.create", asked, lambda: (201, self.enrolled(asked)))

    @extend_schema(parameters=[IF_MATCH], request=ProfileInput, responses=MemberOutput)
    def partial_update(self, request: Request, member_id: UUID) -> HttpResponse:
        """Change what is given. Send If-Match to be refused when somebody was faster."""
        asked = checked(ProfileInput, request)
        version = expected_version(request)
        validated = {"changes": asked, "version": version}
        return self._once(
            request, "members.update", validated, lambda: (200, self.changed(asked, version))
        )

    def _once(self, request: Request, operation: str, validated: Any, work: Any) -> HttpResponse:
        response = self.once(request, operation=operation, validated=validated, work=work)
        shown = msgspec.json.decode(response.content)
        return with_etag(response, shown.get("version"))

    def enrolled(self, asked: dict[str, Any]) -> Any:
        given = {**asked, "occurred_at": moment(asked)}
        given["home_store"] = store_of(asked.get("home_store"), self.actor, "/home_store")
        given["external_ids"] = [(one["system"], one["id"]) for one in asked["external_ids"]]
        given["consents"] = [
            statement(said, asked["language"], f"/consents/{at}")
            for at, said in enumerate(asked["consents"])
        ]
        member = enrol_member(**given, actor=self.actor)
        shown = self.presented(member)
        for card, full in zip(shown["cards"], member.cards.order_by("id"), strict=True):
            card["number"] = full.number
        return shown

    def changed(self, asked: dict[str, Any], version: int | None) -> Any:
        given = dict(asked)
        if "home_store" in asked:
            given["home_store"] = store_of(asked["home_store"], self.actor, "/home_store")
        member = update_member(
            member=self.member(),
            changes=given,  # type: ignore[arg-type]  # the serializer has checked the shape
            expected_version=version,
            actor=self.actor,
        )
        return self.presented(member)

    def presented(self, member: Member) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=member.pk)).data


@extend_schema(tags=["members"])
class IdentityViewSet(MembersView[Identity]):
    """Phones, e-mails and external ids of one member."""

    serializer_class = IdentityOutput
    scopes = {"create": "members:write"}

    @extend_schema(request=IdentityInput, responses={201: OpenApiResponse(IdentityOutput)})
    def create(self, request: Request, member_id: UUID) -> HttpResponse:
        """Let the member be recognised by one more value. A value it has already comes back."""
        asked = checked(IdentityInput, request)

        def work() -> tuple[int, Any]:
            identity = add_identity(member=self.member(), **asked, actor=self.actor)
            return 201, self.get_serializer(identity).data

        return self.once(request, operation="identities.create", validated=asked, work=work)
