"""Accounts of the staff. Roles come from a file, so here they are only shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from loyalty_crm.kernel.admin_base import KernelAdmin, ReadOnlyAdmin
from loyalty_crm.kernel.staff import give_role, roles

admin.site.unregister(User)
admin.site.unregister(Group)


class RoleChoice(forms.ModelForm):  # type: ignore[type-arg]
    """A role to choose; it is no field of the account."""

    role_name = forms.ChoiceField(
        label=_("Role"), choices=[(name, name) for name in roles()], widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = self.instance.groups.first() if self.instance.pk else None
        self.fields["role_name"].initial = held.name if held else None


class StaffChangeForm(RoleChoice, UserChangeForm):
    pass


class StaffCreationForm(RoleChoice, UserCreationForm):
    pass


@admin.register(User)
class StaffAdmin(KernelAdmin, DjangoUserAdmin):  # type: ignore[misc, type-arg]
    """People who work here. A role is given whole; superusers are made on the console only."""

    form = StaffChangeForm
    add_form = StaffCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "role", "is_active", "last_login"]
    list_filter = ["groups", "is_active"]
    list_filter_submit = False
    search_fields = ["username", "first_name", "last_name"]
    ordering = ["username"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email", "role_name", "is_active"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "role_name", "password1", "password2"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("role"))
    def role(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all())

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        give_role(user=form.instance, role=form.cleaned_data["role_name"])

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody changes an account that is above their own."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not above

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """What each role may do, as ``loyalty_crm/kernel/staff.toml`` says."""

    list_display = ["name"]
    ordering = ["name"]
    fields = ["name", "what_it_may_do"]
    readonly_fields = ["what_it_may_do"]

    @admin.display(description=_("may do"))
    def what_it_may_do(self, group: Group) -> str:
        return "\n".join(one.name for one in group.permissions.order_by("name"))
