"""Rewards for reaching something: the same kinds of awards, without a sale that gives them.

What was given is told as a plain dict that the caller keeps: it is what
``take_present_back`` works from.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from loyalty_crm.kernel.actors import Actor
from rewards.models import Programme
from rewards.rules.answers import GivenAward
from rewards.rules.effects import Award
from rewards.rules.expiry import life_of
from rewards.services.awards.kinds import of_kind
from rewards.services.awards.plans import Given, Lost, Plan
from rewards.services.coupons.issuing import take_back
from rewards.services.ledger import Earn, Event, post_many, reverse_purchase, wallet_for
from rewards.services.rule_sets import lifetime_of

POINTS = "points"
#: What is in the customer's hands, or in the customer's stomach, does not come back by itself.
CONSUMED = frozenset({"gift"})
_encode = msgspec.json.Encoder().encode


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """For what a reward is given: ``id`` names it for good, so nothing is given twice under it.

    ``name`` stands in the ledger ("stamp_card"); ``store_id`` 0 when there is no store.
    """

    id: UUID
    name: str
    reason: str
    programme: Programme
    member_id: int
    at: datetime
    actor: Actor
    store_id: int = 0

    @property
    def source(self) -> str:
        """As ``Given.source`` has it."""
        return f"award:{self.id}:0:0"


_WRITE = """
WITH moved AS (
    INSERT INTO rewards_awardmove (member_id, kind, code, amount, reason)
    SELECT member, kind, code, amount, %(reason)s
      FROM jsonb_to_recordset(%(moves)s::jsonb) AS m (
        member bigint, kind text, code text, amount bigint)
), tagging AS (
    SELECT * FROM jsonb_to_recordset(%(tags)s::jsonb) AS t (
        member bigint, code text, source text, since timestamptz, until timestamptz)
), untagged AS (
    DELETE FROM members_membertag t USING tagging x
     WHERE x.since IS NULL AND t.member_id = x.member AND t.tag = x.code AND t.source = x.source
), word AS (
    INSERT INTO members_tag (code, name) SELECT DISTINCT code, code FROM tagging
     WHERE since IS NOT NULL ON CONFLICT (code) DO NOTHING
), tagged AS (
    INSERT INTO members_membertag (member_id, tag, source, since, until)
    SELECT member, code, source, since, until FROM tagging WHERE since IS NOT NULL
    ON CONFLICT (member_id, tag, source) DO NOTHING
), level AS (
    SELECT l.id, s.pieces
      FROM jsonb_to_recordset(%(stock)s::jsonb) AS s (store bigint, sku text, pieces bigint)
      JOIN members_product p ON p.sku = s.sku
      JOIN members_stocklevel l ON l.store_id = s.store AND l.product_id = p.id
     ORDER BY l.id FOR NO KEY UPDATE OF l
), taken AS (
    UPDATE members_stocklevel l SET quantity = l.quantity - level.pieces, updated_at = now()
      FROM level WHERE l.id = level.id AND l.quantity >= level.pieces
    RETURNING l.id
)
SELECT (SELECT count(*) FROM level) = (SELECT count(*) FROM taken)
"""


def give_present(*, terms: dict[str, Any], to: Occasion) -> dict[str, Any]:
    """Give what the terms say; they, and what came of them, to be kept.

    Belongs inside a transaction that holds the member's wallet. A reward that cannot
    be given (no such promotion, out of stock) stops nothing: it says ``problem``.
    """
    if not terms.get("kind"):
        return {}
    if terms["kind"] == POINTS:
        return {**terms, **_points(int(terms["amount"]), to)}
    plan = Plan()
    detail = of_kind(terms["kind"]).fulfil(_given(terms, to), plan)
    if not _write(plan, f"{to.name}:{to.id}"[:80]):
        detail = {**detail, "problem": "out_of_stock"}
    return {**terms, **msgspec.to_builtins({name: said for name, said in detail.items() if said})}


def _points(amount: int, to: Occasion) -> dict[str, Any]:
    wallet = wallet_for(to.member_id, to.programme)
    expires_at = life_of(lifetime_of(to.programme), to.at).expires_at
    event = Event(to.name, f"award:{to.name}", str(to.id), to.at, to.actor.label, to.reason)
    [tx_id] = post_many([Earn(wallet.pk, event, amount, expires_at)]).tx_ids
    return {"tx": tx_id, "lot": expires_at.isoformat()}


def _given(terms: dict[str, Any], to: Occasion) -> Given:
    award = Award(
        kind=terms["kind"],
        code=terms["code"],
        amount=int(terms["amount"]),
        valid_days=terms["valid_days"],
    )
    return Given(
        no=0,
        receipt_id=0,
        receipt=to.id,
        store_id=to.store_id,
        member_id=to.member_id,
        at=to.at,
        given=GivenAward(promotion=to.name, promotion_id=0, version_id=0, effect=0, award=award),
        actor=to.actor,
    )


def _write(plan: Plan, reason: str) -> bool:
    """Whether everything was in stock."""
    if not (plan.moves or plan.tags or plan.stock):
        return True
    parts = {"moves": plan.moves, "tags": plan.tags, "stock": plan.stock}
    values = {name: _encode(rows).decode() for name, rows in parts.items()}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, {**values, "reason": reason})
        return bool(cursor.fetchone()[0])


def take_present_back(*, reward: dict[str, Any], to: Occasion) -> bool:
    """Undo what was given, once; whether all of it came back. ``to`` is its occasion.

    Points go as at a return: by the programme's rule on debt. Of coupons the unused
    ones end. A gift that was handed over stays where it is.
    """
    kind = reward.get("kind", "")
    if not kind or reward.get("problem"):
        return True
    if kind == POINTS:
        _points_back(reward, to)
        return True
    if kind in CONSUMED:
        return False
    if kind == "next_coupon":
        return _coupons_back(int(reward["amount"]), to)
    _undo(kind, reward, to)
    return True


def _coupons_back(count: int, to: Occasion) -> bool:
    """End all that are unused; whether none was used."""
    ended = [
        take_back(source=to.source, source_ref=str(number), actor=to.actor)
        for number in range(count)
    ]
    return all(ended)


def _points_back(reward: dict[str, Any], to: Occasion) -> None:
    programme = to.programme
    reverse_purchase(
        wallet_id=wallet_for(to.member_id, programme).pk,
        event=Event(
            f"{to.name}:back",
            f"award:{to.name}",
            str(to.id),
            to.at,
            to.actor.label,
            to.reason,
            reverses=reward["tx"],
        ),
        restore=0,
        restore_of_tx=None,
        clawback=int(reward["amount"]),
        pending_id=None,
        sale_lot_expires_at=datetime.fromisoformat(reward["lot"]),
        debt_policy=programme.debt,
        expired_on_restore=programme.expired_on_restore,
        revive_days=programme.revive_days,
        now=to.at,
    )


def _undo(kind: str, reward: dict[str, Any], to: Occasion) -> None:
    plan = Plan()
    lost = Lost(
        award_id=0,
        member_id=to.member_id,
        store_id=to.store_id,
        kind=kind,
        code=reward["code"],
        amount=int(reward["amount"]),
        left=0,
        source=to.source,
        actor=to.actor,
    )
    of_kind(kind).revoke(lost, plan)
    _write(plan, f"{to.name}:back:{to.id}"[:80])
