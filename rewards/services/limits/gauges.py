"""How far the limits of a promotion are used: what the API and the back office show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Case, Count, F, Q, Sum, When

from members.models import Store
from rewards.models import LimitAlert, LimitCounter, Promotion, PromotionVersion
from rewards.rules.definitions import Limit, parse
from rewards.rules.limits import OF_MEMBER, key_of

#: The stores shown: those that have used the most.
STORES = 100


class Threshold(msgspec.Struct, kw_only=True):
    """A share of a limit, in percent, and when it was reached; null: not yet."""

    percent: int
    reached_at: datetime | None = None


class StoreGauge(msgspec.Struct, kw_only=True):
    store: str
    name: str
    used: int
    held: int
    over: int
    free: int
    percent: int
    thresholds: list[Threshold]


class MembersGauge(msgspec.Struct, kw_only=True):
    """How many members used any of it in the period, and how many have had all there is."""

    counted: int
    at_limit: int


class Gauge(msgspec.Struct, kw_only=True):
    """One limit and how far it is used in ``key``, the period of today. Money in minor units.

    Of limits per store and per member ``used`` and ``held`` are sums, ``max`` is for
    each of them, ``free`` and ``percent`` are null. ``over`` was accepted beyond the limit.
    """

    per: str
    period: str | None
    what: str
    max: int
    release: str
    key: str
    used: int = 0
    held: int = 0
    over: int = 0
    free: int | None = None
    percent: int | None = None
    thresholds: list[Threshold] = []
    stores: list[StoreGauge] = []
    members: MembersGauge | None = None


def shown_version(promotion: Promotion) -> PromotionVersion | None:
    """The wording whose limits are shown: the live one, else the newest."""
    live_first = Case(When(state=PromotionVersion.State.LIVE, then=0), default=1)
    return promotion.versions.order_by(live_first, "-number").first()


def gauges(promotion: Promotion, version: PromotionVersion | None, now: datetime) -> list[Gauge]:
    """Every counted limit of a wording, for today in the programme's time zone.

    At most four queries; none when nothing is counted.
    """
    limits = parse(version.definition).counted if version else []
    if not limits:
        return []
    today = now.astimezone(ZoneInfo(promotion.programme.time_zone)).date()
    shared = _shared(promotion, limits, today)
    reached = _reached(shared)
    names = _store_names(shared)
    members = _of_members(promotion, limits, today)
    return [_gauge(limit, today, shared, reached, names, members) for limit in limits]


_Reached = Mapping[int, Mapping[int, datetime]]
_Members = Mapping[tuple[str, str], Mapping[str, int]]


def _gauge(
    limit: Limit,
    today: date,
    shared: Sequence[LimitCounter],
    reached: _Reached,
    names: Mapping[int, Store],
    members: _Members,
) -> Gauge:
    gauge = Gauge(
        per=limit.per, period=limit.period, what=limit.what, max=limit.max,
        release=limit.release, key=key_of(limit.counter, today),
    )  # fmt: skip
    if limit.of_member:
        return _with_members(gauge, members.get((limit.counter, limit.what), {}))
    mine = [one for one in shared if (one.per, one.what) == (limit.counter, limit.what)]
    gauge.used, gauge.held = sum(one.used for one in mine), sum(one.held for one in mine)
    gauge.over = sum(_over(one, limit) for one in mine)
    if limit.per == "store":
        gauge.stores = [_store(one, limit, reached, names[one.holder]) for one in mine[:STORES]]
        return gauge
    gauge.free, gauge.percent = _free(gauge, limit), gauge.used * 100 // limit.max
    gauge.thresholds = _thresholds(limit, reached.get(mine[0].pk, {}) if mine else {})
    return gauge


def _with_members(gauge: Gauge, summed: Mapping[str, int]) -> Gauge:
    gauge.used, gauge.held = summed.get("used", 0), summed.get("held", 0)
    gauge.over = summed.get("over", 0)
    gauge.members = MembersGauge(
        counted=summed.get("members", 0), at_limit=summed.get("at_limit", 0)
    )
    return gauge


def _store(counter: LimitCounter, limit: Limit, reached: _Reached, store: Store) -> StoreGauge:
    return StoreGauge(
        store=store.code,
        name=store.name,
        used=counter.used,
        held=counter.held,
        over=_over(counter, limit),
        free=_free(counter, limit),
        percent=counter.used * 100 // limit.max,
        thresholds=_thresholds(limit, reached.get(counter.pk, {})),
    )


def _free(taken: Gauge | LimitCounter, limit: Limit) -> int:
    return max(limit.max - taken.used - taken.held, 0)


def _over(counter: LimitCounter, limit: Limit) -> int:
    """What a lower limit of today finds used already counts as well."""
    return max(counter.used + counter.held - limit.max, 0)


def _thresholds(limit: Limit, reached: Mapping[int, datetime]) -> list[Threshold]:
    return [
        Threshold(percent=percent, reached_at=reached.get(percent))
        for percent in sorted(set(limit.alerts))
    ]


def _shared(promotion: Promotion, limits: Sequence[Limit], today: date) -> list[LimitCounter]:
    """Counters of everybody and of stores; those of stores that used the most first."""
    named = Q(pk=None)
    for one in limits:
        if not one.of_member:
            named |= Q(per=one.counter, what=one.what, key=key_of(one.counter, today))
    found = LimitCounter.objects.filter(named, promotion=promotion)
    return list(found.order_by("-used", "id")[: STORES * len(limits)])


def _reached(counters: Sequence[LimitCounter]) -> dict[int, dict[int, datetime]]:
    found: dict[int, dict[int, datetime]] = {}
    for alert in LimitAlert.objects.filter(counter__in=[one.pk for one in counters]):
        found.setdefault(alert.counter_id, {})[alert.percent] = alert.reached_at
    return found


def _store_names(counters: Sequence[LimitCounter]) -> dict[int, Store]:
    return Store.objects.in_bulk([one.holder for one in counters if one.per == "store"])


def _of_members(
    promotion: Promotion, limits: Sequence[Limit], today: date
) -> dict[tuple[str, str], dict[str, int]]:
    """Sums over members by kind and what: used, held, over, members, at_limit."""
    mine = {(one.counter, one.what): one for one in limits if one.of_member}
    if not mine:
        return {}
    named, full = Q(pk=None), Q(pk=None)
    for (per, what), limit in mine.items():
        here = Q(per=per, what=what, key=key_of(per, today))
        named |= here
        full |= here & Q(used__gte=limit.max - F("held"))
    rows = (
        LimitCounter.objects.filter(named, promotion=promotion, per__in=OF_MEMBER, moved_to=None)
        .values("per", "what")
        .annotate(
            sum_used=Sum("used"),
            sum_held=Sum("held"),
            sum_over=Sum("over"),
            members=Count("pk", filter=Q(used__gt=0) | Q(held__gt=0)),
            at_limit=Count("pk", filter=full),
        )
    )
    return {
        (str(row["per"]), str(row["what"])): {
            "used": row["sum_used"],
            "held": row["sum_held"],
            "over": row["sum_over"],
            "members": row["members"],
            "at_limit": row["at_limit"],
        }
        for row in rows
    }
