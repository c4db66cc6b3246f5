"""Stacking groups: how promotions go together on one receipt."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin
from loyalty_crm.kernel.errors import ConflictVersion
from rewards.models import PromotionVersion, StackingGroup
from rewards.services.programmes import default_programme
from rewards.services.stacking_groups import CHANGEABLE, change_group, create_group

_CHANGED = gettext_lazy("Somebody else has changed the group meanwhile. Load the page again.")


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]
    """A group as it was when the page was opened: ``read`` is its version then."""

    read = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = StackingGroup
        fields = ["name", "code", "mode", "n"]
        help_texts = {
            "code": gettext_lazy(
                "Latin letters, digits and dashes. Promotions name the group by it; it stays."
            ),
            "mode": gettext_lazy("Which of the group's promotions count on one receipt."),
            "n": gettext_lazy("For “the first few that apply”."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["read"].initial = self.instance.version if self.instance.pk else None

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        forms.SlugField().clean(code)
        taken = StackingGroup.objects.filter(programme=default_programme(), code=code)
        if taken.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("A stacking group with this code exists"))
        return code

    def clean_read(self) -> int | None:
        read: int | None = self.cleaned_data["read"]
        now = StackingGroup.objects.filter(pk=self.instance.pk).values_list("version", flat=True)
        if self.instance.pk and read not in now:
            raise forms.ValidationError(_CHANGED)
        return read


@admin.register(StackingGroup)
class GroupAdmin(KernelAdmin):
    """Made and changed by the service; never deleted, because wordings name it."""

    form = GroupForm
    list_display = ["name", "code", "mode", "n", "promotions"]
    search_fields = ["name", "code"]
    ordering = ["name", "id"]
    sortable_by = ["name", "code"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["code"] if obj else []

    @admin.display(description=gettext_lazy("live promotions"))
    def promotions(self, group: StackingGroup) -> int:
        return getattr(group, "live", None) or 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[StackingGroup]:
        rows: QuerySet[StackingGroup] = super().get_queryset(request)
        return rows.annotate(live=Subquery(_live()))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        shown = ["name", "code", "mode", "n"]
        may = self.has_change_permission(request, obj) if obj else True
        return [*shown, "read"] if may else shown

    def save_model(self, request: HttpRequest, obj: StackingGroup, form: Any, change: bool) -> None:
        asked = {name: getattr(obj, name) for name in CHANGEABLE}
        actor = user_actor(request.user)
        if not change:
            made = create_group(programme=default_programme(), code=obj.code, **asked, actor=actor)
            obj.pk = made.pk
            return
        try:
            change_group(group=obj, changes=asked, expected=form.cleaned_data["read"], actor=actor)
        except ConflictVersion:
            messages.error(request, _CHANGED)


def _live() -> QuerySet[Any, Any]:
    """How many live wordings name the group of the row."""
    live = PromotionVersion.objects.filter(
        state=PromotionVersion.State.LIVE, promotion__programme=OuterRef("programme_id")
    )
    named = live.annotate(group=KT("definition__stacking__group")).filter(group=OuterRef("code"))
    return named.order_by().values("group").annotate(count=Count("pk")).values("count")
