"""A tiny value endpoint, so that the kernel's promises are tested over HTTP by themselves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import include, path
from django_filters import BooleanFilter, FilterSet, IsoDateTimeFilter
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from loyalty_crm.kernel import outbox
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.serializers import StrictSerializer
from loyalty_crm.kernel.api.shapes import Body, Code, Natural
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.models import AuditEntry
from loyalty_crm.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class NotEnoughCoins(DomainError):
    code = "test_not_enough_coins"
    status = 422
    title = "Not enough coins"


class Coins(Body):
    amount: Natural
    store: Code = "S1"
    note: str = ""


#: What the next calls run into, by name; a test fills and empties it.
trouble: dict[str, Any] = {}


def stumble() -> None:
    """Wait, fail or die in the middle of the work, as the test asked."""
    if "sleep" in trouble:
        time.sleep(trouble["sleep"])
    if "raise" in trouble:
        raise trouble["raise"]
    if "sql" in trouble:
        with connection.cursor() as cursor:
            cursor.execute(trouble["sql"])
    if os.environ.get("SLEEP_IN_WORK"):
        time.sleep(float(os.environ["SLEEP_IN_WORK"]))


def die_if_told() -> None:
    """After the commit, before the answer: the worst moment to lose the process."""
    flag = os.environ.get("DIE_AFTER_COMMIT")
    if flag and Path(flag).exists():
        Path(flag).unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class CoinsView(IdempotentMixin, APIView):
    """Adds coins once per key; more than there is room for is refused."""

    scopes: ClassVar = {"POST": "sales:write", "GET": "sales:read", "DELETE": "sales:write"}

    def post(self, request: Request) -> HttpResponse:
        coins = decode_request(request, Coins)

        def work() -> tuple[int, object]:
            outbox.emit("coins.added", object_type="coins", object_id=str(coins.amount))
            stumble()
            if coins.amount > trouble.get("room", 1000):
                raise NotEnoughCoins("No room.", room=1000, pointer="/amount")
            return 201, {"amount": coins.amount, "note": coins.note}

        response = self.once(
            request, operation="coins.add", store=coins.store, validated=coins, work=work
        )
        die_if_told()
        return response

    def get(self, request: Request) -> Response:
        stumble()
        return Response({"stamps": request.stamps, "actor": request.auth.label})

    def delete(self, request: Request) -> HttpResponse:
        return self.once(request, operation="coins.drop", validated=None, work=lambda: (200, {}))


class NoteInput(StrictSerializer):
    class Place(StrictSerializer):
        city = serializers.CharField(max_length=10)

    id = serializers.IntegerField(read_only=True)
    count = serializers.IntegerField(min_value=0)
    flag = serializers.BooleanField(default=False)
    text = serializers.CharField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    place = Place(required=False)
    places = Place(many=True, required=False)
    free = serializers.JSONField(required=False)


class NoteView(APIView):
    scopes: ClassVar = {"POST": "members:write"}

    def post(self, request: Request) -> Response:
        asked = NoteInput(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(asked.validated_data)


class TrailRow(serializers.ModelSerializer[AuditEntry]):
    class Meta:
        model = AuditEntry
        fields = ["id", "action", "object_id"]


class TrailFilter(FilterSet):
    since = IsoDateTimeFilter(field_name="recorded_at", lookup_expr="gte")
    reasoned = BooleanFilter(field_name="reason", lookup_expr="isnull")

    class Meta:
        model = AuditEntry
        fields: ClassVar = ["action"]


class TrailViewSet(viewsets.ReadOnlyModelViewSet[AuditEntry]):
    serializer_class = TrailRow
    keyset = ("recorded_at", "id")
    scopes: ClassVar = {"list": "members:read"}
    filterset_class = TrailFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.filter(object_type="row")


class NewestFirst(TrailViewSet):
    keyset = ("-object_id", "-id")


class Failing(APIView):
    """Raises what the test put into ``trouble``."""

    scopes: ClassVar = {"GET": "sales:read"}

    def get(self, request: Request) -> Response:
        stumble()
        return Response({})


def crash(request: object) -> HttpResponse:
    raise RuntimeError("SELECT secret FROM internals")


urlpatterns = [
    path("api/v1/coins", CoinsView.as_view()),
    path("api/v1/notes", NoteView.as_view()),
    path("api/v1/trail", TrailViewSet.as_view({"get": "list"})),
    path("api/v1/trail-newest", NewestFirst.as_view({"get": "list"})),
    path("api/v1/trail/<int:pk>", TrailViewSet.as_view({"get": "retrieve"})),
    path("api/v1/failing", Failing.as_view()),
    path("api/v1/crash", crash),
    path("", include("loyalty_crm.urls")),
]
