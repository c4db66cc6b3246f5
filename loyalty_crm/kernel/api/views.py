"""The kernel's own resources: jobs, and the register of errors."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.errors import DomainError, registry
from loyalty_crm.kernel.models import Job
from loyalty_crm.kernel.models.jobs import JobQuerySet
from loyalty_crm.kernel.problems import type_uri


class JobOutput(serializers.ModelSerializer[Job]):
    id = serializers.UUIDField(source="public_id")

    class Meta:
        model = Job
        fields = [
            "id",
            "kind",
            "state",
            "done",
            "total",
            "result",
            "error",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields


@extend_schema(tags=["jobs"])
class JobViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[Job]):
    """Bulk work that the caller started: how far it is, and what came out."""

    queryset = Job.objects.all()
    serializer_class = JobOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    scopes = {"retrieve": "bulk:run"}

    def get_queryset(self) -> JobQuerySet:
        return Job.objects.visible_to(actor_of(self.request))


class ErrorOutput(serializers.Serializer[Any]):
    type = serializers.CharField()
    code = serializers.CharField()
    status = serializers.IntegerField()
    title = serializers.CharField()
    retryable = serializers.BooleanField()


@extend_schema(tags=["errors"])
class ErrorRegister(APIView):
    """Every error code that the API may answer with. Codes are stable, titles are not."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(operation_id="errors_list", responses=ErrorOutput(many=True), auth=[])
    def get(self, request: Request) -> Response:
        return Response([described(error) for error in registry().values()])


@extend_schema(tags=["errors"])
class ErrorDescription(APIView):
    """What one error code means: the address in a problem's ``type``."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(operation_id="errors_retrieve", responses=ErrorOutput, auth=[])
    def get(self, request: Request, code: str) -> Response:
        if (error := registry().get(code)) is None:
            raise Http404
        return Response(described(error))


def described(error: type[DomainError]) -> dict[str, object]:
    return {
        "type": type_uri(error.code),
        "code": error.code,
        "status": error.status,
        "title": str(error.title),
        "retryable": error.retryable,
    }
