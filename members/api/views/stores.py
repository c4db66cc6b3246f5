"""Stores and their terminals."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request

from loyalty_crm.kernel.api.filters import StrictFilterBackend
from loyalty_crm.kernel.errors import ForbiddenStore
from members.api.serializers import StoreInput, StoreOutput
from members.api.views.base import MembersView, checked
from members.models import Store
from members.services.stores import upsert_store, upsert_terminal


@extend_schema(tags=["stores"])
class StoreViewSet(mixins.ListModelMixin, MembersView[Store]):
    """Where people buy. A key that is bound to stores sees and changes those alone."""

    queryset = Store.objects.none()
    serializer_class = StoreOutput
    filter_backends = [StrictFilterBackend]
    keyset = ("code",)
    scopes = {"list": "catalogue:read", "create": "catalogue:write"}

    def get_queryset(self) -> QuerySet[Store]:
        return Store.objects.visible_to(self.actor).prefetch_related("terminals")

    @extend_schema(request=StoreInput, responses={200: StoreOutput, 201: StoreOutput})
    def create(self, request: Request) -> HttpResponse:
        """Create a store (201), or bring it to what is given (200), with its terminals."""
        asked = checked(StoreInput, request)
        if not self.actor.may_use_store(asked["code"]):
            raise ForbiddenStore(pointer="/code")
        return self.once(
            request, operation="stores.create", validated=asked, work=lambda: self.put(asked)
        )

    def put(self, asked: dict[str, Any]) -> tuple[int, Any]:
        given = {name: value for name, value in asked.items() if name != "terminals"}
        store, created = upsert_store(**given, actor=self.actor)
        for terminal in asked["terminals"]:
            upsert_terminal(store=store, **terminal, actor=self.actor)
        shown = self.get_serializer(self.get_queryset().get(pk=store.pk)).data
        return 201 if created else 200, shown
