"""Amounts of a wallet for people: points in the programme's scale, gift money, stamps."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points
from rewards.models import Programme, Wallet
from rewards.rules.expiry import NEVER

MINUS = "\N{MINUS SIGN}"


def shown(wallet: Wallet, minor: int) -> str:
    """Needs the wallet's programme: fetch it in the query of the wallet."""
    match wallet.kind:
        case Wallet.Kind.GIFT:
            text = Money(minor, wallet.programme.currency).format()
        case Wallet.Kind.STAMP:
            text = Points(minor).format()
        case _:
            text = Points(minor, wallet.programme.points_scale).format()
    return text.replace("-", MINUS)


def signed(wallet: Wallet, minor: int) -> str:
    return ("+" if minor > 0 else "") + shown(wallet, minor)


def points(programme: Programme, minor: int) -> str:
    return Points(minor, programme.points_scale).format().replace("-", MINUS)


def money(minor: int, currency: str) -> str:
    return Money(minor, currency).format().replace("-", MINUS)


def expiry(moment: datetime, programme: Programme) -> str:
    """The last day on which points can be spent, by the programme's days.

    The ledger keeps the first moment after it; "never" is a year that nobody sees.
    """
    if moment >= NEVER:
        return _("never")
    last = (moment - timedelta(microseconds=1)).astimezone(ZoneInfo(programme.time_zone))
    return date_format(last, "SHORT_DATE_FORMAT")
