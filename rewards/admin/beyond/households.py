"""Households: who is in, what is in the pool, and every move of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from members.models import Household
from rewards.admin.amounts import points, signed
from rewards.admin.beyond.base import DecidedAdmin, who
from rewards.models import HouseholdPool, PoolMove

MOVES = 50


@admin.register(Household)
class HouseholdAdmin(DecidedAdmin):
    """Read here; joined and left by the members themselves."""

    change_form_template = "admin/rewards/household.html"
    list_display = ["public_id", "people", "balance", "created_at", "closed_at"]
    list_select_related = ["pool__wallet__programme"]
    search_fields = ["public_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Household]:
        rows: QuerySet[Household] = super().get_queryset(request)
        return rows.annotate(people_now=Count("stays", filter=Q(stays__left_at=None)))

    @admin.display(description=gettext_lazy("members now"))
    def people(self, household: Household) -> int:
        return getattr(household, "people_now", 0)

    @admin.display(description=gettext_lazy("points in the pool"))
    def balance(self, household: Household) -> str:
        pool = getattr(household, "pool", None)
        return points(pool.wallet.programme, pool.wallet.posted) if pool else ""

    def title_of(self, row: Household) -> str:
        return _("Household")

    def open_verbs(self, row: Household) -> list[str]:
        return []

    def facts(self, request: HttpRequest, row: Household) -> list[tuple[Any, Any]]:
        pool = getattr(row, "pool", None)
        return [
            (_("points in the pool"), self.balance(row)),
            (_("who leaves takes"), pool.get_leaving_display() if pool else ""),
            (_("created at"), date_format(row.created_at, "SHORT_DATE_FORMAT")),
            (
                _("closed at"),
                date_format(row.closed_at, "SHORT_DATE_FORMAT") if row.closed_at else "",
            ),
        ]

    def more(self, request: HttpRequest, row: Household) -> dict[str, Any]:
        stays = row.stays.select_related("member").order_by("left_at", "agreed_at", "pk")[:MOVES]
        pool = getattr(row, "pool", None)
        return {
            "stays": [(who(request, stay.member), stay) for stay in stays],
            "moves": _moves(request, pool) if pool else [],
        }


def _moves(request: HttpRequest, pool: HouseholdPool) -> list[tuple[Any, PoolMove, str]]:
    moves = pool.moves.select_related("member").order_by("-pk")[:MOVES]
    return [(who(request, one.member), one, signed(pool.wallet, one.amount)) for one in moves]
