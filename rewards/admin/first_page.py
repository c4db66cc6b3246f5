"""Panels of the first page: today, the months, what needs a hand. Each reads few rows."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.points import Points
from members.admin.lens import lens_of
from members.models import ConsentText, Member, Product, Receipt, Store
from rewards.admin.amounts import money, points
from rewards.admin.columns import page_of_receipt
from rewards.models import (
    DailyRollup,
    LedgerEntry,
    LedgerIncident,
    LimitAlert,
    Programme,
    PromotionVersion,
)

#: So many rows of a day are counted; a longer day shows "10,000+" and stays as fast.
COUNTED = 10_000
LATEST = 8
#: From this share on, in percent, a budget needs somebody's attention.
NEARLY_USED = 80
MONTHS = 12
SERIES = [
    (LedgerEntry.Kind.EARN, "var(--color-primary-600)"),
    (LedgerEntry.Kind.REDEEM, "#f59e0b"),
    (LedgerEntry.Kind.EXPIRE, "#94a3b8"),
]


def urls(guard: Any) -> list[URLPattern]:
    panels = [
        ("today", today_panel, "rewards_today"),
        ("months", months_panel, "rewards_months"),
        ("latest", latest_panel, "rewards_latest"),
        ("attention", attention_panel, "rewards_attention"),
    ]
    return [path(f"first-page/{at}/", guard(view), name=name) for at, view, name in panels]


def today_panel(request: HttpRequest) -> HttpResponse:
    allow(request, "rewards.view_purchase")
    midnight = timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    programme = Programme.objects.filter(is_default=True).first() or Programme()
    return render(request, "admin/rewards/_today.html", {"tiles": tiles(programme, midnight)})


def tiles(programme: Programme, since: datetime) -> list[dict[str, Any]]:
    """What happened since, among the newest COUNTED rows: an import of history is not today."""
    newest = Receipt.objects.order_by("-recorded_at", "-id").values("pk")[:COUNTED]
    day = Receipt.objects.filter(pk__in=newest, occurred_at__gte=since).aggregate(
        receipts=Count("pk"),
        turnover=Sum("total_minor", default=0),
        earned=Sum("purchase__earned", default=0),
        redeemed=Sum("purchase__redeemed", default=0),
    )
    latest = Member.objects.order_by("-recorded_at", "-id").values("pk")[:COUNTED]
    joined = Member.objects.filter(pk__in=latest, enrolled_at__gte=since).aggregate(
        members=Count("pk")
    )
    receipts = reverse("admin:members_receipt_changelist")
    return [
        {"title": _("Receipts"), "value": counted(day["receipts"]), "url": receipts},
        {
            "title": _("Revenue"),
            "value": money(day["turnover"], programme.currency),
            "url": receipts,
        },
        {
            "title": _("Points earned"),
            "value": points(programme, day["earned"]),
            "url": reverse("admin:rewards_purchase_changelist"),
        },
        {
            "title": _("Points spent"),
            "value": points(programme, day["redeemed"]),
            "url": reverse("admin:rewards_purchase_changelist"),
        },
        {
            "title": _("New members"),
            "value": counted(joined["members"]),
            "url": reverse("admin:members_member_changelist"),
        },
    ]


def counted(number: int) -> str:
    return Points(number).format() + ("+" if number >= COUNTED else "")


def months_panel(request: HttpRequest) -> HttpResponse:
    """Points issued, redeemed and expired by month, from the daily roll-up: some rows a day."""
    allow(request, "rewards.view_ledgerentry")
    chart = months_chart(clock.now())
    context = {
        "chart": json.dumps(chart) if chart else "",
        "kinds": [kind.label for kind, _color in SERIES],
    }
    return render(request, "admin/rewards/_months.html", context)


def months_chart(now: datetime) -> dict[str, Any] | None:
    """Data for Chart.js, or None when there is nothing to draw."""
    programme = Programme.objects.filter(is_default=True).first()
    if programme is None:
        return None
    since = (now - timedelta(days=31 * (MONTHS - 1))).date().replace(day=1)
    rows = (
        DailyRollup.objects.filter(day__gte=since, unit=f"PTS:{programme.code}")
        .annotate(month=TruncMonth("day"))
        .values("month", "kind")
        .annotate(points=Sum("amount"))
    )
    by_kind: dict[str, dict[Any, int]] = defaultdict(dict)
    for row in rows:
        by_kind[row["kind"]][row["month"]] = abs(row["points"]) // 10**programme.points_scale
    months = sorted({month for line in by_kind.values() for month in line})
    if not months:
        return None
    return {
        "labels": [date_format(month, "M y") for month in months],
        "datasets": [
            {
                "label": str(kind.label).capitalize(),
                "data": [by_kind[kind].get(month, 0) for month in months],
                "backgroundColor": color,
                "displayYAxis": True,
                "maxTicksXLimit": MONTHS,
            }
            for kind, color in SERIES
        ],
    }


def latest_panel(request: HttpRequest) -> HttpResponse:
    allow(request, "members.view_receipt")
    lens = lens_of(request.user)
    newest = Receipt.objects.order_by("-recorded_at", "-id").select_related(
        "store", "member", "purchase__wallet__programme"
    )
    rows = [
        {
            "receipt": receipt,
            "url": page_of_receipt(receipt),
            "who": lens.name(receipt.member) if receipt.member else "",
            "total": money(receipt.total_minor, receipt.currency),
            "earned": earned(receipt),
        }
        for receipt in newest[:LATEST]
    ]
    return render(request, "admin/rewards/_latest.html", {"rows": rows})


def earned(receipt: Receipt) -> str:
    purchase = getattr(receipt, "purchase", None)
    if purchase is None or purchase.wallet is None or not purchase.earned:
        return ""
    return "+" + points(purchase.wallet.programme, purchase.earned)


def attention_panel(request: HttpRequest) -> HttpResponse:
    """What is wrong, and what is still to be set up: questions that an index answers."""
    allow(request, "rewards.view_wallet")
    incidents = LedgerIncident.objects.filter(closed_at__isnull=True).order_by("-id")[:LATEST]
    context = {
        "incidents": list(incidents),
        "alerts": budget_alerts() if request.user.has_perm("rewards.view_promotion") else [],
        "steps": missing_steps(),
    }
    return render(request, "admin/rewards/_attention.html", context)


def budget_alerts() -> list[LimitAlert]:
    """Budgets that came near their end these days, the newest first."""
    since = clock.now() - timedelta(days=7)
    near = LimitAlert.objects.filter(reached_at__gte=since, percent__gte=NEARLY_USED)
    return list(near.select_related("counter__promotion").order_by("-id")[:LATEST])


def missing_steps() -> list[dict[str, str]]:
    """The way from an empty shop to the first receipt: the steps that are not done."""
    live = PromotionVersion.objects.filter(state=PromotionVersion.State.LIVE)
    steps = [
        (Store.objects.exists(), _("Add a store and its tills"), "members_store_changelist"),
        (Product.objects.exists(), _("Load the products"), "members_product_changelist"),
        (
            Programme.objects.exists(),
            _("Set up the points programme"),
            "rewards_programme_setup",
        ),
        (live.exists(), _("Publish an earning rule"), "rewards_promotion_changelist"),
        (
            ConsentText.objects.exists(),
            _("Publish the texts of the consents"),
            "members_consenttext_changelist",
        ),
        (
            Receipt.objects.exists(),
            _("Take the first sale at the till"),
            "members_receipt_changelist",
        ),
    ]
    return [
        {"title": title, "url": reverse(f"admin:{name}")} for done, title, name in steps if not done
    ]


def allow(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
