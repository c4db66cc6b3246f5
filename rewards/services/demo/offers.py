"""What a marketer finds already there: offers in every state, tiers, coupons, gift cards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from loyalty_crm.kernel.actors import Actor
from rewards.models import CouponBatch, GiftCard, Programme, Promotion, TierStructure
from rewards.rules.templates import by_code
from rewards.services import gift_cards, promotions, tiers
from rewards.services.coupons.batches import BatchTerms, create_batch
from rewards.services.demo.cards import make_cards
from rewards.services.tiers.ladders import Step

COFFEE = {"categories": ["grocery/coffee"]}
#: Code, name, template, its values, days from now until it starts (None: a draft), days it runs.
OFFERS: tuple[tuple[str, str, str, dict[str, Any], int | None, int | None], ...] = (
    ("coffee-3-for-2", "Coffee: 3 for 2", "cheapest_free", {"goods": COFFEE}, 0, 30),
    ("happy-hours", "Happy hours, 10 % off", "happy_hours", {}, 0, None),
    ("birthday", "15 % off around the birthday", "birthday", {}, 0, None),
    ("double-points-day", "Double points on Wednesdays", "double_points", {}, 3, 60),
    ("five-off-code", "$5 off with a code", "coupon_discount", {}, 0, 90),
    ("welcome", "500 points for the first purchase", "welcome", {}, None, None),
)
#: A year's spend in cents.
LADDER = (
    Step("base", "Member", 0),
    Step("silver", "Silver", 100_000),
    Step("gold", "Gold", 300_000),
)
GIFTS = (2_500, 5_000, 5_000, 10_000)


def make_offers(now: datetime, actor: Actor) -> None:
    """Belongs behind the history, so that nothing of the past earns by it. Safe to repeat."""
    programme = Programme.objects.get(is_default=True)
    _promote(programme, now, actor)
    _climb(programme, now, actor)
    make_cards(actor)
    if not CouponBatch.objects.exists():
        terms = BatchTerms(
            promotion="five-off-code", kind="generic", name="Spring flyer", code="SPRING5",
            uses_per_code=500, uses_per_member=1,
        )  # fmt: skip
        create_batch(terms=terms, actor=actor)
    if not GiftCard.objects.exists():
        _sell_gifts(programme, actor)


def _promote(programme: Programme, now: datetime, actor: Actor) -> None:
    known = set(Promotion.objects.filter(programme=programme).values_list("code", flat=True))
    for code, name, template, values, starts, runs in OFFERS:
        if code in known:
            continue
        promotion = promotions.create(programme=programme, code=code, name=name, actor=actor)
        words = by_code[template].build(values)
        version = promotions.draft(promotion=promotion, definition=words, actor=actor)
        if starts is None:
            continue
        begins = now + timedelta(days=starts)
        ends = begins + timedelta(days=runs) if runs else None
        start = promotions.schedule if starts else promotions.go_live
        start(version=version, starts_at=begins, ends_at=ends, actor=actor)


def _climb(programme: Programme, now: datetime, actor: Actor) -> None:
    if TierStructure.objects.filter(programme=programme).exists():
        return
    club = TierStructure(programme=programme, code="club", name="Market Club", is_primary=True)
    tiers.save_structure(structure=club, steps=LADDER, actor=actor)
    tiers.rise_all(structure=club, now=now)


def _sell_gifts(programme: Programme, actor: Actor) -> None:
    """Four sold, the first of them half spent, and two still in the drawer."""
    cards = gift_cards.issue(programme=programme, count=len(GIFTS) + 2, actor=actor)
    for no, (card, amount) in enumerate(zip(cards, GIFTS, strict=False)):
        gift_cards.activate(card=card, amount=amount, source_ref=f"demo-{no}", actor=actor)
    gift_cards.redeem(card=cards[0], amount=1_250, source_ref="demo-coffee", actor=actor)
