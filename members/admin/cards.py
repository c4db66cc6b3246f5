"""Cards: to be looked at, blocked and replaced. The member's page does the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.errors import DomainError
from members.admin.lens import Lens, lens_of
from members.models import Card
from members.rules.cards import clean_number
from members.services.cards import block_card, replace_card


def veiled_owner(lens: Lens) -> Any:
    @admin.display(description=_("member"))
    def owner(row: Any) -> str:
        if row.member is None:
            return ""
        page = reverse("admin:members_member_change", args=[row.member_id])
        return format_html('<a href="{}">{}</a>', page, lens.name(row.member))

    return owner


@admin.register(Card)
class CardAdmin(ReadOnlyAdmin):
    """Numbers show their end only: whoever knows a whole number can use it at a till."""

    list_filter = ["status", "type", "is_virtual"]
    list_select_related = ["member", "type"]
    list_before_template = "admin/members/_cards_top.html"
    search_fields = ["number"]
    search_help_text = _("The whole card number")
    ordering = ["-id"]
    sortable_by: list[str] = []
    actions = ["block", "replace"]
    fields = [
        "end", "type", "status", "is_virtual", "reason", "issued_at", "activated_at",
        "valid_until", "recorded_at",
    ]  # fmt: skip

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        owner = veiled_owner(lens_of(request.user))
        return ["end", "type", "status", owner, "issued_at", "activated_at"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Card], search_term: str
    ) -> tuple[QuerySet[Card], bool]:
        """Whole numbers only, by the unique key: parts of numbers would help to guess them."""
        number = clean_number(search_term)
        return queryset.filter(number=number) if number else queryset, False

    @admin.display(description=_("number"))
    def end(self, card: Card) -> str:
        return str(card)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.manage_cards"))

    @admin.action(description=_("Block"), permissions=["manage"])
    def block(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        actor, reason = user_actor(request.user), _now("blocked in the list of cards")
        self._each(request, queryset, lambda c: block_card(card=c, reason=reason, actor=actor))

    @admin.action(description=_("Replace with a new card"), permissions=["manage"])
    def replace(self, request: HttpRequest, queryset: QuerySet[Card]) -> None:
        """A card that is replaced already is refused, so a second click makes no second card."""
        actor, reason, now = user_actor(request.user), _now("replaced by staff"), clock.now()
        self._each(
            request,
            queryset,
            lambda c: replace_card(card=c, reason=reason, occurred_at=now, actor=actor),
        )

    def _each(
        self, request: HttpRequest, cards: QuerySet[Card], verb: Callable[[Card], Card]
    ) -> None:
        """Card by card in the order of ids; what is refused is said, the others are done."""
        for card in cards.order_by("id"):
            try:
                verb(card)
            except DomainError as refusal:
                messages.error(request, f"{card}: {refusal.message}")
            else:
                messages.success(request, _now("%(card)s: done") % {"card": card})
