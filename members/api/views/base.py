"""What the views of members share: who calls, whom it is about, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers, viewsets
from rest_framework.request import Request

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import ConsentText, Member, Store
from members.services.consents import Statement

_Row = TypeVar("_Row", bound=Model)


def checked(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body in the given shape, or a refusal that points at what is wrong."""
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    found: dict[str, Any] = asked.validated_data
    return found


def moment(given: Mapping[str, Any]) -> datetime:
    """When it happened: as the caller says, else now."""
    said: datetime | None = given.get("occurred_at")
    return said or clock.now()


def store_of(code: str | None, actor: Actor, pointer: str) -> Store | None:
    """The store the caller names. A store that is not its own looks like one that is not there."""
    if code is None:
        return None
    store = Store.objects.visible_to(actor).filter(code=code).first()
    if store is None:
        raise ValidationFailed(errors=[fault(pointer, "unknown_store", _("No such store"))])
    return store


def statement(said: Mapping[str, Any], language: str, pointer: str) -> Statement:
    """What was said, with the text it names by version; the language is the member's by default."""
    return Statement(
        purpose=said["purpose"],
        granted=said["granted"],
        text=_text_of(said, language, pointer),
        channel=said["channel"],
        evidence=said["evidence"],
    )


def _text_of(said: Mapping[str, Any], language: str, pointer: str) -> ConsentText | None:
    if (version := said.get("text_version")) is None:
        return None
    wanted = said.get("text_language", language)
    texts = ConsentText.objects.filter(purpose=said["purpose"], version=version, language=wanted)
    if (text := texts.first()) is None:
        errors = [fault(f"{pointer}/text_version", "unknown_text", _("No such text is published"))]
        raise ValidationFailed(errors=errors)
    return text


class MembersView(IdempotentMixin, viewsets.GenericViewSet[_Row]):
    """A view of the members app: personal data only for keys with ``members:pii``."""

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        # The schema is drawn without a caller.
        actor = self.request and self.request.auth
        return {**context, "pii": isinstance(actor, Actor) and actor.has_scope("members:pii")}

    def member(self) -> Member:
        """The member in the address. A missing and a forbidden one look alike."""
        known = Member.objects.visible_to(self.actor).filter(public_id=self.kwargs["member_id"])
        if (member := known.first()) is None:
            raise Http404
        return member
