"""Something to collect: the sixth coffee free, a challenge with a badge, a ranking, late claims."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty_crm.kernel.actors import Actor
from members.models import Member
from rewards.models import Badge, Challenge, Leaderboard, Programme, Promotion, StampProgramme
from rewards.services import claims, promotions
from rewards.services.challenges.writing import save_badge, save_challenge, save_leaderboard
from rewards.services.stamps.by_hand import stamp_by_hand
from rewards.services.stamps.programmes import create_stamp_programme

COFFEE = {"include": {"categories": ["grocery/coffee"]}}
CARD: dict[str, Any] = {
    "code": "sixth-coffee", "name": "6th coffee free", "needed": 5, "stamp_days": 180,
    "reward_kind": "next_coupon", "reward_code": "free-coffee", "reward_valid_days": 30,
    "manual_per_day": 10, "manual_direct": 3,
}  # fmt: skip


def make_collecting(now: datetime, actor: Actor) -> None:
    """Safe to repeat: what is there stays as it is."""
    programme = Programme.objects.get(is_default=True)
    if StampProgramme.objects.filter(programme=programme).exists():
        return
    _promote(programme, "free-coffee", "A coffee for free", _free(), actor)
    card = create_stamp_programme(programme=programme, terms=CARD, actor=actor)
    _promote(programme, "coffee-stamps", "A stamp for each coffee", _stamps(), actor)
    _stamp_some(card, actor)
    claims.change_terms(programme=programme, terms={"is_open": True}, actor=actor)
    today = now.astimezone(ZoneInfo(programme.time_zone)).date()
    _challenge(programme, today, actor)
    board = Leaderboard(
        programme=programme, code="week", name="Visitors of the week", score="visits", cycle="week"
    )
    save_leaderboard(board=board, actor=actor)


def _free() -> dict[str, Any]:
    """One coffee, the dearest of the basket, for who shows the coupon of a full card."""
    effect = {"kind": "pieces_off", "pick": "dearest", "of": 1, "max_times": 1}
    return {
        "effects": [{**effect, "off": {"kind": "free"}}],
        "goods": COFFEE,
        "coupon": {"required": True},
    }


def _stamps() -> dict[str, Any]:
    return {
        "effects": [{"kind": "stamps", "code": CARD["code"], "per": "item"}],
        "goods": COFFEE,
    }


def _promote(
    programme: Programme, code: str, name: str, definition: dict[str, Any], actor: Actor
) -> None:
    if not Promotion.objects.filter(programme=programme, code=code).exists():
        made = promotions.create(programme=programme, code=code, name=name, actor=actor)
        version = promotions.draft(promotion=made, definition=definition, actor=actor)
        promotions.go_live(version=version, starts_at=None, actor=actor)


def _stamp_some(card: StampProgramme, actor: Actor) -> None:
    """A few members with cards in every state, so that there is something to look at."""
    for number, member in enumerate(Member.objects.order_by("pk")[:6]):
        for round_ in range(1 + number % 2):
            stamp_by_hand(
                programme=card, member=member, amount=1 + number % 3, actor=actor,
                reason="brought from the paper card", reference=f"demo:{member.pk}:{round_}",
            )  # fmt: skip


def _challenge(programme: Programme, today: date, actor: Actor) -> None:
    badge = Badge(
        programme=programme, code="regular", name="Regular", icon="★",
        text="Came on five days of a month",
    )  # fmt: skip
    save_badge(badge=badge, actor=actor)
    challenge = Challenge(
        programme=programme, code="five-days", name="Five days", metric="days",
        text="Shop on five days this month", starts_on=today.replace(day=1),
    )  # fmt: skip
    none = {"reward_kind": "", "reward_code": "", "reward_amount": 1}
    points = {"reward_kind": "points", "reward_code": "", "reward_amount": 200}
    steps = [{"target": 3, **none, "badge": None}, {"target": 5, **points, "badge": badge}]
    save_challenge(challenge=challenge, steps=steps, actor=actor)
