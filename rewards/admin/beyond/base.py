"""Pages that these screens share: a row with its facts, and decisions that ask why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin, ReadOnlyAdmin
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import lens_of
from rewards.forms import ReasonForm
from rewards.services.programmes import default_or_none

#: A decision by hand: what it is called, and the service, which takes the row by its noun.
Verb = tuple[Any, Callable[..., object]]


class SettingsAdmin(KernelAdmin):
    """Settings that a service saves. Never deleted: what was given by them names them.

    The form has fields that are no columns; whoever may only look sees ``told`` instead.
    """

    #: Columns of the list that say what the extra fields of the form hold.
    told: tuple[str, ...] = ()
    groups: tuple[tuple[Any, list[str]], ...] = ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    #: Whether the programme has one row of them.
    is_single = False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What can't be added yet, or is there already, is found where it is.

        Not a matter of permission: those are asked for every page's sidebar.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        if default_or_none() is None:
            messages.info(request, _("Set up the points programme"))
            return HttpResponseRedirect(reverse("admin:rewards_programme_changelist"))
        known = self.model.objects.first() if self.is_single else None
        if known is not None:
            address = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return HttpResponseRedirect(reverse(address, args=[known.pk]))
        page: HttpResponse = super().add_view(request, form_url, extra_context)
        return page

    def _may_write(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None:
            return bool(self.has_add_permission(request))
        return bool(self.has_change_permission(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if self.groups and self._may_write(request, obj):
            return [(title, {"fields": fields}) for title, fields in self.groups]
        return [(None, {"fields": [*self._columns(), *self.told]})]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change, **{**kwargs, "fields": self._columns()})

    def _columns(self) -> list[str]:
        return list(self.form._meta.fields or ())  # noqa: SLF001 - Django's public "model _meta API"


class DecidedAdmin(ReadOnlyAdmin):
    """Rows that services move from state to state; a person may decide, and says why."""

    noun = ""
    verbs: dict[str, Verb] = {}
    permission = ""
    change_form_template = "admin/rewards/beyond_row.html"
    sortable_by = ()
    ordering = ["-id"]

    def get_urls(self) -> list[URLPattern]:
        if not self.verbs:
            return list(super().get_urls())
        name = f"{self.opts.app_label}_{self.opts.model_name}_verb"
        page = self.admin_site.admin_view(self.verb_page)
        return [path("<int:row_id>/do/<slug:verb>/", page, name=name), *super().get_urls()]

    def open_verbs(self, row: Any) -> Sequence[str]:
        """What makes sense for a row in its state."""
        raise NotImplementedError

    def facts(self, request: HttpRequest, row: Any) -> list[tuple[Any, Any]]:
        raise NotImplementedError

    def more(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {}

    def title_of(self, row: Any) -> str:
        return str(row)

    def rows(self) -> QuerySet[Any]:
        found: QuerySet[Any] = self.model._default_manager.select_related(*self.list_select_related)  # noqa: SLF001
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = get_object_or_404(self.rows(), pk=object_id if object_id.isdecimal() else 0)
        may = request.user.has_perm(self.permission)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self.title_of(row),
            "row": row,
            "facts": [(label, value) for label, value in self.facts(request, row) if value],
            "verbs": [(self._at(row, verb), self.verbs[verb][0]) for verb in self.open_verbs(row)]
            if may
            else [],
            **self.more(request, row),
        }
        return TemplateResponse(request, self.change_form_template, context)

    def _at(self, row: Any, verb: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_verb"
        return reverse(name, args=[row.pk, verb])

    def verb_page(self, request: HttpRequest, row_id: int, verb: str) -> HttpResponse:
        """One form for whatever is decided by hand: it asks why."""
        if not request.user.has_perm(self.permission):
            raise PermissionDenied
        rows = self.rows()
        row = get_object_or_404(rows.filter(pk=row_id) if verb in self.verbs else rows.none())
        title, service = self.verbs[verb]
        form = ReasonForm(request.POST or None)
        home = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        if form.is_valid():
            actor, reason = user_actor(request.user), form.cleaned_data["reason"]
            if _try(form, partial(service, **{self.noun: row}, reason=reason, actor=actor)):
                messages.success(request, _("Done."))
                return HttpResponseRedirect(home)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "form": form,
            "who": self.title_of(row),
            "balance": "",
            "back": home,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/rewards/reason.html", context, status=status)


def _try(form: ReasonForm, work: Callable[[], object]) -> bool:
    try:
        work()
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        return False
    return True


def who(request: HttpRequest, member: Any) -> Any:
    """A member as this user may see them."""
    return lens_of(request.user).name(member)


def given_text(kind: str, amount: int, code: str, programme: Any) -> str:
    """A reward in words: "100 points", "2 × coupon ten"."""
    from_kind = {
        "points": _("points"),
        "coupon": _("coupon"),
        "stamps": _("stamps"),
        "draw_tickets": _("tickets"),
        "game_plays": _("turns"),
        "tag": _("tag"),
    }
    if kind == "points":
        scaled = amount / 10**programme.points_scale if programme.points_scale else amount
        return f"{scaled:,} {from_kind[kind]}".replace(",", "\N{NO-BREAK SPACE}")
    return f"{amount} × {from_kind.get(kind, kind)} {code}"
