"""Tags that members carry, and groups of stores."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import user_actor
from members.admin.products import KeptAdmin
from members.admin.stores import CodedForm
from members.models import Store, StoreGroup, Tag
from members.services.groups import name_tag, put_store_group


@admin.register(Tag)
class TagAdmin(KeptAdmin):
    """Words for members. Who carries one stands on the member's own page."""

    form = CodedForm
    list_display = ["code", "name"]
    search_fields = ["code", "name"]
    fields = ["code", "name"]

    def save_model(self, request: HttpRequest, obj: Tag, form: Any, change: bool) -> None:
        tag, _new = name_tag(code=obj.code, name=obj.name, actor=user_actor(request.user))
        obj.pk = tag.pk


class StoreGroupForm(CodedForm):
    stores = forms.ModelMultipleChoiceField(
        Store.objects.order_by("code"),
        label=_("stores"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


@admin.register(StoreGroup)
class StoreGroupAdmin(KeptAdmin):
    form = StoreGroupForm
    list_display = ["code", "name", "size"]
    search_fields = ["code", "name"]
    fields = ["code", "name", "stores"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StoreGroup]:
        return StoreGroup.objects.annotate(size=Count("stores"))

    @admin.display(description=_("stores"))
    def size(self, group: StoreGroup) -> int:
        return int(getattr(group, "size", 0))

    def save_model(self, request: HttpRequest, obj: StoreGroup, form: Any, change: bool) -> None:
        stores = [store.code for store in form.cleaned_data["stores"]]
        actor = user_actor(request.user)
        group, _new = put_store_group(code=obj.code, name=obj.name, stores=stores, actor=actor)
        obj.pk = group.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has written the stores already."""
