"""Awards of sales, fulfilled and recorded in the sales' own transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import OperationalError

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.database import planned_cursor
from rewards.rules.answers import GivenAward
from rewards.services.awards.kinds import of_kind
from rewards.services.awards.plans import Given, Plan
from rewards.services.awards.reading import AwardView
from rewards.services.stamps import books, settling

_encode = msgspec.json.Encoder().encode


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """A sale whose receipt and purchase are written."""

    receipt_id: int
    receipt: UUID
    store_id: int
    member_id: int | None
    at: datetime
    awards: tuple[GivenAward, ...]


# Stock is locked in the order of its rows, and taken only as far as it goes.
_GIVE = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(awards)s::jsonb) AS g (
        no int, receipt bigint, version bigint, effect int, member bigint, kind text, code text,
        amount bigint, detail jsonb, at timestamptz)
), award AS (
    INSERT INTO rewards_award (purchase_id, version_id, effect, member_id, kind, code, amount,
                               detail, occurred_at)
    SELECT receipt, version, effect, member, kind, code, amount, detail, at FROM given ORDER BY no
    RETURNING id, public_id, purchase_id, version_id, effect, kind, code, amount
), named AS (
    SELECT given.no, award.* FROM award JOIN given ON given.receipt = award.purchase_id
       AND given.version = award.version_id AND given.effect = award.effect
), moved AS (
    INSERT INTO rewards_awardmove (member_id, kind, code, amount, award_id, reason)
    SELECT m.member, m.kind, m.code, m.amount, named.id, 'purchase'
      FROM jsonb_to_recordset(%(moves)s::jsonb) AS m (
        no int, member bigint, kind text, code text, amount bigint) JOIN named USING (no)
     ORDER BY m.member, m.kind, m.code, m.no
), tagging AS (
    SELECT * FROM jsonb_to_recordset(%(tags)s::jsonb) AS t (
        member bigint, code text, source text, since timestamptz, until timestamptz)
), word AS (
    INSERT INTO members_tag (code, name) SELECT DISTINCT code, code FROM tagging ORDER BY code
    ON CONFLICT (code) DO NOTHING
), tagged AS (
    INSERT INTO members_membertag (member_id, tag, source, since, until)
    SELECT member, code, source, since, until FROM tagging
    ON CONFLICT (member_id, tag, source) DO NOTHING
), wanted AS (
    SELECT store, sku, sum(pieces)::bigint AS pieces
      FROM jsonb_to_recordset(%(stock)s::jsonb) AS s (store bigint, sku text, pieces bigint)
     GROUP BY store, sku
), level AS (
    SELECT l.id, wanted.pieces
      FROM wanted JOIN members_product p ON p.sku = wanted.sku
      JOIN members_stocklevel l ON l.store_id = wanted.store AND l.product_id = p.id
     ORDER BY l.id FOR NO KEY UPDATE OF l
), taken AS (
    UPDATE members_stocklevel l SET quantity = l.quantity - level.pieces, updated_at = now()
      FROM level WHERE l.id = level.id AND l.quantity >= level.pieces
    RETURNING l.id
), told AS (
    INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
    SELECT 'award.given', 'award', public_id,
           jsonb_build_object('kind', kind, 'code', code, 'amount', amount) FROM named ORDER BY no
)
SELECT (SELECT json_object_agg(no, public_id)::text FROM named),
       (SELECT count(*) FROM level) = (SELECT count(*) FROM taken)
"""
_ids = msgspec.json.Decoder(dict[int, UUID], strict=False)


def give_awards(sales: Sequence[Sold], *, actor: Actor) -> dict[int, tuple[AwardView, ...]]:
    """Fulfil and record what the sales gave; by receipt, as they are told to the till.

    One statement for all of them, and none for sales without awards; only coupons
    are issued one by one. Belongs inside the sales' transaction, after their
    purchases. A gift whose last piece went to another till meanwhile makes the
    whole unit run again: the rules then see that it is gone.
    """
    given = list(_given(sales, actor))
    if not given:
        return {}
    plan = Plan()
    details = [_told(one) | of_kind(one.given.award.kind).fulfil(one, plan) for one in given]
    ids = _write([_row(one, detail) for one, detail in zip(given, details, strict=True)], plan)
    _settle_stamps(given)
    views: dict[int, tuple[AwardView, ...]] = {}
    for one, detail in zip(given, details, strict=True):
        view = _view(one, ids[one.no], detail)
        views[one.receipt_id] = (*views.get(one.receipt_id, ()), view)
    return views


def _given(sales: Sequence[Sold], actor: Actor) -> Iterator[Given]:
    pairs = ((sale, award) for sale in sales for award in sale.awards)
    for no, (sale, award) in enumerate(pairs):
        yield Given(
            no=no,
            receipt_id=sale.receipt_id,
            receipt=sale.receipt,
            store_id=sale.store_id,
            member_id=sale.member_id,
            at=sale.at,
            given=award,
            actor=actor,
        )


def _told(one: Given) -> dict[str, Any]:
    """What an award says besides its kind, code and amount."""
    award = one.given.award
    said = {"choices": award.choices, "text": award.text, "valid_days": award.valid_days}
    told = {name: value for name, value in said.items() if value}
    return {**told, "to": award.to} if award.to != "member" else told


def _row(one: Given, detail: dict[str, Any]) -> dict[str, Any]:
    award = one.given.award
    return {
        "no": one.no,
        "receipt": one.receipt_id,
        "version": one.given.version_id,
        "effect": one.given.effect,
        "member": one.member_id,
        "kind": award.kind,
        "code": award.code,
        "amount": award.amount,
        "detail": detail,
        "at": one.at,
    }


def _write(awards: list[dict[str, Any]], plan: Plan) -> dict[int, UUID]:
    parts = {"awards": awards, "moves": plan.moves, "tags": plan.tags, "stock": plan.stock}
    with planned_cursor() as cursor:
        cursor.execute(_GIVE, {name: _encode(rows).decode() for name, rows in parts.items()})
        ids, all_in_stock = cursor.fetchone()
    if not all_in_stock:
        raise OperationalError("out of stock") from psycopg.errors.SerializationFailure()
    return _ids.decode(ids)


def _settle_stamps(given: Sequence[Given]) -> None:
    """Stamps may fill cards. The sales hold their members' wallets."""
    stamped = [one for one in given if one.given.award.kind == books.KIND and one.member_id]
    if stamped:
        last = stamped[-1]
        settling.settle(
            [(one.member_id or 0, one.given.award.code) for one in stamped],
            settling.Moment(at=last.at, actor=last.actor, id=last.receipt, store_id=last.store_id),
        )


def _view(one: Given, public_id: UUID, detail: dict[str, Any]) -> AwardView:
    award = one.given.award
    said = {**msgspec.to_builtins(detail), "id": public_id, "promotion": one.given.promotion}
    own = {"kind": award.kind, "code": award.code, "amount": award.amount}
    return msgspec.convert({**said, **own}, AwardView)
