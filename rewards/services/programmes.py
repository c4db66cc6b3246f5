"""The programme's settings: one default programme, changed with a trace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ConflictVersion
from loyalty_crm.kernel.problems import fault
from rewards.errors import ProgrammeInvalid, ProgrammeMissing
from rewards.models import Programme
from rewards.services import promotions

#: The greatest values that make sense.
MOST = {
    "max_points_share_percent": 100, "max_discount_percent": 100, "price_floor_percent": 100,
    "tax_basis_points": 10_000, "expiry_days": 36_500, "activation_delay_days": 3_650,
}  # fmt: skip
BASE_RULE = "base"
#: Settings that a marketer may change. Currency and scale would change what a point is.
CHANGEABLE = (
    "name", "time_zone", "point_value_minor", "rounding", "earning_base",
    "max_points_share_percent", "min_redeem_points", "activation_delay_days", "expiry",
    "expiry_days", "expiry_dates", "expiry_bucket", "debt", "debt_limit_points",
    "expired_on_restore", "revive_days", "offline_redeem_limit", "max_discount_percent",
    "never_below_cost", "price_floor_percent", "promotions_need_review",
    "tax_mode", "tax_basis_points",
)  # fmt: skip


def default_or_none() -> Programme | None:
    return Programme.objects.filter(is_default=True).first()


def default_programme() -> Programme:
    programme = default_or_none()
    if programme is None:
        raise ProgrammeMissing
    return programme


@transaction.atomic
def ensure_default(*, actor: Actor, **settings: Any) -> Programme:
    """The default programme; made with its base rule (1 point per 1.00 spent) when there is none.

    ``settings`` count only for a programme that is made now.
    """
    if found := default_or_none():
        return found
    programme = create_programme(settings={"code": "main", "name": _("Points programme"),
                                           **settings})  # fmt: skip
    base = promotions.create(
        programme=programme, code=BASE_RULE, name=_("Base earning rule"), actor=actor
    )
    promotions.publish(
        promotion=base, definition=base_definition(programme), starts_at=None, actor=actor
    )
    return programme


def create_programme(*, settings: Mapping[str, Any]) -> Programme:
    """The default programme of an empty shop, without any rule."""
    programme = Programme(**settings)
    programme.is_default = True
    _check(programme)
    programme.save()
    return programme


def base_definition(programme: Programme) -> dict[str, Any]:
    """One point per unit of money, whatever a point is divided into."""
    effect = {"kind": "earn_rate", "points": 10**programme.points_scale, "per_minor": 100}
    return {"effects": [effect]}


@transaction.atomic
def update_programme(
    *, programme: Programme, changes: Mapping[str, Any], version: int, actor: Actor
) -> Programme:
    """Change settings, once per version read; sales from the next one on count by them."""
    held = Programme.objects.select_for_update(no_key=True).get(pk=programme.pk)
    if held.version != version:
        raise ConflictVersion(version=held.version)
    unknown = [name for name in changes if name not in CHANGEABLE]
    if unknown:
        raise ProgrammeInvalid(errors=[fault(f"/{name}", "not_changeable") for name in unknown])
    before = {name: getattr(held, name) for name in changes}
    for name, value in changes.items():
        setattr(held, name, value)
    held.version += 1
    held.updated_at = clock.now()
    _check(held)
    held.save()
    audit.record(
        action="programme.updated", object_type="programme", object_id=held.code,
        before=before, after=dict(changes), actor=actor,
    )  # fmt: skip
    return held


def _check(programme: Programme) -> None:
    try:
        programme.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as refused:
        raise ProgrammeInvalid(
            errors=[
                fault(f"/{name}", "invalid", " ".join(messages))
                for name, messages in refused.message_dict.items()
            ]
        ) from refused
    for name, most in MOST.items():
        if getattr(programme, name) > most:
            raise ProgrammeInvalid(pointer=f"/{name}", max=most)
    if programme.time_zone not in available_timezones():
        raise ProgrammeInvalid(_("Not a time zone of the IANA list"), pointer="/time_zone")
    _check_dates(programme)


def _check_dates(programme: Programme) -> None:
    dates = programme.expiry_dates
    if not isinstance(dates, list) or not all(_is_month_day(text) for text in dates):
        raise ProgrammeInvalid(_("Dates are written MM-DD"), pointer="/expiry_dates")
    if programme.expiry == Programme.Expiry.FIXED and not dates:
        raise ProgrammeInvalid(_("Fixed dates are missing"), pointer="/expiry_dates")


def _is_month_day(text: object) -> bool:
    try:
        date.fromisoformat(f"2024-{text}")  # a leap year knows every day that there is
    except ValueError:
        return False
    return isinstance(text, str) and len(text) == 5
