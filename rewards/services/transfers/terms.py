"""Whether and how many points members may give away."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from rewards.models import Programme, TransferTerms

SETTINGS = ("is_on", "least", "most_per_day", "most_per_month", "fee_percent", "quiet_hours")


def terms_of(programme: Programme) -> TransferTerms:
    """As saved, or closed: nobody gives points away before a marketer says so."""
    known = TransferTerms.objects.filter(programme=programme).first()
    return known or TransferTerms(programme=programme)


@transaction.atomic
def save_terms(*, programme: Programme, actor: Actor, **settings: Any) -> TransferTerms:
    """Change what is given; transfers from the next one on count by it."""
    terms = terms_of(programme)
    before = {name: getattr(terms, name) for name in SETTINGS} if terms.pk else None
    for name in SETTINGS:
        if name in settings:
            setattr(terms, name, settings[name])
    terms.save()
    audit.record(
        action="transfer_terms.saved",
        object_type="programme",
        object_id=programme.code,
        before=before,
        after={name: getattr(terms, name) for name in SETTINGS},
        actor=actor,
    )
    return terms
