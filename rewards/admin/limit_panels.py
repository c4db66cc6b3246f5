"""The gauges of a promotion's limits, for the page of the promotion."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty_crm.kernel import clock
from rewards.admin.amounts import money, points
from rewards.models import Promotion, PromotionVersion
from rewards.services.limits.gauges import Gauge, StoreGauge, Threshold, gauges, shown_version
from rewards.services.limits.tightest import Tightest

#: From here on a gauge is a warning, and there it is full.
WARNS, FULL = 80, 100


def limit_panel(promotion: Promotion, version: PromotionVersion | None = None) -> SafeString:
    """HTML of the gauges; empty when nothing is counted. At most five queries."""
    version = version or shown_version(promotion)
    found = gauges(promotion, version, clock.now())
    rows = [_row(promotion, gauge) for gauge in found]
    return render_to_string("admin/rewards/_limits.html", {"rows": rows}) if rows else SafeString()


def _row(promotion: Promotion, gauge: Gauge) -> dict[str, Any]:
    row = {
        "title": _title(gauge),
        "most": _amount(promotion, gauge.what, gauge.max),
        "members": _members(gauge),
        "stores": [_bar(promotion, gauge.what, one) | {"name": one.name} for one in gauge.stores],
        "used": _amount(promotion, gauge.what, gauge.used),
    }
    return row if gauge.percent is None else row | _bar(promotion, gauge.what, gauge)


def _bar(promotion: Promotion, what: str, gauge: Gauge | StoreGauge) -> dict[str, Any]:
    share = gauge.percent or 0
    return {
        "percent": share,
        "width": min(share, 100),
        "look": _look(share),
        "used": _amount(promotion, what, gauge.used),
        "held": _amount(promotion, what, gauge.held) if gauge.held else "",
        "free": _amount(promotion, what, gauge.free or 0),
        "over": _amount(promotion, what, gauge.over) if gauge.over else "",
        "reached": [one for one in gauge.thresholds if _is_reached(one)],
    }


def small_gauge(tight: Tightest | None) -> str:
    """One line for a list: the limit that stops the promotion first, and how far it is used."""
    if tight is None:
        return ""
    limit = Gauge(
        per=tight.limit.per, period=tight.limit.period, what=tight.limit.what,
        max=tight.limit.max, release="", key="",
    )  # fmt: skip
    share = {"percent": tight.percent, "width": min(tight.percent, 100), "title": _title(limit)}
    return render_to_string(
        "admin/rewards/_small_gauge.html", share | {"look": _look(tight.percent)}
    )


def _look(share: int) -> str:
    return "is-full" if share >= FULL else "is-soon" if share >= WARNS else ""


def _is_reached(threshold: Threshold) -> bool:
    return threshold.reached_at is not None


def _title(gauge: Gauge) -> str:
    whose = {
        "member": _("For each member"),
        "member_day": _("For each member, today"),
        "day": _("Today"),
        "week": _("This week"),
        "month": _("This month"),
        "quarter": _("This quarter"),
        "year": _("This year"),
        "store": _("For each store"),
        "total": _("In all"),
    }[gauge.period or gauge.per]
    what = {"uses": _("uses"), "points": _("points"), "money": _("money")}[gauge.what]
    return f"{whose}: {what}"


def _amount(promotion: Promotion, what: str, amount: int) -> str:
    if what == "money":
        return money(amount, promotion.programme.currency)
    return points(promotion.programme, amount) if what == "points" else str(amount)


def _members(gauge: Gauge) -> str:
    if gauge.members is None:
        return ""
    full = gauge.members.at_limit
    counted = ngettext("%(count)s member", "%(count)s members", gauge.members.counted)
    said = counted % {"count": gauge.members.counted}
    if not full:
        return said
    return _("%(members)s, %(full)s of them have had all") % {"members": said, "full": full}
