"""The compiled rule set of the live promotions, kept by each process until its stamp moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db.models import Q

from loyalty_crm.kernel import clock, stamps
from members.models import Category
from rewards.models import Programme, PromotionVersion, StackingGroup
from rewards.rules import definitions
from rewards.rules.expiry import Bucket, Lifetime, Policy
from rewards.rules.groups import Group, Mode
from rewards.rules.rule_set import Rule, RuleSet
from rewards.rules.taxes import TaxMode
from rewards.rules.terms import EarningBase, Rounding, Terms
from rewards.services.programmes import default_programme

STAMP = "rule_set"


@dataclass(frozen=True, slots=True)
class Compiled:
    """All that pricing needs besides the receipt. ``categories``: id → codes from the root."""

    stamp: int
    programme: Programme
    rules: RuleSet
    lifetime: Lifetime
    categories: Mapping[int, tuple[str, ...]]


# Replaced as a whole, so readers need no lock; two threads may compile the same set once each.
_shared: dict[int, Compiled] = {}


def current(stamp: int | None = None) -> Compiled:
    """The rule set of a stamp, as seen by the request's first query; None asks the database.

    At most four queries when the stamp has moved, none otherwise.
    """
    if stamp is None:
        stamp = stamps.current().get(STAMP, 0)
    if (found := _shared.get(stamp)) is None:
        found = compile_set(default_programme(), stamp=stamp)
        forget()
        _shared[stamp] = found
    return found


def forget() -> None:
    """Drop what this process keeps. For tests, whose databases begin anew at the same stamp."""
    _shared.clear()


def compile_set(programme: Programme, *, stamp: int = 0, since: datetime | None = None) -> Compiled:
    """Everything that is live or ended after ``since``: late receipts earn by their own day."""
    since = since or clock.now() - timedelta(days=settings.SALE_ACCEPTED_DAYS)
    rules, groups = _rules(programme, since), groups_of(programme)
    return Compiled(
        stamp=stamp,
        programme=programme,
        rules=RuleSet(rules, terms_of(programme), stamp, groups),
        lifetime=lifetime_of(programme),
        categories=_category_paths(),
    )


def terms_of(programme: Programme) -> Terms:
    return Terms(
        units_per_point=10**programme.points_scale,
        point_value_minor=programme.point_value_minor,
        rounding=cast("Rounding", programme.rounding),
        earning_base=cast("EarningBase", programme.earning_base),
        max_points_share_percent=programme.max_points_share_percent,
        min_redeem_points=programme.min_redeem_points,
        tax_mode=cast("TaxMode", programme.tax_mode),
        max_discount_percent=programme.max_discount_percent,
        price_floor="cost" if programme.never_below_cost else "zero",
        floor_percent=programme.price_floor_percent,
    )


def groups_of(programme: Programme) -> list[Group]:
    """The programme's stacking groups as they are set now."""
    rows = StackingGroup.objects.filter(programme=programme).values_list("code", "mode", "n")
    return [Group(code, cast("Mode", mode), n) for code, mode, n in rows]


def lifetime_of(programme: Programme) -> Lifetime:
    return Lifetime(
        time_zone=programme.time_zone,
        policy=cast("Policy", programme.expiry),
        days=programme.expiry_days,
        fixed_dates=tuple(programme.expiry_dates),
        bucket=cast("Bucket", programme.expiry_bucket),
        activation_delay_days=programme.activation_delay_days,
    )


def rule_of(version: PromotionVersion) -> Rule:
    return Rule(
        version_id=version.pk,
        promotion_id=version.promotion_id,
        code=version.promotion.code,
        name=version.promotion.name,
        number=version.number,
        priority=version.priority,
        definition=definitions.parse(version.definition),
        starts_at=version.starts_at,
        ends_at=version.ends_at,
    )


def _rules(programme: Programme, since: datetime) -> list[Rule]:
    """What runs, what is scheduled and what ran; a version ends where the scheduled one begins."""
    state = PromotionVersion.State
    running = [state.LIVE, state.SCHEDULED]
    live = Q(state__in=running) & (Q(ends_at=None) | Q(ends_at__gt=since))
    ended = Q(state__in=[state.PAUSED, state.ENDED], ends_at__gt=since)
    versions = PromotionVersion.objects.filter(live | ended, promotion__programme=programme)
    found = list(versions.select_related("promotion"))
    begins = {one.promotion_id: one.starts_at for one in found if one.state == state.SCHEDULED}
    for version in found:
        at = begins.get(version.promotion_id)
        if at and version.state == state.LIVE:
            version.ends_at = min(version.ends_at or at, at)
    return [rule_of(version) for version in found]


def _category_paths() -> dict[int, tuple[str, ...]]:
    rows: dict[int, Any] = {
        pk: (parent, code)
        for pk, parent, code in Category.objects.order_by().values_list("pk", "parent_id", "code")
    }

    def path(pk: int | None) -> tuple[str, ...]:
        if pk is None:
            return ()
        parent, code = rows[pk]
        return (*path(parent), code)

    return {pk: path(pk) for pk in rows}
