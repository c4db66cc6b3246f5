"""Whether and how long receipts may be claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from rewards.models import ClaimTerms, Programme

CHANGEABLE: Final = (
    "is_open", "window_days", "per_day", "review_above_minor", "staff_per_day",
)  # fmt: skip


def terms_of(programme: Programme) -> ClaimTerms:
    """As they are set; closed where nobody has set them."""
    found = ClaimTerms.objects.filter(programme=programme).first()
    return found or ClaimTerms(programme=programme)


@transaction.atomic
def change_terms(*, programme: Programme, terms: Mapping[str, Any], actor: Actor) -> ClaimTerms:
    held, _ = ClaimTerms.objects.select_for_update().get_or_create(programme=programme)
    before = {name: getattr(held, name) for name in CHANGEABLE}
    for name in CHANGEABLE:
        setattr(held, name, terms.get(name, before[name]))
    held.save()
    audit.record(
        action="claim_terms.changed",
        object_type="programme",
        object_id=programme.code,
        before=before,
        after={name: getattr(held, name) for name in CHANGEABLE},
        actor=actor,
    )
    return held
