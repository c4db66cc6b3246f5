"""The consent log, and the texts that people agreed to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin, ReadOnlyAdmin
from loyalty_crm.kernel.errors import DomainError
from members.admin.cards import veiled_owner
from members.admin.lens import lens_of
from members.models import Consent, ConsentText
from members.services.consents import publish_text, refuse_bundled


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """Every statement, newest first. The log is written by services alone."""

    list_filter = ["purpose", "channel", "granted"]
    list_select_related = ["member", "text", "store"]
    ordering = ["-id"]
    sortable_by: list[str] = []
    fields = [
        "purpose",
        "channel",
        "granted",
        "text",
        "source",
        "store",
        "actor",
        "evidence",
        "occurred_at",
        "recorded_at",
    ]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        owner = veiled_owner(lens_of(request.user))
        return [owner, "purpose", "channel", "granted", "text", "source", "store", "occurred_at"]


class ConsentTextForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        try:
            refuse_bundled(given.get("purpose", ""), given.get("body", ""))
        except DomainError as refusal:
            raise ValidationError({"body": refusal.message}) from refusal
        return given


@admin.register(ConsentText)
class ConsentTextAdmin(KernelAdmin):
    """A text is published and stays as it is; other words are another version."""

    form = ConsentTextForm
    list_display = ["purpose", "version", "language", "published_at"]
    list_filter = ["purpose", "language"]
    fields = ["purpose", "version", "language", "body"]
    ordering = ["-id"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ConsentText, form: Any, change: bool) -> None:
        text = publish_text(
            purpose=obj.purpose,
            version=obj.version,
            language=obj.language,
            body=obj.body,
            actor=user_actor(request.user),
        )
        obj.pk = text.pk
