"""Members: the list, and the page that shows everything about one.

The page is composed by URL name: what members know stands in it, what rewards
know is loaded into its slots (templates/admin/members/member.html).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Model, Prefetch, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.models import AuditEntry
from loyalty_crm.kernel.staff import names_of
from members.admin import member_panels, tag_panel
from members.admin.lens import Lens, lens_of
from members.admin.trail_words import in_words
from members.forms import ProfileForm
from members.models import Card, Identity, Member
from members.services.people import find_members, lookup_member, update_member

FOUND_AT_MOST = 50
Panel = Callable[[HttpRequest, Member], HttpResponse]
PANELS: dict[str, Panel] = {
    "cards": member_panels.cards_panel,
    "contacts": member_panels.contacts_panel,
    "consents": member_panels.consents_panel,
    "tags": tag_panel.tags_panel,
}
STATE_COLOURS: dict[str, Colour] = {
    Member.Status.ACTIVE: "success",
    Member.Status.BLOCKED: "danger",
    Member.Status.CLOSED: "default",
}
TRAIL_PAGE = 15


def veiled_name(lens: Lens) -> Any:
    @admin.display(description=_("member"))
    def who(member: Member) -> str:
        return lens.name(member)

    return who


def veiled_phone(lens: Lens) -> Any:
    @admin.display(description=_("phone"))
    def phone(member: Member) -> str:
        known = [one for one in member.identities.all() if one.kind == Identity.Kind.PHONE]
        return lens.identity(known[0]) if known else ""

    return phone


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    """Read-only: whatever changes a member is a service with its own form."""

    search_fields = ["name"]
    search_help_text = _("Card number, phone, e-mail, or a part of the name")
    list_filter = ["status", "home_store"]
    list_select_related = ["home_store"]
    ordering = ["-recorded_at", "-id"]
    sortable_by = ()

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Built for every request: the same list is clear to one user and veiled to another."""
        lens = lens_of(request.user)
        return [veiled_name(lens), "state", veiled_phone(lens), "card", "home_store", "enrolled_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        cards = Card.objects.order_by("-id")
        return Member.objects.prefetch_related("identities", Prefetch("cards", queryset=cards))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Member], search_term: str
    ) -> tuple[QuerySet[Member], bool]:
        """By the service's indexes, surest first. Who may not see names can't ask for them."""
        if not search_term:
            return queryset, False
        if lens_of(request.user).names:
            found = [member.pk for member in find_members(search_term, limit=FOUND_AT_MOST)]
        else:
            member = lookup_member(kind="card", value=search_term)
            found = [member.pk] if member else []
        rank = [When(pk=pk, then=position) for position, pk in enumerate(found)]
        chosen = queryset.filter(pk__in=found)
        return chosen.order_by(Case(*rank), "-id") if rank else chosen, False

    @chip(_("status"), STATE_COLOURS)
    def state(self, member: Member) -> tuple[str, str]:
        return member.status, member.get_status_display()

    @admin.display(description=_("card"))
    def card(self, member: Member) -> str:
        cards = member.cards.all()
        return str(cards[0]) if cards else ""

    # The page of one member

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        pages = [
            path(f"<int:member_id>/{name}/", guard(view), name=f"members_member_{name}")
            for name, view in (("edit", self.edit_page), ("trail", self.trail_panel))
        ]
        panels = [
            path(
                f"<int:member_id>/{name}/",
                guard(self.panel),
                {"draw": draw},
                name=f"members_member_{name}",
            )
            for name, draw in PANELS.items()
        ]
        return [*pages, *panels, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        member = self._member(request, object_id)
        context = {
            **self._frame(request, member),
            **member_panels.contacts_of(request, member),
            **member_panels.consents_of(request, member),
            **member_panels.cards_of(request, member),
            **tag_panel.tags_of(request, member),
            "may_read_trail": request.user.has_perm("kernel.view_auditentry"),
            "may_read_wallet": request.user.has_perm("rewards.view_wallet"),
        }
        return TemplateResponse(request, "admin/members/member.html", context)

    def panel(self, request: HttpRequest, member_id: int, draw: Panel) -> HttpResponse:
        return draw(request, self._member(request, member_id))

    def edit_page(self, request: HttpRequest, member_id: int) -> HttpResponse:
        member = self._member(request, member_id)
        if not request.user.has_perm("members.change_member"):
            raise PermissionDenied
        form = ProfileForm(request.POST) if request.method == "POST" else ProfileForm.of(member)
        if form.is_bound and form.is_valid() and self._save(request, member, form):
            return HttpResponseRedirect(reverse("admin:members_member_change", args=[member.pk]))
        context = {**self._frame(request, member), "form": form, "title": _("Change the profile")}
        return TemplateResponse(
            request, "admin/members/edit.html", context, status=422 if form.errors else 200
        )

    def trail_panel(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """Who changed what about this member, newest first, page by page of ids."""
        member = self._member(request, member_id)
        if not request.user.has_perm("kernel.view_auditentry"):
            raise PermissionDenied
        entries = AuditEntry.objects.filter(object_type="member", object_id=str(member.public_id))
        before = request.GET.get("before", "")
        if before.isdecimal():
            entries = entries.filter(id__lt=int(before))
        rows = list(entries.order_by("-id")[: TRAIL_PAGE + 1])
        page, more = rows[:TRAIL_PAGE], rows[TRAIL_PAGE:]
        who = names_of(row.actor for row in page)
        said = [{"row": row, "says": in_words(row.action), "who": who[row.actor]} for row in page]
        context = {"member": member, "rows": said, "more": bool(more)}
        return render(request, "admin/members/_trail.html", context)

    # What the page is made of

    def _member(self, request: HttpRequest, member_id: int | str) -> Member:
        if not self.has_view_permission(request):
            raise PermissionDenied
        known = Member.objects.select_related("home_store")
        member = known.filter(pk=member_id).first() if str(member_id).isdecimal() else None
        if member is None:
            raise Http404
        return member

    def _frame(self, request: HttpRequest, member: Member) -> dict[str, Any]:
        name = lens_of(request.user).name(member)
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": name,
            "name": name,
            "member": member,
            "lens": lens_of(request.user),
        }

    def _save(self, request: HttpRequest, member: Member, form: ProfileForm) -> bool:
        changes = dict(form.cleaned_data)
        version = changes.pop("version")
        try:
            update_member(
                member=member,
                changes=changes,  # type: ignore[arg-type]
                expected_version=version,
                actor=user_actor(request.user),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return False
        messages.success(request, _("The profile is saved."))
        return True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("members.view_member"))
