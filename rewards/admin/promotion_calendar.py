"""The calendar of promotions: what runs on which days, how many at once, and what collides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from members.models import Product, Store
from rewards.admin.oddities import oddity_words
from rewards.admin.sentences import Names, sentence
from rewards.models import Programme, PromotionVersion
from rewards.rules.conditions import OnSchedule
from rewards.rules.conditions.places import InStores
from rewards.rules.rule_set import Rule
from rewards.rules.when import required
from rewards.services import rule_sets, samples
from rewards.services.programmes import default_programme

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

State = PromotionVersion.State
SHOWN = 100
#: Versions of one page; more do not fit on any screen.
MOST_READ = 2_000
STORES_OFFERED = 500
MONTHS = {"month": 1, "quarter": 3}


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a page: the last one is not included."""

    first: date
    end: date
    name: str

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.end - self.first).days)]

    def shifted(self, by: int) -> str:
        return _month_from(self.first, by * MONTHS[self.name]).isoformat()[:7]


@dataclass(slots=True)
class Bar:
    """One promotion on the calendar. ``runs`` are stretches of days: first column, last, state."""

    rule: Rule
    url: str
    says: str
    live: set[date] = field(default_factory=set)
    runs: list[tuple[int, int, str]] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


class CalendarPage:
    """One page, for a month or a quarter."""

    def __init__(self, site: AdminSite, opts: Any) -> None:
        self.site = site
        self.opts = opts

    def urls(self) -> list[URLPattern]:
        view = self.site.admin_view(self.page)
        return [path("calendar/", view, name="rewards_promotion_calendar")]

    def page(self, request: HttpRequest) -> HttpResponse:
        """Reads only; the number of queries does not depend on the number of promotions."""
        if not request.user.has_perm("rewards.view_promotion"):
            raise PermissionDenied
        programme = default_programme()
        today = clock.now().astimezone(ZoneInfo(programme.time_zone)).date()
        span = span_of(request.GET.get("from", ""), request.GET.get("span", ""), today)
        store, goods = request.GET.get("store", ""), request.GET.get("goods", "").strip()
        versions = _versions(programme, span)
        bars = bars_of(versions, span, programme, store=store, keys=keys_of_goods(goods))
        shown = bars[:SHOWN]
        tell_conflicts(shown)
        context = {
            **self.site.each_context(request), "opts": self.opts, "title": _("Calendar"),
            "span": span, "title_of_span": _title(span), "bars": shown,
            "hidden": len(bars) - len(shown), "head": _head(span, today),
            "load": load_of(bars, span), "store": store, "goods": goods,
            "stores": Store.objects.order_by("code").values_list("code", "name")[:STORES_OFFERED],
            "earlier": span.shifted(-1), "later": span.shifted(1),
            "conflicts": sum(bool(one.conflicts) for one in shown),
        }  # fmt: skip
        return TemplateResponse(request, "admin/rewards/promotions/calendar.html", context)


def span_of(first: str, name: str, today: date) -> Span:
    """The months that were asked for; this one, when the address says nothing usable."""
    name = name if name in MONTHS else "month"
    try:
        begins = date.fromisoformat(f"{first}-01")
        ends = _month_from(begins, MONTHS[name])
    except (ValueError, OverflowError):
        begins = today.replace(day=1)
        ends = _month_from(begins, MONTHS[name])
    return Span(begins, ends, name)


