"""The ledger, to be read: every table of it, newest first, joined in one query."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import lens_of
from rewards.admin.amounts import expiry, shown, signed
from rewards.admin.columns import as_uuid, veiled_member
from rewards.forms import ReasonForm
from rewards.models import Hold, LedgerEntry, LedgerIncident, LedgerTx, Lot, PendingGrant
from rewards.services.incidents import close_incident


class BooksAdmin(ReadOnlyAdmin):
    """A table of the books: its newest rows by key, the wallet and its member in the same query."""

    ordering = ["-id"]
    sortable_by = ()
    list_select_related = ["wallet__programme", "wallet__member"]
    columns: list[str] = []

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        first, *others = self.columns
        return [first, veiled_member(lens_of(request.user)), *others]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The page of one row says what the list says, in amounts that people read."""
        return self.get_list_display(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The page of one row shows the wallet too, so it is fetched for both."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(*self.list_select_related)


@admin.register(LedgerTx)
class LedgerTxAdmin(ReadOnlyAdmin):
    list_display = ["recorded_at", "event", "came_from", "reason", "by", "effective_at"]
    search_fields = ["public_id"]
    search_help_text = gettext_lazy("Id of the transaction, or its source and reference")
    ordering = ["-id"]
    sortable_by = ()
    fields = [*list_display, "public_id", "reverses", "movements"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LedgerTx], search_term: str
    ) -> tuple[QuerySet[LedgerTx], bool]:
        """By its id or by the pair that is unique: anything else would read the whole table."""
        if not search_term:
            return queryset, False
        if public_id := as_uuid(search_term):
            return queryset.filter(public_id=public_id), False
        source, _space, reference = search_term.strip().partition(" ")
        return queryset.filter(source=source, source_ref=reference), False

    @admin.display(description=gettext_lazy("event"))
    def event(self, tx: LedgerTx) -> str:
        return tx.op

    @admin.display(description=gettext_lazy("source and reference"))
    def came_from(self, tx: LedgerTx) -> str:
        return f"{tx.source} {tx.source_ref}"

    @admin.display(description=gettext_lazy("recorded by"))
    def by(self, tx: LedgerTx) -> str:
        return tx.actor

    @admin.display(description=gettext_lazy("movements"))
    def movements(self, tx: LedgerTx) -> str:
        entries = tx.entries.select_related("wallet__programme").order_by("id")
        rows = ((entry.get_kind_display(), signed(entry.wallet, entry.amount)) for entry in entries)
        return format_html_join(mark_safe("<br>"), "{}: {}", rows)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(BooksAdmin):
    columns = ["recorded_at", "kind", "moved", "balance", "contra", "reference"]
    list_select_related = ["wallet__programme", "wallet__member", "tx"]

    @admin.display(description=gettext_lazy("amount"))
    def moved(self, entry: LedgerEntry) -> str:
        return signed(entry.wallet, entry.amount)

    @admin.display(description=gettext_lazy("balance after"))
    def balance(self, entry: LedgerEntry) -> str:
        return shown(entry.wallet, entry.balance_after)

    @admin.display(description=gettext_lazy("reference"))
    def reference(self, entry: LedgerEntry) -> str:
        return f"{entry.tx.source} {entry.tx.source_ref}"


@admin.register(Lot)
class LotAdmin(BooksAdmin):
    columns = ["last_day", "left", "all_of_it"]

    @admin.display(description=gettext_lazy("expires at"))
    def last_day(self, lot: Lot) -> str:
        return expiry(lot.expires_at, lot.wallet.programme)

    @admin.display(description=gettext_lazy("remaining"))
    def left(self, lot: Lot) -> str:
        return shown(lot.wallet, lot.remaining)

    @admin.display(description=gettext_lazy("granted"))
    def all_of_it(self, lot: Lot) -> str:
        return shown(lot.wallet, lot.granted)


@admin.register(PendingGrant)
class PendingGrantAdmin(BooksAdmin):
    columns = ["available_at", "promised", "taken_back", "is_posted"]

    @admin.display(description=gettext_lazy("amount"))
    def promised(self, grant: PendingGrant) -> str:
        return shown(grant.wallet, grant.amount)

    @admin.display(description=gettext_lazy("cancelled"))
    def taken_back(self, grant: PendingGrant) -> str:
        return shown(grant.wallet, grant.cancelled)

    @admin.display(description=gettext_lazy("active"), boolean=True)
    def is_posted(self, grant: PendingGrant) -> bool:
        return grant.posted_tx_id is not None


@admin.register(Hold)
class HoldAdmin(BooksAdmin):
    columns = ["created_at", "set_aside", "expires_at", "ended", "reference"]
    list_select_related = ["wallet__programme", "wallet__member", "tx", "resolution"]

    @admin.display(description=gettext_lazy("amount"))
    def set_aside(self, hold: Hold) -> str:
        return shown(hold.wallet, hold.amount)

    @admin.display(description=gettext_lazy("ended"))
    def ended(self, hold: Hold) -> str:
        resolution = getattr(hold, "resolution", None)
        return resolution.get_outcome_display() if resolution else _("open")

    @admin.display(description=gettext_lazy("reference"))
    def reference(self, hold: Hold) -> str:
        return f"{hold.tx.source} {hold.tx.source_ref}"


@admin.register(LedgerIncident)
class LedgerIncidentAdmin(BooksAdmin):
    columns = ["opened_at", "check_name", "is_open", "closed_at", "closed_by"]

    def get_fields(self, request: HttpRequest, obj: LedgerIncident | None = None) -> list[Any]:
        said = [*self.get_list_display(request), "detail", "resolution"]
        may_close = request.user.has_perm("rewards.close_incident")
        return [*said, "way_out"] if obj and obj.closed_at is None and may_close else said

    @admin.display(description=gettext_lazy("what to do"))
    def way_out(self, incident: LedgerIncident) -> str:
        url = reverse("admin:rewards_incident_close", args=[incident.pk])
        return format_html('<a href="{}" class="lc-link">{}</a>', url, _("Close the incident"))

    @admin.display(description=gettext_lazy("open"), boolean=True)
    def is_open(self, incident: LedgerIncident) -> bool:
        return incident.closed_at is None

    def get_urls(self) -> list[URLPattern]:
        close = path(
            "<int:incident_id>/close/",
            self.admin_site.admin_view(self.close_page),
            name="rewards_incident_close",
        )
        return [close, *super().get_urls()]

    def close_page(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        """Say what was done about it. The wallet stays frozen until somebody unfreezes it."""
        if not request.user.has_perm("rewards.close_incident"):
            raise PermissionDenied
        incident = get_object_or_404(
            LedgerIncident.objects.select_related("wallet__member"), pk=incident_id
        )
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            try:
                close_incident(
                    incident=incident,
                    resolution=form.cleaned_data["reason"],
                    actor=user_actor(request.user),
                )
            except DomainError as refusal:
                form.add_error(None, refusal.message)
            else:
                messages.success(request, _("The incident is closed."))
                return HttpResponseRedirect(reverse("admin:rewards_ledgerincident_changelist"))
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "form": form,
            "title": _("Close the incident"), "who": f"{incident.check_name}", "balance": "",
            "back": reverse("admin:rewards_ledgerincident_changelist"),
        }  # fmt: skip
        return TemplateResponse(
            request, "admin/rewards/reason.html", context, status=422 if form.errors else 200
        )
