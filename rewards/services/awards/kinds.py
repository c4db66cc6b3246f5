"""How each kind of award is fulfilled, and undone when its goods come back."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final

from loyalty_crm.kernel.errors import DomainError
from rewards.models import Programme
from rewards.models.charity import CHOSEN
from rewards.services.awards.plans import Given, Lost, Plan
from rewards.services.charity.causes import chosen_cause
from rewards.services.coupons.issuing import issue_coupon, take_back

logger = logging.getLogger(__name__)


class Fulfilment:
    """What has to happen for a kind of award. This one: nothing, it is recorded and told.

    Both methods run in the transaction of the sale or the return and add rows to
    the plan. What ``fulfil`` answers is kept with the award and told to the till.
    """

    def fulfil(self, one: Given, plan: Plan) -> dict[str, Any]:
        return {}

    def revoke(self, lost: Lost, plan: Plan) -> None:
        return


class Counted(Fulfilment):
    """A balance of the member by kind and code: stamps, tickets, turns."""

    def fulfil(self, one: Given, plan: Plan) -> dict[str, Any]:
        award = one.given.award
        if one.member_id is not None:
            plan.move(one.no, one.member_id, award.kind, award.code, award.amount)
        return {}

    def revoke(self, lost: Lost, plan: Plan) -> None:
        if lost.member_id is not None:
            plan.move(lost.award_id, lost.member_id, lost.kind, lost.code, -lost.amount)


class TagPut(Fulfilment):
    """A tag under the award's own name, so that other reasons for it are left alone."""

    def fulfil(self, one: Given, plan: Plan) -> dict[str, Any]:
        award = one.given.award
        until = one.at + timedelta(days=award.valid_days) if award.valid_days else None
        if one.member_id is not None:
            plan.tag(one.member_id, award.code, one.source, since=one.at, until=until)
        return {"until": until}

    def revoke(self, lost: Lost, plan: Plan) -> None:
        if lost.member_id is not None:
            plan.tag(lost.member_id, lost.code, lost.source)


class GiftHanded(Fulfilment):
    """Pieces out of the store's stock, where it is counted. A gift nobody chose stays there."""

    def fulfil(self, one: Given, plan: Plan) -> dict[str, Any]:
        award = one.given.award
        if award.code:
            plan.pieces(one.store_id, award.code, award.amount)
        return {}

    def revoke(self, lost: Lost, plan: Plan) -> None:
        """The cashier is told to take the gift back, and it goes on the shelf again."""
        if lost.code:
            plan.pieces(lost.store_id, lost.code, lost.amount)


class CouponIssued(Fulfilment):
    """Coupons of the member's own, each under its own number of the award.

    A promotion that has no coupons to give does not stop the sale: the award says so.
    """

    def fulfil(self, one: Given, plan: Plan) -> dict[str, Any]:
        award = one.given.award
        if one.member_id is None:
            return {}
        try:
            coupons = [
                issue_coupon(
                    promotion=award.code,
                    member_id=one.member_id,
                    valid_days=award.valid_days,
                    source=one.source,
                    source_ref=str(number),
                    actor=one.actor,
                )
                for number in range(award.amount)
            ]
        except DomainError as refusal:
            logger.warning("no coupon for award %s: %s", one.source, refusal.code)
            return {"problem": refusal.code}
        return {
            "coupons": [coupon.code for coupon in coupons],
            "until": coupons[0].valid_until if coupons else None,
        }

    def revoke(self, lost: Lost, plan: Plan) -> None:
        """Ends what is unused, the last first; what was used stays used."""
        for number in range(lost.left, lost.left + lost.amount):
            take_back(source=lost.source, source_ref=str(number), actor=lost.actor)


class Pledged(Fulfilment):
    """A pledge to the cause that the promotion names, or to the one the member has chosen."""

    def fulfil(self, one: Given, plan: Plan) -> dict[str, Any]:
        if one.given.award.code != CHOSEN:
            return {}
        cause = chosen_cause(one.member_id, Programme.objects.get(is_default=True))
        return {"cause": cause.code} if cause else {"problem": "cause_unknown"}


RECORDED: Final = Fulfilment()
#: Kinds that are not here (free delivery, messages) are recorded and told.
KINDS: Final[dict[str, Fulfilment]] = {
    "stamps": Counted(),
    "draw_tickets": Counted(),
    "game_plays": Counted(),
    "tag": TagPut(),
    "gift": GiftHanded(),
    "next_coupon": CouponIssued(),
    "charity": Pledged(),
}


def of_kind(kind: str) -> Fulfilment:
    return KINDS.get(kind, RECORDED)
