"""What a wallet holds, as tiles and bars: read for the member page in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from members.models import Member
from rewards.admin.amounts import expiry, shown
from rewards.models import Hold, LedgerIncident, Lot, PendingGrant, Wallet
from rewards.rules.expiry import NEVER

BARS = 8
SOON = timedelta(days=30)
LOTS_READ = 400


@dataclass(frozen=True, slots=True)
class Bar:
    """Points that expire in one month; ``height`` is a share of the tallest bar in per cent."""

    title: str
    amount: str
    height: int
    soon: bool


@dataclass(frozen=True, slots=True)
class Statement:
    wallet: Wallet
    balance: str
    available: str
    held: str
    pending: str
    next_expiry: str
    bars: list[Bar]
    holds: list[dict[str, Any]]
    waiting: list[dict[str, str]]
    incidents: list[LedgerIncident]


def statements(member: Member, now: datetime) -> list[Statement]:
    """One statement a wallet, points first; wallets that were merged away are left out."""
    wallets = list(
        Wallet.objects.filter(member=member)
        .exclude(status=Wallet.Status.MERGED)
        .select_related("programme")
    )
    lots = _by_wallet(
        Lot.objects.filter(wallet__in=wallets, remaining__gt=0).order_by("expires_at", "id")[
            :LOTS_READ
        ]
    )
    holds = _by_wallet(
        Hold.objects.filter(wallet__in=wallets, resolution__isnull=True)
        .select_related("tx")
        .order_by("id")
    )
    pending = _by_wallet(
        PendingGrant.objects.filter(
            wallet__in=wallets, posted_tx__isnull=True, cancelled__lt=F("amount")
        ).order_by("available_at", "id")
    )
    incidents = _by_wallet(
        LedgerIncident.objects.filter(wallet__in=wallets, closed_at__isnull=True)
    )
    wallets.sort(key=lambda wallet: (wallet.kind != Wallet.Kind.POINTS, wallet.pk))
    return [
        _statement(
            wallet, lots[wallet.pk], holds[wallet.pk], pending[wallet.pk], incidents[wallet.pk], now
        )
        for wallet in wallets
    ]


def _by_wallet(rows: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.wallet_id].append(row)
    return found


def _statement(
    wallet: Wallet,
    lots: Sequence[Lot],
    holds: Sequence[Hold],
    pending: Sequence[PendingGrant],
    incidents: list[LedgerIncident],
    now: datetime,
) -> Statement:
    first = next((lot for lot in lots if lot.expires_at < NEVER), None)
    return Statement(
        wallet=wallet,
        balance=shown(wallet, wallet.posted),
        available=shown(wallet, wallet.available),
        held=shown(wallet, wallet.held),
        pending=shown(wallet, sum(one.amount - one.cancelled for one in pending)),
        next_expiry=_next(wallet, first),
        bars=bars(wallet, lots, now),
        holds=[{"hold": hold, "amount": shown(wallet, hold.amount)} for hold in holds],
        waiting=[_waiting(wallet, one) for one in pending],
        incidents=incidents,
    )


def _next(wallet: Wallet, lot: Lot | None) -> str:
    if lot is None:
        return ""
    words = {
        "amount": shown(wallet, lot.remaining),
        "day": expiry(lot.expires_at, wallet.programme),
    }
    return _("%(amount)s expire on %(day)s") % words


def _waiting(wallet: Wallet, grant: PendingGrant) -> dict[str, str]:
    first = date_format(timezone.localtime(grant.available_at), "SHORT_DATE_FORMAT")
    return {"amount": shown(wallet, grant.amount - grant.cancelled), "day": first}


def bars(wallet: Wallet, lots: Sequence[Lot], now: datetime) -> list[Bar]:
    """Lots by month of expiry: the first ones alone, all later months together, "never" last."""
    months: dict[str, int] = {}
    soon = {_month(lot, wallet) for lot in lots if lot.expires_at < now + SOON}
    for lot in lots:
        title = _month(lot, wallet)
        if title not in months and len(months) >= BARS - 1 and lot.expires_at < NEVER:
            title = _("later")
        months[title] = months.get(title, 0) + lot.remaining
    tallest = max(months.values(), default=1)
    return [
        Bar(title, shown(wallet, amount), max(amount * 100 // tallest, 2), title in soon)
        for title, amount in months.items()
    ]


def _month(lot: Lot, wallet: Wallet) -> str:
    if lot.expires_at >= NEVER:
        return _("never")
    last = (lot.expires_at - timedelta(microseconds=1)).astimezone(
        ZoneInfo(wallet.programme.time_zone)
    )
    return date_format(last, "M y")
