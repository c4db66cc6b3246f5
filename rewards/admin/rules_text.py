"""The programme's rules in words for everybody: its terms, and every promotion that is live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rewards.admin.amounts import money, points
from rewards.admin.sentences import Names, sentence
from rewards.models import Programme, PromotionVersion
from rewards.rules import definitions
from rewards.rules.conditions.people import HasTag, InSegment
from rewards.rules.when import leaves

#: More promotions than anybody reads; what is above is counted.
MOST = 500
_EXPIRY = Programme.Expiry


def rules_text(programme: Programme, now: datetime) -> dict[str, Any]:
    """What the page says in each language. Three queries, whatever is live."""
    versions = public_versions(programme, now)
    names = Names.behind(version.definition for version in versions)
    text = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            text[language] = {
                "terms": list(terms_words(programme)),
                "promotions": [
                    _promotion(version, programme, names, language) for version in versions
                ],
            }
    return text


def public_versions(programme: Programme, now: datetime) -> Sequence[PromotionVersion]:
    """The live versions that everybody may know of, by name."""
    live = (
        PromotionVersion.objects.filter(
            Q(starts_at=None) | Q(starts_at__lte=now),
            Q(ends_at=None) | Q(ends_at__gt=now),
            promotion__programme=programme,
            state=PromotionVersion.State.LIVE,
        )
        .select_related("promotion")
        .order_by("promotion__name", "promotion_id")[: MOST + 1]
    )
    return [version for version in live if is_public(version.definition)][:MOST]


def is_public(definition: Mapping[str, Any]) -> bool:
    """Pilots, offers behind a coupon and offers for chosen members are not for everybody."""
    read = definitions.parse(definition)
    if not read.public or read.pilot or read.coupon:
        return False
    chosen = (HasTag, InSegment)
    return not any(isinstance(one, chosen) and not out for one, out in leaves(read.when))


def _promotion(
    version: PromotionVersion, programme: Programme, names: Names, language: str
) -> dict[str, str]:
    label = version.definition.get("labels", {}).get("receipt") or {}
    said = {
        "name": label.get(language, version.promotion.name),
        "text": sentence(version.definition, programme, names),
    }
    if version.ends_at:
        said["until"] = _day(version.ends_at, programme)
    return said


def _day(moment: datetime, programme: Programme) -> str:
    local = moment.astimezone(ZoneInfo(programme.time_zone))
    return date_format(local, "DATETIME_FORMAT")


# The programme's own terms


def terms_words(programme: Programme) -> Iterator[str]:
    """What a point is, how it is spent, how it is lost, and what a return does."""
    currency = programme.currency
    yield _("One point is worth %(money)s.") % {
        "money": money(programme.point_value_minor, currency)
    }
    yield _paying(programme)
    if days := programme.activation_delay_days:
        yield ngettext(
            "Points can be spent %(days)s day after the purchase.",
            "Points can be spent %(days)s days after the purchase.", days,
        ) % {"days": days}  # fmt: skip
    yield _lifetime(programme)
    yield _(
        "When goods are returned, the points earned for them are taken back, and the points"
        " paid for them are given back."
    )
    if programme.debt == Programme.Debt.ALLOW:
        yield _("If these points were spent already, the balance goes below zero.")
    if (most := programme.max_discount_percent) < 100:
        yield _("All discounts together take off at most %(percent)s %% of a receipt.") % {
            "percent": most
        }


def _paying(programme: Programme) -> str:
    share = programme.max_points_share_percent
    if not share:
        return _("Points do not pay for goods.")
    if fewest := programme.min_redeem_points:
        return _(
            "Points pay up to %(percent)s %% of a receipt, from %(points)s points at once."
        ) % {"percent": share, "points": points(programme, fewest)}
    return _("Points pay up to %(percent)s %% of a receipt.") % {"percent": share}


def _lifetime(programme: Programme) -> str:
    match programme.expiry:
        case _EXPIRY.ROLLING:
            text = ngettext(
                "Points expire %(days)s day after they were earned.",
                "Points expire %(days)s days after they were earned.", programme.expiry_days,
            )  # fmt: skip
        case _EXPIRY.INACTIVITY:
            text = ngettext(
                "Points expire after %(days)s day without a purchase.",
                "Points expire after %(days)s days without a purchase.", programme.expiry_days,
            )  # fmt: skip
        case _EXPIRY.FIXED:
            days = ", ".join(f"{day[3:]}.{day[:2]}" for day in programme.expiry_dates)
            return _("Points expire every year on %(days)s (day and month).") % {"days": days}
        case _:
            return _("Points do not expire.")
    return text % {"days": programme.expiry_days}
