"""Awards that a return takes back, undone in the return's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.db import connection

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from rewards.services.awards.kinds import of_kind
from rewards.services.awards.plans import Lost, Plan
from rewards.services.ledger import lock_wallet, wallet_for
from rewards.services.programmes import default_programme
from rewards.services.stamps import books, settling

_encode = msgspec.json.Encoder().encode


class LostAward(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded award of the sale, and how much of it goes back now."""

    id: int
    version_id: int
    effect: int
    member_id: int | None
    kind: str
    code: str
    amount: int
    taken_back: int
    lost: int = 0


_TAKE = """
WITH lost AS (
    SELECT * FROM jsonb_to_recordset(%(lost)s::jsonb) AS l (award bigint, amount bigint)
), counted AS (
    UPDATE rewards_award a SET taken_back = a.taken_back + lost.amount
      FROM lost WHERE a.id = lost.award
    RETURNING a.id, a.public_id, a.kind, a.code, lost.amount
), kept AS (
    INSERT INTO rewards_awardrevocation (award_id, refund_id, amount)
    SELECT award, %(refund)s, amount FROM lost ORDER BY award
), moved AS (
    INSERT INTO rewards_awardmove (member_id, kind, code, amount, award_id, reason)
    SELECT member, kind, code, amount, no, 'return'
      FROM jsonb_to_recordset(%(moves)s::jsonb) AS m (
        no bigint, member bigint, kind text, code text, amount bigint)
     ORDER BY member, kind, code, no
), untagged AS (
    DELETE FROM members_membertag t
     USING jsonb_to_recordset(%(tags)s::jsonb) AS x (member bigint, code text, source text)
     WHERE t.member_id = x.member AND t.tag = x.code AND t.source = x.source
), wanted AS (
    SELECT store, sku, sum(pieces)::bigint AS pieces
      FROM jsonb_to_recordset(%(stock)s::jsonb) AS s (store bigint, sku text, pieces bigint)
     GROUP BY store, sku
), level AS (
    SELECT l.id, wanted.pieces
      FROM wanted JOIN members_product p ON p.sku = wanted.sku
      JOIN members_stocklevel l ON l.store_id = wanted.store AND l.product_id = p.id
     ORDER BY l.id FOR NO KEY UPDATE OF l
), shelved AS (
    UPDATE members_stocklevel l SET quantity = l.quantity + level.pieces, updated_at = now()
      FROM level WHERE l.id = level.id
)
INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
SELECT 'award.taken_back', 'award', public_id,
       jsonb_build_object('kind', kind, 'code', code, 'amount', amount) FROM counted ORDER BY id
"""


def take_awards_back(
    awards: Sequence[LostAward], *, receipt: UUID, store_id: int, refund_id: int, actor: Actor
) -> None:
    """Undo what the return takes back; one statement, none when nothing is lost.

    Belongs inside the return's transaction, under its receipt's lock, so the
    amounts are what is left. A repeat never comes here: a return is made once.
    """
    lost = [_lost(one, receipt, store_id, actor) for one in awards if one.lost > 0]
    if not lost:
        return
    stamped = [one for one in lost if one.kind == books.KIND and one.member_id]
    for one in stamped:
        # Stamps move under their member's wallet: a card may be completed just now.
        lock_wallet(wallet_for(one.member_id or 0, default_programme()).pk)
    plan = Plan()
    for one in lost:
        of_kind(one.kind).revoke(one, plan)
    parts = {
        "lost": [{"award": one.award_id, "amount": one.amount} for one in lost],
        "moves": plan.moves,
        "tags": plan.tags,
        "stock": plan.stock,
    }
    values = {name: _encode(rows).decode() for name, rows in parts.items()}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {**values, "refund": refund_id})
    settling.settle_return(
        [_gone(one) for one in stamped],
        # The number names the return where its stamps are made up for.
        settling.Moment(at=clock.now(), actor=actor, id=UUID(int=refund_id), store_id=store_id),
    )


def _gone(one: Lost) -> settling.Gone:
    return settling.Gone(
        member_id=one.member_id or 0, code=one.code, award_id=one.award_id, stamps=one.amount
    )


def _lost(one: LostAward, receipt: UUID, store_id: int, actor: Actor) -> Lost:
    return Lost(
        award_id=one.id,
        member_id=one.member_id,
        store_id=store_id,
        kind=one.kind,
        code=one.code,
        amount=one.lost,
        left=one.amount - one.taken_back - one.lost,
        source=f"award:{receipt}:{one.version_id}:{one.effect}",
        actor=actor,
    )
