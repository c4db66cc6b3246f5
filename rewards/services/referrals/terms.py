"""What a friend has to buy and what both sides get, as marketers set it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from rewards.models import Programme, ReferralTerms
from rewards.rules.bonuses import Reward, plain

SETTINGS = (
    "is_on", "min_total_minor", "first_purchase_only", "return_days", "attach_days",
    "most_per_period", "period_days", "most_ever", "same_till_a_day", "on_suspicion",
)  # fmt: skip
REWARDS = ("referrer_reward", "friend_reward")


def terms_of(programme: Programme) -> ReferralTerms:
    """As saved, or closed."""
    known = ReferralTerms.objects.filter(programme=programme).first()
    return known or ReferralTerms(programme=programme)


@transaction.atomic
def save_terms(
    *,
    programme: Programme,
    referrer_reward: Reward | None,
    friend_reward: Reward | None,
    actor: Actor,
    **settings: Any,
) -> ReferralTerms:
    """Change the terms; friends who are not rewarded yet are rewarded by the new ones."""
    terms = terms_of(programme)
    before = _state(terms) if terms.pk else None
    terms.referrer_reward = plain(referrer_reward) if referrer_reward else None
    terms.friend_reward = plain(friend_reward) if friend_reward else None
    for name in SETTINGS:
        if name in settings:
            setattr(terms, name, settings[name])
    terms.save()
    audit.record(
        action="referral_terms.saved",
        object_type="programme",
        object_id=programme.code,
        before=before,
        after=_state(terms),
        actor=actor,
    )
    return terms


def _state(terms: ReferralTerms) -> dict[str, object]:
    return {name: getattr(terms, name) for name in (*SETTINGS, *REWARDS)}
