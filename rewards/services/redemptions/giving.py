"""What each kind of reward really gives, and how it is taken back.

Everything goes through the service that owns it: coupons, gift cards, balances of
turns and tickets, services, pledges. Names of what was made stand in ``issued``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import SYSTEM, Actor
from rewards.errors import RedemptionState, RewardUsed
from rewards.models import AwardBalance, AwardMove, Coupon, GiftCard, Redemption, Reward
from rewards.rules import gift_numbers
from rewards.rules.codes import shown
from rewards.services import benefits, gift_cards
from rewards.services.catalogue.stock import take_code
from rewards.services.charity.pledging import pledge, take_pledge_back
from rewards.services.coupons.issuing import issue_coupon, take_back
from rewards.services.gift_cards.issuing import number_of
from rewards.services.gift_cards.keys import key

Kind = Reward.Kind
#: What the books of award balances call them.
BOOKS: Final = {Kind.GAME_PLAY: "game_plays", Kind.DRAW_TICKET: "draw_tickets"}
SOURCE = "redemption"


def give(redemption: Redemption, *, now: datetime, actor: Actor) -> None:
    """Make what was promised when it was taken; ``issued`` is filled, the caller saves it."""
    if giver := _GIVERS.get(Kind(redemption.reward.kind)):
        redemption.issued = {**redemption.issued, **giver(redemption, now, actor)}


def take(redemption: Redemption, *, now: datetime, actor: Actor) -> None:
    """Undo ``give``. Refused as ``RewardUsed`` when it was spent already, even in part."""
    if taker := _TAKERS.get(Kind(redemption.reward.kind)):
        taker(redemption, now, actor)


def _ref(redemption: Redemption) -> str:
    return str(redemption.public_id)


def _worth(redemption: Redemption) -> int:
    return int(redemption.issued["value_minor"] or 0)


def _day(redemption: Redemption, now: datetime) -> date:
    return now.astimezone(ZoneInfo(redemption.reward.programme.time_zone)).date()


# Coupons


def _give_coupon(redemption: Redemption, now: datetime, actor: Actor) -> dict[str, object]:
    reward = redemption.reward
    if reward.promotion is None:
        return {}
    coupon = issue_coupon(
        promotion=reward.promotion.code,
        member_id=redemption.member_id,
        valid_days=reward.valid_days,
        source=SOURCE,
        source_ref=_ref(redemption),
        actor=actor,
    )
    return {"coupon": coupon.pk}


def _take_coupon(redemption: Redemption, now: datetime, actor: Actor) -> None:
    if "coupon" not in redemption.issued:
        return
    if not take_back(source=SOURCE, source_ref=_ref(redemption), actor=actor):
        raise RewardUsed


# Gift cards: money that is paid in advance, with points. In the ledger the system sells them.


def _give_card(redemption: Redemption, now: datetime, actor: Actor) -> dict[str, object]:
    reward = redemption.reward
    days = timedelta(days=reward.valid_days or 0)
    (card,) = gift_cards.issue(
        programme=reward.programme,
        expires_on=_day(redemption, now) + days if days else None,
        actor=actor,
    )
    GiftCard.objects.filter(pk=card.pk).update(holder=redemption.member_id)
    card.refresh_from_db()
    ref = f"{SOURCE}:{_ref(redemption)}"
    gift_cards.activate(card=card, amount=_worth(redemption), source_ref=ref, actor=SYSTEM)
    return {"gift_card": str(card.public_id)}


def _take_card(redemption: Redemption, now: datetime, actor: Actor) -> None:
    card = gift_cards.find(UUID(redemption.issued["gift_card"]))
    ref = f"{SOURCE}:{_ref(redemption)}"
    if card.state != GiftCard.State.ACTIVE or card.wallet.posted != _worth(redemption):
        raise RewardUsed
    moved = gift_cards.pay_back_sale(card=card, sale_ref=ref, source_ref=ref, actor=SYSTEM)
    # Somebody may have paid with it between our look and the lock of the card's wallet.
    if -moved.amount != _worth(redemption):
        raise RewardUsed


# Turns and tickets


def _move(redemption: Redemption, amount: int, reason: str) -> None:
    AwardMove.objects.create(
        member_id=redemption.member_id,
        kind=BOOKS[Kind(redemption.reward.kind)],
        code=redemption.issued["award_code"],
        amount=amount,
        reason=f"{reason}:{_ref(redemption)}",
    )


def _give_turns(redemption: Redemption, now: datetime, actor: Actor) -> dict[str, object]:
    _move(redemption, redemption.issued["quantity"], SOURCE)
    return {"balance": BOOKS[Kind(redemption.reward.kind)], "code": redemption.issued["award_code"]}


def _take_turns(redemption: Redemption, now: datetime, actor: Actor) -> None:
    """The move locks the balance; below zero means that they were played."""
    _move(redemption, -redemption.issued["quantity"], "cancelled")
    left = AwardBalance.objects.get(
        member=redemption.member_id,
        kind=BOOKS[Kind(redemption.reward.kind)],
        code=redemption.issued["award_code"],
    )
    if left.balance < 0:
        raise RewardUsed


# Services, partners' codes, donations


def _give_service(redemption: Redemption, now: datetime, actor: Actor) -> dict[str, object]:
    reward, today = redemption.reward, _day(redemption, now)
    assert reward.service is not None
    granted = benefits.grant(
        service=reward.service,
        member=redemption.member,
        count=redemption.issued["quantity"],
        source=f"{SOURCE}:{_ref(redemption)}",
        begins=today,
        ends=today + timedelta(days=reward.valid_days) if reward.valid_days else None,
        reason="",
        actor=actor,
    )
    return {"entitlement": granted.pk}


def _take_service(redemption: Redemption, now: datetime, actor: Actor) -> None:
    if not benefits.withdraw(entitlement_id=redemption.issued["entitlement"], actor=actor):
        raise RewardUsed


def _give_code(redemption: Redemption, now: datetime, actor: Actor) -> dict[str, object]:
    take_code(redemption)
    return {"partner_code": True}


def _take_partner_code(redemption: Redemption, now: datetime, actor: Actor) -> None:
    """The member has seen it: nobody knows whether the partner has honoured it."""
    raise RewardUsed


def _give_donation(redemption: Redemption, now: datetime, actor: Actor) -> dict[str, object]:
    reward = redemption.reward
    made = pledge(
        cause=reward.cause,
        member=redemption.member,
        programme=reward.programme,
        amount_minor=_worth(redemption),
        source_ref=f"{SOURCE}:{_ref(redemption)}",
        now=now,
    )
    return {"cause": made.cause.code}


def _take_donation(redemption: Redemption, now: datetime, actor: Actor) -> None:
    take_pledge_back(source_ref=f"{SOURCE}:{_ref(redemption)}", now=now)


_Giver = Callable[[Redemption, datetime, Actor], dict[str, object]]
_Taker = Callable[[Redemption, datetime, Actor], None]
_GIVERS: Final[dict[Kind, _Giver]] = {
    Kind.DISCOUNT: _give_coupon,
    Kind.FREE_DELIVERY: _give_coupon,
    Kind.GIFT_CARD: _give_card,
    Kind.GAME_PLAY: _give_turns,
    Kind.DRAW_TICKET: _give_turns,
    Kind.SERVICE: _give_service,
    Kind.PARTNER_CODE: _give_code,
    Kind.DONATION: _give_donation,
}
_TAKERS: Final[dict[Kind, _Taker]] = {
    Kind.DISCOUNT: _take_coupon,
    Kind.FREE_DELIVERY: _take_coupon,
    Kind.GIFT_CARD: _take_card,
    Kind.GAME_PLAY: _take_turns,
    Kind.DRAW_TICKET: _take_turns,
    Kind.SERVICE: _take_service,
    Kind.PARTNER_CODE: _take_partner_code,
    Kind.DONATION: _take_donation,
}


@dataclass(frozen=True, slots=True)
class Revealed:
    """What the member has to know to use it. ``pin`` belongs to a gift card."""

    code: str
    pin: str = ""


@transaction.atomic
def reveal(*, redemption: Redemption, actor: Actor) -> Revealed:
    """The coupon's code, the gift card's number or the partner's code; each look is recorded."""
    if redemption.state != Redemption.State.FULFILLED:
        raise RedemptionState(state=redemption.state)
    told = _told(redemption)
    audit.record(
        action="redemption.revealed",
        object_type="redemption",
        object_id=str(redemption.public_id),
        actor=actor,
    )
    return told


def _told(redemption: Redemption) -> Revealed:
    issued = redemption.issued
    if "coupon" in issued:
        return Revealed(shown(Coupon.objects.get(pk=issued["coupon"]).code))
    if "gift_card" in issued:
        seed = issued["gift_card"]
        number = gift_numbers.in_groups(number_of(UUID(seed)))
        return Revealed(number, gift_numbers.pin_of(key(), seed))
    if "partner_code" in issued:
        return Revealed(redemption.partner_code.code)
    raise RedemptionState(state=redemption.state)
