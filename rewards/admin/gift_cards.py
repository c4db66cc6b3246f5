"""Gift cards: found by their last characters or number, blocked and opened again by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.money import exponent
from rewards.admin.amounts import money, shown, signed
from rewards.admin.columns import as_uuid
from rewards.admin.form_pages import FormPages
from rewards.errors import GiftCardUnknown
from rewards.forms import ReasonForm
from rewards.forms.gift_cards import GiftTermsForm
from rewards.models import GiftCard
from rewards.services import gift_cards
from rewards.services.gift_cards import cashing
from rewards.services.gift_cards.liability import Owed, liability
from rewards.services.gift_cards.recipients import funnel
from rewards.services.programmes import default_programme

STATES: dict[str, Colour] = {
    GiftCard.State.ACTIVE: "success",
    GiftCard.State.BLOCKED: "danger",
    GiftCard.State.DEACTIVATED: "default",
}
#: What may be done by hand, with a reason: service and title.
VERBS: dict[str, tuple[Callable[..., None], Any]] = {
    "block": (gift_cards.block, gettext_lazy("Block the gift card")),
    "unblock": (gift_cards.unblock, gettext_lazy("Unblock the gift card")),
    "unlock": (gift_cards.unlock, gettext_lazy("Let the PIN be tried again")),
    "deactivate": (gift_cards.deactivate, gettext_lazy("Close the gift card")),
}


@admin.register(GiftCard)
class GiftCardAdmin(FormPages, ReadOnlyAdmin):
    list_display = ["ends_in", "chip_of_state", "balance", "expires_on", "activated_at", "locked"]
    list_filter = ["state"]
    list_select_related = ["wallet__programme"]
    search_fields = ["public_id"]
    search_help_text = gettext_lazy("The whole number of the card, its last four characters or id")
    ordering = ["-id"]
    sortable_by = ()
    change_form_template = "admin/rewards/gift_card.html"
    change_list_template = "admin/rewards/gift_cards.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[GiftCard], search_term: str
    ) -> tuple[QuerySet[GiftCard], bool]:
        term = search_term.strip()
        if len(term) == 4:
            return queryset.filter(last4=term.upper()), False
        if public_id := as_uuid(term):
            return queryset.filter(public_id=public_id), False
        try:
            return queryset.filter(pk=gift_cards.by_number(term).pk) if term else queryset, False
        except GiftCardUnknown:
            return queryset.none(), False

    @admin.display(description=gettext_lazy("ends in"))
    def ends_in(self, card: GiftCard) -> str:
        return f"…{card.last4}"

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, card: GiftCard) -> tuple[str, str]:
        return card.state, card.get_state_display()

    @admin.display(description=gettext_lazy("balance"))
    def balance(self, card: GiftCard) -> str:
        return shown(card.wallet, card.wallet.posted)

    @admin.display(description=gettext_lazy("locked by wrong PINs"), boolean=True)
    def locked(self, card: GiftCard) -> bool:
        return card.is_locked

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("owed/", guard(self.owed_page), name="rewards_giftcard_owed"),
            path("brought/", guard(self.recipients_page), name="rewards_giftcard_recipients"),
            path("terms/", guard(self.terms_page), name="rewards_giftcard_terms"),
            path(
                "<int:card_id>/do/<slug:verb>/", guard(self.verb_page), name="rewards_giftcard_verb"
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        cards = GiftCard.objects.select_related("wallet__programme")
        card = get_object_or_404(cards, pk=object_id if object_id.isdecimal() else 0)
        entries = card.wallet.entries.select_related("tx").order_by("-seq")[:50]
        may = request.user.has_perm("rewards.manage_gift_cards")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Gift card …%(last4)s") % {"last4": card.last4},
            "card": card,
            "balance": self.balance(card),
            "rows": [
                {
                    "entry": entry,
                    "amount": signed(card.wallet, entry.amount),
                    "after": shown(card.wallet, entry.balance_after),
                }
                for entry in entries
            ],
            "verbs": [(verb, VERBS[verb][1]) for verb in open_verbs(card)] if may else [],
        }
        return TemplateResponse(request, self.change_form_template, context)

    def verb_page(self, request: HttpRequest, card_id: int, verb: str) -> HttpResponse:
        """One form for whatever is done by hand: it asks why."""
        if not request.user.has_perm("rewards.manage_gift_cards"):
            raise PermissionDenied
        cards = GiftCard.objects.select_related("wallet__programme")
        card = get_object_or_404(cards.filter(pk=card_id) if verb in VERBS else cards.none())
        service, title = VERBS[verb]
        form = ReasonForm(request.POST or None)
        home = reverse("admin:rewards_giftcard_change", args=[card.pk])
        if form.is_valid():
            reason, actor = form.cleaned_data["reason"], user_actor(request.user)
            if self._try(form, partial(service, card=card, reason=reason, actor=actor)):
                messages.success(request, _("Done."))
                return HttpResponseRedirect(home)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "form": form,
            "who": f"…{card.last4}",
            "balance": self.balance(card),
            "back": home,
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/rewards/reason.html", context, status=status)

    def _try(self, form: ReasonForm, work: Callable[[], None]) -> bool:
        try:
            work()
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return False
        return True

    def owed_page(self, request: HttpRequest) -> HttpResponse:
        """What the shop owes to the bearers of cards, by age. One query over all cards."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = liability()
        total = sum(row.owed_minor for row in rows)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Owed on gift cards"),
            "chart": json.dumps(owed_chart(rows)) if total else "",
            "rows": [
                {
                    "age": row.age,
                    "cards": row.cards,
                    "owed": money(row.owed_minor, row.currency),
                    "share": round(100 * row.owed_minor / total) if total else 0,
                }
                for row in rows
            ],
        }
        return TemplateResponse(request, "admin/rewards/gift_liability.html", context)

    def recipients_page(self, request: HttpRequest) -> HttpResponse:
        """From a sold card to a customer who comes back, of the cards of a year. One query."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        told = funnel(clock.now() - timedelta(days=365))
        steps = [
            (_("sold"), told.sold),
            (_("used"), told.used),
            (_("used by a member"), told.known),
            (_("brought a new member"), told.new),
            (_("who came again"), told.again),
        ]
        context = {
            **self.frame(request, _("Whom gift cards brought")),
            "sold": told.sold,
            "bars": [
                {"name": name, "count": count, "share": 100 * count // (told.sold or 1)}
                for name, count in steps
            ],
        }
        return TemplateResponse(request, "admin/rewards/gift_recipients.html", context)

    def terms_page(self, request: HttpRequest) -> HttpResponse:
        """What holds for all cards."""
        self.need(request, "rewards.change_giftcardterms")
        programme = default_programme()
        known = cashing.terms_of(programme.pk)
        form = GiftTermsForm(
            request.POST or None,
            currency=programme.currency,
            initial={"cash_out": known.cash_out_minor, "checks": known.checks_per_minute},
        )
        return self.form_page(
            request,
            form,
            lambda: cashing.save_terms(
                programme=programme,
                cash_out_minor=form.cleaned_data["cash_out"],
                checks_per_minute=form.cleaned_data["checks"],
                actor=user_actor(request.user),
            ),
            title=_("Terms of gift cards"),
            said=_("Changed."),
            back=reverse("admin:rewards_giftcard_changelist"),
        )


def owed_chart(rows: Sequence[Owed]) -> dict[str, Any]:
    """Data for Chart.js: what is owed by age, in whole money."""
    return {
        "labels": [
            ngettext("within %(n)s month", "within %(n)s months", row.age) % {"n": row.age}
            if row.age
            else _("longer ago")
            for row in rows
        ],
        "datasets": [
            {
                "label": _("Owed on gift cards"),
                "data": [row.owed_minor / 10 ** exponent(row.currency) for row in rows],
                "backgroundColor": "#0f766e",
            }
        ],
    }


def open_verbs(card: GiftCard) -> list[str]:
    """What makes sense for a card in this state."""
    verbs = []
    if card.state == GiftCard.State.ACTIVE:
        verbs.append("block")
    if card.state == GiftCard.State.BLOCKED:
        verbs.append("unblock")
    if card.is_locked:
        verbs.append("unlock")
    if card.state != GiftCard.State.DEACTIVATED and not card.wallet.posted:
        verbs.append("deactivate")
    return verbs
