"""The consent log of one member."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request

from loyalty_crm.kernel.api.filters import StrictFilterBackend
from members.api.filters import ConsentFilter
from members.api.serializers import ConsentInput, ConsentOutput
from members.api.views.base import MembersView, checked, moment, statement, store_of
from members.models import Consent
from members.services.consents import record_consent


@extend_schema(tags=["consents"])
class ConsentViewSet(mixins.ListModelMixin, MembersView[Consent]):
    """What a member agreed to, in which words, and when it was withdrawn."""

    queryset = Consent.objects.none()
    serializer_class = ConsentOutput
    filter_backends = [StrictFilterBackend]
    filterset_class = ConsentFilter
    keyset = ("recorded_at", "id")
    scopes = {"list": "members:read", "create": "members:write"}

    def get_queryset(self) -> QuerySet[Consent]:
        return self.member().consents.select_related("text", "store")

    @extend_schema(request=ConsentInput, responses={201: ConsentOutput})
    def create(self, request: Request, member_id: UUID) -> HttpResponse:
        """Add one statement about one purpose: given, with the text; or withdrawn."""
        asked = checked(ConsentInput, request)

        def work() -> tuple[int, Any]:
            return 201, self.get_serializer(self.recorded(asked)).data

        return self.once(request, operation="consents.create", validated=asked, work=work)

    def recorded(self, asked: dict[str, Any]) -> Consent:
        member = self.member()
        said = statement(asked, member.language, "")
        return record_consent(
            member=member,
            purpose=said.purpose,
            channel=said.channel,
            granted=said.granted,
            text=said.text,
            source=asked["source"],
            store=store_of(asked.get("store"), self.actor, "/store"),
            evidence=said.evidence,
            occurred_at=moment(asked),
            actor=self.actor,
        )
