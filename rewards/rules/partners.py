"""What partners give, take and owe: plain arithmetic on the numbers of a contract."""

from __future__ import annotations

import msgspec

from rewards.rules.rounding import half_up

#: Prices of a contract are for so many points.
PRICED_POINTS = 1_000


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one contract version."""

    earn_points: int
    earn_minor: int
    earn_price_minor: int
    earn_share_percent: int
    burn_price_minor: int
    burn_share_percent: int


def points_for(spent_minor: int, rates: Rates) -> int:
    """Points for an amount, rounded down: 1 point for 1.00 gives 3 for 3.99."""
    return spent_minor * rates.earn_points // rates.earn_minor


def earn_due(points: int, rates: Rates) -> int:
    """What the partner owes for points it gave."""
    return _due(points, rates.earn_price_minor, rates.earn_share_percent)


def burn_due(points: int, rates: Rates) -> int:
    """What is owed to the partner for points it took."""
    return _due(points, rates.burn_price_minor, rates.burn_share_percent)


def due_back(points: int, before: int, back: int, price_minor: int, share: int) -> int:
    """Of the due of ``points`` the part that goes with ``back`` of them, after ``before``.

    Parts add up to the whole, in whatever steps the points come back.
    """
    kept = points - before
    return _due(kept, price_minor, share) - _due(kept - back, price_minor, share)


def _due(points: int, price_minor: int, share: int) -> int:
    return half_up(points * price_minor * share, PRICED_POINTS * 100)
