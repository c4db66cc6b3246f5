"""The programme's bounds of games and draws: the floor of the odds, and the tax of prizes."""

from __future__ import annotations

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from rewards.models import PrizeSettings, Programme

FIELDS = ("win_floor_basis_points", "tax_free_minor", "tax_basis_points")


def prize_settings(programme: Programme) -> PrizeSettings:
    """What is set, or the defaults, which nobody has saved yet. One query."""
    known = PrizeSettings.objects.filter(programme=programme).first()
    return known or PrizeSettings(programme=programme)


@transaction.atomic
def save_bounds(*, programme: Programme, actor: Actor, **values: int) -> PrizeSettings:
    """Set the bounds. Games that run keep their odds; the next change is held against these."""
    PrizeSettings.objects.get_or_create(programme=programme)
    held = PrizeSettings.objects.select_for_update(no_key=True).get(programme=programme)
    before = {name: getattr(held, name) for name in FIELDS}
    for name in FIELDS:
        setattr(held, name, values.get(name, before[name]))
    held.save()
    audit.record(
        action="prizes.bounds",
        object_type="programme",
        object_id=programme.code,
        before=before,
        after={name: getattr(held, name) for name in FIELDS},
        actor=actor,
    )
    return held
