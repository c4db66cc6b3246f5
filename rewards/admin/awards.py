"""Awards: the list of them, and the panel on the member's page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from rewards.admin.amounts import money
from rewards.admin.columns import page_of_receipt
from rewards.admin.member_panels import asked_for
from rewards.models import Award, AwardBalance

SHOWN = 10
MOST_BALANCES = 50
KINDS: dict[str, str | Promise] = {
    "stamps": _("stamps"),
    "draw_tickets": _("draw tickets"),
    "game_plays": _("game plays"),
    "next_coupon": _("coupon for the next visit"),
    "gift": _("gift"),
    "free_delivery": _("free delivery"),
    "tag": _("tag"),
    "charity": _("pledge to a charity"),
    "message": _("message"),
}


def kind_of(award: Award | AwardBalance) -> str:
    return str(KINDS.get(award.kind, award.kind))


def amount_of(award: Award, minor_or_pieces: int) -> str:
    """Pledges are money; everything else is counted."""
    if award.kind == "charity":
        return money(minor_or_pieces, award.purchase.receipt.currency)
    return str(minor_or_pieces)


def awards_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    """Balances, and the newest awards page by page of ids."""
    member = asked_for(request, member_id)
    awards = Award.objects.filter(member=member).select_related(
        "version__promotion", "purchase__receipt"
    )
    before = request.GET.get("before", "")
    if before.isdecimal():
        awards = awards.filter(pk__lt=int(before))
    rows = list(awards.order_by("-pk")[: SHOWN + 1])
    balances = AwardBalance.objects.filter(member=member).order_by("kind", "code")
    context = {
        "member": member,
        "balances": [(kind_of(one), one) for one in balances[:MOST_BALANCES]],
        "rows": [_shown(award) for award in rows[:SHOWN]],
        "more": len(rows) > SHOWN,
    }
    return render(request, "admin/rewards/_awards.html", context)


def _shown(award: Award) -> dict[str, Any]:
    receipt = award.purchase.receipt
    return {
        "award": award,
        "kind": kind_of(award),
        "amount": amount_of(award, award.amount),
        "back": amount_of(award, award.taken_back) if award.taken_back else "",
        "promotion": award.version.promotion.name,
        "receipt": receipt.number,
        "url": page_of_receipt(receipt),
    }


@admin.register(Award)
class AwardAdmin(ReadOnlyAdmin):
    """What sales gave besides points and discounts, newest first."""

    list_display = ["occurred_at", "what", "code", "given", "back", "promotion", "receipt"]
    list_filter = ["kind"]
    search_fields = ["code"]
    ordering = ["-id"]
    sortable_by: list[str] = []

    def get_queryset(self, request: HttpRequest) -> QuerySet[Award]:
        return Award.objects.select_related("version__promotion", "purchase__receipt")

    @admin.display(description=_("kind"))
    def what(self, award: Award) -> str:
        return kind_of(award)

    @admin.display(description=_("amount"))
    def given(self, award: Award) -> str:
        return str(award.amount)

    @admin.display(description=_("taken back"))
    def back(self, award: Award) -> str:
        return str(award.taken_back) if award.taken_back else ""

    @admin.display(description=_("promotion"))
    def promotion(self, award: Award) -> str:
        return award.version.promotion.name

    @admin.display(description=_("receipt"))
    def receipt(self, award: Award) -> str:
        return award.purchase.receipt.number

    def get_urls(self) -> list[URLPattern]:
        panel = self.admin_site.admin_view(awards_panel)
        own = [path("member/<int:member_id>/", panel, name="rewards_member_awards")]
        return [*own, *super().get_urls()]
