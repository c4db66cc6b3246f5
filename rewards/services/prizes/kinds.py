"""How each kind of prize is given and taken back: the registry that games and draws share.

A new kind of prize adds a ``Fulfilment`` to ``KINDS`` and its name to ``PrizeKind``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from members.models import Member, Product
from rewards.errors import PrizeState
from rewards.models import (
    AwardMove,
    Draw,
    Game,
    PrizeKind,
    PrizeWin,
    Programme,
    Promotion,
)
from rewards.rules.expiry import life_of
from rewards.services.coupons.issuing import issue_coupon, take_back
from rewards.services.ledger import Earn, Event, post_many, wallet_for
from rewards.services.rule_sets import lifetime_of

MOST_COUPONS = 10


@dataclass(frozen=True, slots=True)
class What:
    """A prize as somebody words it: ``code`` names which one, ``amount`` how many or how much."""

    kind: str
    code: str = ""
    amount: int = 1


@dataclass(frozen=True, slots=True)
class Given:
    """A prize that is being given. ``ref`` names it wherever it is fulfilled."""

    programme: Programme
    member: Member
    what: What
    ref: str
    at: datetime
    actor: Actor


class Fulfilment:
    """What has to happen for a kind of prize. This one: nothing until it is handed over."""

    is_handed = True

    def fault(self, programme: Programme, what: What) -> str:
        """Why such a prize cannot be promised; empty when it can."""
        return ""

    def give(self, given: Given) -> dict[str, Any]:
        return {}

    def take_back(self, win: PrizeWin, programme: Programme, actor: Actor) -> None:
        return


class GiftHanded(Fulfilment):
    def fault(self, programme: Programme, what: What) -> str:
        known = Product.objects.filter(sku=what.code).exists()
        return "" if known else _("The catalogue has no such product.")


class GiftCardHanded(Fulfilment):
    """Money on a card that is activated when it is handed over; then it stays given."""

    def take_back(self, win: PrizeWin, programme: Programme, actor: Actor) -> None:
        if win.state == PrizeWin.State.HANDED:
            raise PrizeState(state=win.state)


class PointsPosted(Fulfilment):
    """Points with the programme's usual life, on the member's account at once."""

    is_handed = False

    def give(self, given: Given) -> dict[str, Any]:
        wallet = wallet_for(given.member.pk, given.programme)
        life = life_of(lifetime_of(given.programme), given.at)
        event = Event("prize", "prize", given.ref, given.at, given.actor.label)
        (tx_id,) = post_many([Earn(wallet.pk, event, given.what.amount, life.expires_at)]).tx_ids
        return {"tx": tx_id, "expires_at": life.expires_at.isoformat()}

    def take_back(self, win: PrizeWin, programme: Programme, actor: Actor) -> None:
        """Out of their lot, then others, then debt as far as the account may go."""
        wallet = wallet_for(win.member_id, programme)
        event = Event(
            "prize_back", "prize", str(win.public_id), clock.now(), actor.label,
            reverses=win.detail["tx"],
        )  # fmt: skip
        expires_at = datetime.fromisoformat(win.detail["expires_at"])
        post_many([Earn(wallet.pk, event, -win.amount, expires_at)])


class CouponIssued(Fulfilment):
    is_handed = False

    def fault(self, programme: Programme, what: What) -> str:
        if what.amount > MOST_COUPONS:
            return _("At most ten coupons make a prize.")
        known = Promotion.objects.filter(programme=programme, code=what.code).exists()
        return "" if known else _("The programme has no such promotion.")

    def give(self, given: Given) -> dict[str, Any]:
        coupons = [
            issue_coupon(
                promotion=given.what.code,
                member_id=given.member.pk,
                source="prize",
                source_ref=f"{given.ref}:{number}",
                actor=given.actor,
            )
            for number in range(given.what.amount)
        ]
        return {"coupons": [coupon.code for coupon in coupons]}

    def take_back(self, win: PrizeWin, programme: Programme, actor: Actor) -> None:
        """Refused when one of them was used."""
        for number in range(win.amount):
            if not take_back(source="prize", source_ref=f"{win.public_id}:{number}", actor=actor):
                raise PrizeState(_("A coupon of this prize was used."), state="used")


class TurnsGiven(Fulfilment):
    """More turns in a game, or tickets of a draw."""

    is_handed = False

    def __init__(self, model: type[Game] | type[Draw]) -> None:
        self.model = model

    def fault(self, programme: Programme, what: What) -> str:
        known = self.model.objects.filter(programme=programme, code=what.code)
        return "" if known.exists() else _("The programme has no game or draw of this code.")

    def give(self, given: Given) -> dict[str, Any]:
        _move(given.member.pk, given.what.kind, given.what.code, given.what.amount, given.ref)
        return {}

    def take_back(self, win: PrizeWin, programme: Programme, actor: Actor) -> None:
        _move(win.member_id, win.kind, win.code, -win.amount, str(win.public_id))


def _move(member_id: int, kind: str, code: str, amount: int, ref: str) -> None:
    AwardMove.objects.create(
        member_id=member_id, kind=kind, code=code, amount=amount, reason=f"prize:{ref}"
    )


KINDS: Final[dict[str, Fulfilment]] = {
    PrizeKind.POINTS: PointsPosted(),
    PrizeKind.COUPON: CouponIssued(),
    PrizeKind.GIFT: GiftHanded(),
    PrizeKind.GIFT_CARD: GiftCardHanded(),
    PrizeKind.OTHER: Fulfilment(),
    PrizeKind.PLAYS: TurnsGiven(Game),
    PrizeKind.TICKETS: TurnsGiven(Draw),
}


def is_handed(kind: str) -> bool:
    """Whether such a prize waits for somebody to hand it over."""
    return KINDS[kind].is_handed


def what_faults(programme: Programme, what: What) -> list[str]:
    """What is wrong with a prize as it is worded, in words. One query at most."""
    if what.kind == PrizeKind.NOTHING:
        return []
    if what.kind not in KINDS:
        return [_("There is no such kind of prize.")]
    faults = [] if what.amount > 0 else [_("A prize is at least one of something.")]
    fault = KINDS[what.kind].fault(programme, what)
    return [*faults, *([fault] if fault else [])]
