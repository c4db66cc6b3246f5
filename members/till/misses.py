"""Look-ups of a cashier that find nobody are counted: a till is no place to try out numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.throttle import Bounds
from members.till.access import Desk

KIND = "till_members"
T = TypeVar("T")


def counted(desk: Desk, look_up: Callable[[], T]) -> T:
    """What was found. ``TooManyRequests`` while there were too many misses of this cashier here,
    whatever is looked up."""
    bounds = Bounds(settings.TILL_MISSES_PER_MINUTE, settings.TILL_MISSES_PER_DAY)
    with throttle.watched(KIND, actor=desk.actor, store=desk.store.code, bounds=bounds) as misses:
        found = look_up()
        misses.wrong = int(not found)
    return found
