"""Of many promotions at once: how near each is to the limit that stops it first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Q

from rewards.models import LimitCounter, PromotionVersion
from rewards.rules.definitions import Limit, parse
from rewards.rules.limits import key_of


class Tightest(NamedTuple):
    """``percent`` of the limit is used or held, in the period of today. Of stores the fullest."""

    percent: int
    limit: Limit


def tightest(versions: Iterable[PromotionVersion], now: datetime) -> dict[int, Tightest]:
    """By promotion; without the limits of single members, which stop nobody else.

    One query for all of them, none when nothing is counted. The programmes are fetched already.
    """
    asked = [one for version in versions for one in _counted(version, now)]
    taken = _taken(asked) if asked else {}
    found: dict[int, Tightest] = {}
    for promotion, limit, key in asked:
        used = taken.get((promotion, limit.counter, limit.what, key), 0)
        mine = Tightest(used * 100 // limit.max, limit)
        known = found.get(promotion)
        if known is None or mine.percent > known.percent:
            found[promotion] = mine
    return found


_Asked = tuple[int, Limit, str]


def _counted(version: PromotionVersion, now: datetime) -> list[_Asked]:
    today: date = now.astimezone(ZoneInfo(version.promotion.programme.time_zone)).date()
    limits = [one for one in parse(version.definition).counted if not one.of_member]
    return [(version.promotion_id, one, key_of(one.counter, today)) for one in limits]


def _taken(asked: Sequence[_Asked]) -> dict[tuple[int, str, str, str], int]:
    named = Q(pk=None)
    for per, key in {(limit.counter, key) for _, limit, key in asked}:
        named |= Q(per=per, key=key)
    rows = (
        LimitCounter.objects.filter(named, promotion__in={one for one, _, _ in asked})
        .order_by()
        .values_list("promotion_id", "per", "what", "key")
        .annotate(most_taken=Max(F("used") + F("held")))
    )
    return {(promotion, per, what, key): taken for promotion, per, what, key, taken in rows}
