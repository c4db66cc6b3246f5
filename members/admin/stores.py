"""Stores with their terminals, and the shifts that were worked there."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin, ReadOnlyAdmin
from members.models import Shift, Store, Terminal
from members.services.stores import upsert_store, upsert_terminal


@cache
def zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones())]


class CodedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A code names the row on the wire: it is chosen once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"code", "sku"} & self.fields.keys():
            self.fields[name].disabled = bool(self.instance.pk)


class StoreForm(CodedForm):
    time_zone = forms.ChoiceField(
        label=_("Time zone"), choices=zones, initial="UTC", widget=UnfoldAdminSelectWidget
    )


class TerminalInline(TabularInline):
    model = Terminal
    form = CodedForm
    hide_title = True
    extra = 0
    fields = ["code", "name", "is_active"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Store)
class StoreAdmin(KernelAdmin):
    """A store is never deleted, since receipts name it: it is switched off."""

    form = StoreForm
    list_display = ["code", "name", "time_zone", "address", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["code", "name"]
    inlines = [TerminalInline]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        store, _created = upsert_store(
            code=obj.code,
            name=obj.name,
            time_zone=obj.time_zone,
            address=obj.address,
            is_active=obj.is_active,
            actor=user_actor(request.user),
        )
        obj.pk = store.pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for terminal in formset.save(commit=False):
            upsert_terminal(
                store=form.instance,
                code=terminal.code,
                name=terminal.name,
                is_active=terminal.is_active,
                actor=user_actor(request.user),
            )
        formset.save_m2m()


@admin.register(Terminal)
class TerminalAdmin(KernelAdmin):
    """For those who keep a store's tills and not the store itself."""

    form = CodedForm
    list_display = ["code", "store", "name", "is_active"]
    list_filter = ["store", "is_active"]
    list_select_related = ["store"]
    search_fields = ["code", "name", "store__code"]
    ordering = ["store", "code"]
    fields = ["store", "code", "name", "is_active"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["store"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Terminal, form: Any, change: bool) -> None:
        terminal, _created = upsert_terminal(
            store=obj.store,
            code=obj.code,
            name=obj.name,
            is_active=obj.is_active,
            actor=user_actor(request.user),
        )
        obj.pk = terminal.pk


@admin.register(Shift)
class ShiftAdmin(ReadOnlyAdmin):
    list_display = ["terminal", "store", "user", "opened_at", "closed_at"]
    list_filter = ["terminal__store"]
    list_select_related = ["terminal__store", "user"]
    ordering = ["-id"]
    sortable_by: list[str] = []

    @admin.display(description=_("store"))
    def store(self, shift: Shift) -> str:
        return str(shift.terminal.store)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shift]:
        return Shift.objects.select_related("terminal__store", "user")