def _month_from(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(max(1, year), month + 1, 1)


def _title(span: Span) -> str:
    first = date_format(span.first, "YEAR_MONTH_FORMAT")
    if span.name == "month":
        return first
    last = date_format(span.end - timedelta(days=1), "YEAR_MONTH_FORMAT")
    return f"{first} – {last}"


def _versions(programme: Programme, span: Span) -> list[PromotionVersion]:
    """What runs, ran or shall run in the span: drafts and what was put away have no days."""
    zone = ZoneInfo(programme.time_zone)
    begins = datetime(span.first.year, span.first.month, 1, tzinfo=zone)
    ends = datetime(span.end.year, span.end.month, 1, tzinfo=zone)
    ran = Q(state__in=[State.LIVE, State.SCHEDULED, State.PAUSED]) | Q(
        state=State.ENDED, ends_at__isnull=False
    )
    inside = (Q(starts_at=None) | Q(starts_at__lt=ends)) & (Q(ends_at=None) | Q(ends_at__gt=begins))
    known = PromotionVersion.objects.filter(ran & inside, promotion__programme=programme)
    return list(
        known.select_related("promotion__programme").order_by("promotion_id", "number")[:2000]
    )


def bars_of(
    versions: Sequence[PromotionVersion],
    span: Span,
    programme: Programme,
    *,
    store: str = "",
    keys: frozenset[str] = frozenset(),
) -> list[Bar]:
    """A bar for each promotion that runs on some day of the span, in the order of their days."""
    names = Names.behind(version.definition for version in versions)
    bars: dict[int, Bar] = {}
    for version in versions:
        rule = rule_sets.rule_of(version)
        if not (is_in_store(rule, store) and is_about(rule, keys)):
            continue
        bar = bars.setdefault(
            version.promotion_id,
            Bar(rule, reverse("admin:rewards_promotion_change", args=[version.promotion_id]), ""),
        )
        bar.rule, bar.says = rule, sentence(version.definition, programme, names)
        days = [day for day in span.days if runs_on(rule, day, programme)]
        bar.live.update(days)
        bar.runs += [(*one, version.state) for one in stretches(days, span.first)]
    found = [bar for bar in bars.values() if bar.runs]
    return sorted(found, key=lambda bar: (min(bar.live), -len(bar.live), bar.rule.name))


def runs_on(rule: Rule, day: date, programme: Programme) -> bool:
    """Whether it can apply at some hour of the day: its own time, and its days and weekdays."""
    zone = ZoneInfo(programme.time_zone)
    begins = datetime(day.year, day.month, day.day, tzinfo=zone)
    ends = begins + timedelta(days=1)
    if (rule.starts_at and rule.starts_at >= ends) or (rule.ends_at and rule.ends_at <= begins):
        return False
    schedules = [one for one in required(rule.definition.when) if isinstance(one, OnSchedule)]
    return all(_has_day(one, day) for one in schedules)


def _has_day(schedule: OnSchedule, day: date) -> bool:
    return (
        (not schedule.weekdays or day.isoweekday() in schedule.weekdays)
        and (schedule.first_day is None or day >= schedule.first_day)
        and (schedule.last_day is None or day <= schedule.last_day)
    )


def is_in_store(rule: Rule, store: str) -> bool:
    """Whether it can apply in the store; an empty code asks for no store in particular."""
    if not store:
        return True
    pilot = rule.definition.pilot
    if pilot and pilot.stores and not (pilot.members or pilot.tags) and store not in pilot.stores:
        return False
    named = [one for one in required(rule.definition.when) if isinstance(one, InStores)]
    return all(store in one.codes for one in named)


def is_about(rule: Rule, keys: frozenset[str]) -> bool:
    """Whether it is about goods with one of these keys, or about all goods."""
    if not keys:
        return True
    goods = rule.definition.goods
    included = set(goods.include.lookup_keys())
    takes = not included or not included.isdisjoint(keys)
    return takes and keys.isdisjoint(goods.exclude.lookup_keys())


def keys_of_goods(text: str) -> frozenset[str]:
    """What may name a product, or a category or brand, that was typed by its code."""
    if not text:
        return frozenset()
    keys = {f"p:{text}", f"c:{text}", f"b:{text}", f"l:{text}"}
    product = Product.objects.filter(sku=text).select_related("brand").first()
    if product:
        if product.brand:
            keys.add(f"b:{product.brand.code}")
        paths = rule_sets.current().categories
        keys.update(f"c:{code}" for code in paths.get(product.category_id or 0, ()))
    return frozenset(keys)


def stretches(days: Iterable[date], first: date) -> list[tuple[int, int]]:
    """Days in a row as columns of the page: first column, and the one after the last."""
    found: list[tuple[int, int]] = []
    for day in days:
        column = (day - first).days + 1
        if found and found[-1][1] == column:
            found[-1] = (found[-1][0], column + 1)
        else:
            found.append((column, column + 1))
    return found


def load_of(bars: Sequence[Bar], span: Span) -> list[dict[str, Any]]:
    """How many promotions run on each day, and how high that is beside the fullest day."""
    counts = [sum(day in bar.live for bar in bars) for day in span.days]
    most = max(counts, default=0)
    return [
        {"count": count, "percent": round(100 * count / most) if most else 0} for count in counts
    ]


def tell_conflicts(bars: Sequence[Bar]) -> None:
    """What the rules warn of, between promotions that share a day."""
    compiled = rule_sets.current()
    now = clock.now()
    for bar in bars:
        others = [one.rule for one in bars if one is not bar and not one.live.isdisjoint(bar.live)]
        found = samples.oddities(bar.rule, compiled, now, others)
        bar.conflicts = [oddity_words(one) for one in found if one.code in {"overlap", "shadowed"}]


def _head(span: Span, today: date) -> list[dict[str, Any]]:
    return [
        {
            "day": day.day,
            "month": date_format(day, "M") if day.day == 1 else "",
            "is_weekend": day.isoweekday() > 5,
            "is_today": day == today,
        }
        for day in span.days
    ]
