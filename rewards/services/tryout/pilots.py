"""The end of a pilot: what was live for some is worded for everybody."""

from __future__ import annotations

from django.db import transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from rewards.errors import PromotionState
from rewards.models import Promotion, PromotionVersion
from rewards.services import promotions


@transaction.atomic
def end_pilot(*, promotion: Promotion, actor: Actor) -> PromotionVersion:
    """A new version with the same words and no pilot; the pilot ends at the same moment.

    Locks the promotion. Where promotions need a second person, the new version waits
    in review and the pilot goes on. A promotion without a live pilot is refused, so a
    repeat changes nothing.
    """
    promotions.expect(promotion=promotion, revision=None)
    live = promotion.versions.filter(state=PromotionVersion.State.LIVE).first()
    if live is None or not live.definition.get("pilot"):
        raise PromotionState(state="no_pilot")
    words = {name: part for name, part in live.definition.items() if name != "pilot"}
    version = promotions.draft(
        promotion=promotion, definition=words, priority=live.priority, actor=actor
    )
    if promotion.programme.promotions_need_review:
        promotions.submit(version=version, actor=actor)
        version.refresh_from_db()
        return version
    return promotions.go_live(
        version=version, starts_at=clock.now(), ends_at=live.ends_at, actor=actor
    )
