"""Wallets: read-only in the list, changed by the ledger's services alone, each behind its form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import chip
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import lens_of
from rewards.admin import first_page, member_panels
from rewards.admin.amounts import shown, signed
from rewards.admin.columns import veiled_member
from rewards.forms import AdjustForm, FreezeForm, ReasonForm
from rewards.models import Hold, Wallet
from rewards.models.ledger import WalletQuerySet
from rewards.services import ledger
from rewards.services.adjustments import adjust_or_ask, waits
from rewards.services.wallets import freeze_wallet, unfreeze_wallet


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    search_fields = ["public_id"]
    search_help_text = gettext_lazy("Id of the points account, or a card number")
    list_filter = ["status"]
    list_select_related = ["programme", "member"]
    ordering = ["-id"]
    sortable_by = ()

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        lens = lens_of(request.user)
        return [
            "public_id",
            veiled_member(lens),
            "kind",
            "state",
            "balance",
            "held_now",
            "last_activity_at",
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wallet]:
        """Gift cards have pages of their own."""
        wallets: QuerySet[Wallet] = super().get_queryset(request)
        return wallets.exclude(kind=Wallet.Kind.GIFT)

    def get_search_results(
        self, request: HttpRequest, queryset: WalletQuerySet, search_term: str
    ) -> tuple[QuerySet[Wallet], bool]:
        return (queryset.search(search_term) if search_term else queryset), False

    @chip(gettext_lazy("status"), {Wallet.Status.ACTIVE: "success", Wallet.Status.FROZEN: "danger"})
    def state(self, wallet: Wallet) -> tuple[str, str]:
        return wallet.status, wallet.get_status_display()

    @admin.display(description=gettext_lazy("balance"))
    def balance(self, wallet: Wallet) -> str:
        return shown(wallet, wallet.posted)

    @admin.display(description=gettext_lazy("held"))
    def held_now(self, wallet: Wallet) -> str:
        return shown(wallet, wallet.held)

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            (
                "member/<int:member_id>/wallets/",
                member_panels.wallets_panel,
                "rewards_member_wallets",
            ),
            (
                "member/<int:member_id>/entries/",
                member_panels.entries_panel,
                "rewards_member_entries",
            ),
            (
                "member/<int:member_id>/receipts/",
                member_panels.receipts_panel,
                "rewards_member_receipts",
            ),
            ("<int:wallet_id>/adjust/", self.adjust_page, "rewards_wallet_adjust"),
            (
                "<int:wallet_id>/adjust/preview/",
                self.adjust_preview,
                "rewards_wallet_adjust_preview",
            ),
            ("<int:wallet_id>/freeze/", self.freeze_page, "rewards_wallet_freeze"),
            ("hold/<int:hold_id>/release/", self.release_page, "rewards_hold_release"),
        ]
        return [
            *first_page.urls(guard),
            *(path(at, guard(view), name=name) for at, view, name in own),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A wallet is read on the page of its member."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wallet = get_object_or_404(Wallet, pk=object_id) if object_id.isdecimal() else None
        if wallet and wallet.member_id and request.user.has_perm("members.view_member"):
            return HttpResponseRedirect(home_of(wallet))
        row: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return row

    def adjust_page(self, request: HttpRequest, wallet_id: int) -> HttpResponse:
        """Points added or taken by hand, once for each form that was opened."""
        wallet = self._wallet(request, wallet_id, "rewards.adjust_wallet")
        form = AdjustForm(request.POST or None, wallet=wallet)
        if form.is_valid():
            asked = form.cleaned_data
            work = partial(
                adjust_or_ask,
                wallet=wallet,
                points=asked["points"],
                reason=asked["reason"],
                reference=asked["reference"],
                expires_at=asked["expires_on"],
                actor=user_actor(request.user),
            )
            words = {"points": signed(wallet, asked["points"])}
            said = _("Booked: %(points)s.") % words
            if waits(wallet=wallet, points=asked["points"]):
                said = _("%(points)s: waits for a second person.") % words
            if self._try(request, form, work, said):
                return HttpResponseRedirect(home_of(wallet))
        return self._page(
            request, wallet, form, "admin/rewards/adjust.html", _("Adjust the balance")
        )

    def adjust_preview(self, request: HttpRequest, wallet_id: int) -> HttpResponse:
        """The balance before and after, while the number is being typed. Writes nothing."""
        wallet = self._wallet(request, wallet_id, "rewards.adjust_wallet")
        form = AdjustForm(request.GET, wallet=wallet)
        form.is_valid()
        points = form.cleaned_data.get("points")
        context: dict[str, Any] = {"balance": shown(wallet, wallet.posted), "wallet": wallet}
        if points is not None:
            context |= {
                "after": shown(wallet, wallet.posted + points),
                "points": signed(wallet, points),
            }
            context["short"] = points < 0 and -points > wallet.available
        return render(request, "admin/rewards/_adjust_preview.html", context)

    def freeze_page(self, request: HttpRequest, wallet_id: int) -> HttpResponse:
        """Freeze an active account, unfreeze a frozen one; the form says which it asks for."""
        wallet = self._wallet(request, wallet_id, "rewards.freeze_wallet")
        is_frozen = wallet.status == Wallet.Status.FROZEN
        wanted = Wallet.Status.ACTIVE if is_frozen else Wallet.Status.FROZEN
        form = FreezeForm(request.POST or None, initial={"wanted": wanted})
        title = _("Unfreeze the points account") if is_frozen else _("Freeze the points account")
        if form.is_valid():
            asked = form.cleaned_data
            verb = freeze_wallet if asked["wanted"] == Wallet.Status.FROZEN else unfreeze_wallet
            actor = user_actor(request.user)
            work = partial(verb, wallet=wallet, reason=asked["reason"], actor=actor)
            if self._try(request, form, work, _("Done.")):
                return HttpResponseRedirect(home_of(wallet))
        return self._page(request, wallet, form, "admin/rewards/reason.html", title)

    def release_page(self, request: HttpRequest, hold_id: int) -> HttpResponse:
        """Give held points back before the hold runs out by itself."""
        hold = get_object_or_404(Hold, pk=hold_id)
        wallet = self._wallet(request, hold.wallet_id, "rewards.release_hold")
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            reason, actor = form.cleaned_data["reason"], user_actor(request.user)
            work = partial(ledger.void_hold, hold=hold, reason=reason, actor=actor)
            said = _("Released: %(points)s.") % {"points": shown(wallet, hold.amount)}
            if self._try(request, form, work, said):
                return HttpResponseRedirect(home_of(wallet))
        return self._page(
            request, wallet, form, "admin/rewards/reason.html", _("Release held points")
        )

    def _wallet(self, request: HttpRequest, wallet_id: int, permission: str) -> Wallet:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        wallets = Wallet.objects.exclude(kind=Wallet.Kind.GIFT)
        return get_object_or_404(wallets.select_related("programme", "member"), pk=wallet_id)

    def _try(
        self, request: HttpRequest, form: ReasonForm, work: Callable[[], object], said: str
    ) -> bool:
        """Call one service; a refusal goes onto the form, success into the messages."""
        try:
            work()
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return False
        messages.success(request, said)
        return True

    def _page(
        self, request: HttpRequest, wallet: Wallet, form: ReasonForm, template: str, title: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "form": form,
            "wallet": wallet,
            "who": lens_of(request.user).name(wallet.member)
            if wallet.member
            else str(wallet.public_id),
            "balance": shown(wallet, wallet.posted),
            "back": home_of(wallet),
        }
        return TemplateResponse(request, template, context, status=422 if form.errors else 200)


def home_of(wallet: Wallet) -> str:
    """The page that shows the wallet: its member's."""
    if wallet.member_id:
        return reverse("admin:members_member_change", args=[wallet.member_id])
    return reverse("admin:rewards_wallet_changelist")
