"""The member's points as they are said on the phone: now, later, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from members.models import Member
from rewards.models import Lot, PendingGrant, Programme, Wallet
from rewards.rules.expiry import NEVER

LOTS = 4
GRANTS = 3
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ending:
    """So many points may be spent up to a day; ``day`` None: for ever."""

    points: Points
    day: date | None
    soon: bool


@dataclass(frozen=True, slots=True)
class Coming:
    points: Points
    day: date


@dataclass(frozen=True, slots=True)
class Balance:
    """``worth`` is what the points would pay at a till."""

    wallet: Wallet
    available: Points
    held: Points
    owed: Points
    worth: Money
    endings: list[Ending]
    coming: list[Coming]

    @property
    def next_ending(self) -> Ending | None:
        return next((one for one in self.endings if one.day), None)


def wallet_of(member: Member) -> Wallet | None:
    """The member's points account, with its programme."""
    found = Wallet.objects.open().points().filter(member=member, programme__is_default=True)
    return found.select_related("programme").first()


def balance_of(member: Member, now: datetime) -> Balance | None:
    """Three queries; None for who has never had a point."""
    wallet = wallet_of(member)
    if wallet is None:
        return None
    scale, zone = wallet.programme.points_scale, ZoneInfo(wallet.programme.time_zone)
    lots = Lot.objects.filter(wallet=wallet).unspent()[:LOTS]
    waiting = PendingGrant.objects.waiting().filter(wallet=wallet)[:GRANTS]
    return Balance(
        wallet=wallet,
        available=Points(wallet.available, scale),
        held=Points(wallet.held, scale),
        owed=Points(max(-wallet.posted, 0), scale),
        worth=worth(wallet.programme, wallet.available),
        endings=[_ending(lot, scale, zone, now) for lot in lots],
        coming=[
            Coming(
                Points(one.amount - one.cancelled, scale), one.available_at.astimezone(zone).date()
            )
            for one in waiting
        ],
    )


def worth(programme: Programme, minor: int) -> Money:
    """Whole money only: what is less than the smallest coin is not promised."""
    money = minor * programme.point_value_minor // 10**programme.points_scale
    return Money(money, programme.currency)


def _ending(lot: Lot, scale: int, zone: ZoneInfo, now: datetime) -> Ending:
    """The ledger keeps the first moment after the last day."""
    amount = Points(lot.remaining, scale)
    if lot.expires_at >= NEVER:
        return Ending(amount, None, soon=False)
    last = (lot.expires_at - timedelta(microseconds=1)).astimezone(zone).date()
    return Ending(amount, last, lot.expires_at < now + SOON)
