"""Refund and void: goods come back, and with them the points, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from django.db import connection

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import NotFound, SourceRefConflict
from members.models import Receipt, Refund
from members.services.purchases import (
    NewRefund,
    NewRefundLine,
    RecordedRefund,
    lock_receipt,
    record_refund,
)
from rewards.errors import PurchaseVoided, RefundExceedsOriginal, VoidWindowClosed
from rewards.models import Programme
from rewards.rules import returns
from rewards.rules.returns import MoreThanSoldError, Returned, SoldLine, TakenBack
from rewards.services.awards import take_awards_back
from rewards.services.checkout import views
from rewards.services.checkout.asks import AskedReturn, RefundAsk
from rewards.services.checkout.committing import business_date, json_text
from rewards.services.checkout.coupons import reopen_coupons
from rewards.services.checkout.gift_tenders import give_back
from rewards.services.checkout.pricing import content_digest, refuse_time
from rewards.services.checkout.sold import Sold, read_sold
from rewards.services.checkout.views import Refunded
from rewards.services.coupons.using import Cause
from rewards.services.ledger import Event, Reversal, reverse_purchase
from rewards.services.limits.counters import release

# A repeat may come without its time, and then has another one.
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class _Back(msgspec.Struct, frozen=True, kw_only=True):
    """What one return moves: goods, points earned with them, points spent on them."""

    goods: list[Returned]
    left: list[SoldLine]
    taken: list[TakenBack]
    clawback: int
    restore: int
    tax_on_top: bool

    @property
    def net_minor(self) -> int:
        return sum(part.net_minor for part in self.goods)

    @property
    def tax_minor(self) -> int:
        return sum(part.tax_minor for part in self.goods)

    @property
    def money_minor(self) -> int:
        """What the customer gets back in money, a tax that came on top included."""
        added = self.tax_minor if self.tax_on_top else 0
        return sum(part.money_minor for part in self.goods) + added


def refund_purchase(
    *, public_id: UUID, ask: RefundAsk, programme: Programme, now: datetime, actor: Actor
) -> Refunded:
    """Take goods back, or cancel the whole sale (``ask.kind`` "void").

    Locks the receipt, then the wallet, then those of gift cards that paid. Earned
    points go as the pinned rules say of the goods kept; spent points return to their
    lots. Once per store and number: a repeat answers with the first, other content is
    refused.
    """
    refuse_time(ask.occurred_at, now)
    ask = msgspec.structs.replace(ask, number=ask.number or f"{ask.kind}:{public_id}")
    sold = _locked(public_id, ask, actor)
    digest = content_digest([public_id, msgspec.structs.replace(ask, occurred_at=_ANY_TIME)])
    if sold.known:
        return _duplicate(sold, digest)
    _refuse_state(sold, ask)
    back = _plan(sold, ask)
    recorded = record_refund(_new_refund(sold, ask, back, digest))
    if recorded is None:
        raise SourceRefConflict(pointer="/number")
    reversal = _reverse(sold, ask, back, programme, now, actor)
    give_back(sold, ask, back.money_minor, recorded, actor)
    _write(sold, public_id, ask, back, recorded, reversal)
    _take_awards(sold, public_id, back, recorded, actor)
    _reopen(sold, ask, back, actor)
    return _answer(sold, recorded.id, reversal)


def _reopen(sold: Sold, ask: RefundAsk, back: _Back, actor: Actor) -> None:
    """Limits and coupons are free again when nothing is left of the sale, as their terms say."""
    if _state_after(ask, back) == Receipt.State.PARTLY_RETURNED:
        return
    if sold.has_limits:
        release(sold.id, everything=ask.kind == "void")
    if sold.has_coupons:
        assert sold.back_at is not None
        source = f"store:{sold.back_at.code}"
        reopen_coupons(sold.id, Cause(source, ask.number, ask.occurred_at, actor.label))


def _locked(public_id: UUID, ask: RefundAsk, actor: Actor) -> Sold:
    receipt_id = lock_receipt(public_id)
    if receipt_id is None:
        raise NotFound
    sold = read_sold(receipt_id, store=ask.store, number=ask.number)
    # Other stores' receipts look as if they were not there.
    if not actor.may_use_store(sold.store):
        raise NotFound
    if sold.back_at is None or not actor.may_use_store(sold.back_at.code):
        raise NotFound(pointer="/store")
    return sold


def _duplicate(sold: Sold, digest: bytes) -> Refunded:
    assert sold.known is not None
    if sold.known.receipt_id != sold.id or bytes.fromhex(sold.known.digest) != digest:
        raise SourceRefConflict(pointer="/number")
    answer = _answer(sold, sold.known.id, None)
    return msgspec.structs.replace(answer, is_duplicate=True)


def _refuse_state(sold: Sold, ask: RefundAsk) -> None:
    if sold.state == Receipt.State.VOIDED:
        raise PurchaseVoided
    if ask.kind == "void":
        today = business_date(ask.occurred_at, sold.time_zone)
        if sold.has_returns or today != sold.business_date:
            raise VoidWindowClosed


def _plan(sold: Sold, ask: RefundAsk) -> _Back:
    before = sold.sold_lines()
    try:
        goods = _goods(before, ask)
    except MoreThanSoldError as more:
        raise RefundExceedsOriginal(line=more.line_no, unit=more.unit, left=more.left) from more
    if not goods:
        raise RefundExceedsOriginal(left=0)
    left = returns.after(before, goods)
    taken = returns.take_back(sold.pins, sold.wordings(), sold.terms, before, left)
    given = returns.points_given_back(sold.redeemed, before)
    return _Back(
        goods=goods,
        left=left,
        taken=taken,
        # No rule grants less for more goods; were one to, the wallet would still not pay for it.
        clawback=min(sum(part.points for part in taken), sold.earned - sold.taken_back),
        restore=returns.points_given_back(sold.redeemed, left) - given,
        tax_on_top=sold.terms.tax_mode == "on_top",
    )


def _goods(lines: Sequence[SoldLine], ask: RefundAsk) -> list[Returned]:
    if ask.lines:
        by_no = {line.line_no: line for line in lines}
        return [_one(by_no, asked) for asked in ask.lines]
    if ask.amount_minor is not None:
        return returns.spread_amount(lines, ask.amount_minor)
    return [returns.return_rest(line) for line in lines if not line.is_gone]


def _one(by_no: dict[int, SoldLine], asked: AskedReturn) -> Returned:
    line = by_no.get(asked.line_no)
    if line is None:
        raise MoreThanSoldError(asked.line_no, "quantity", asked.quantity_milli or 1, 0)
    if asked.quantity_milli is not None:
        return returns.return_quantity(line, asked.quantity_milli)
    if asked.amount_minor is not None:
        return returns.return_amount(line, asked.amount_minor)
    if line.is_gone:
        raise MoreThanSoldError(asked.line_no, "quantity", 1, 0)
    return returns.return_rest(line)


def _new_refund(sold: Sold, ask: RefundAsk, back: _Back, digest: bytes) -> NewRefund:
    assert sold.back_at is not None
    line_ids = {line.line_no: line.id for line in sold.lines}
    return NewRefund(
        receipt_id=sold.id,
        kind=ask.kind,
        store_id=sold.back_at.id,
        number=ask.number,
        net_minor=back.net_minor,
        money_minor=back.money_minor,
        tax_minor=back.tax_minor,
        content_digest=digest,
        reason=ask.reason,
        cashier=ask.cashier,
        occurred_at=ask.occurred_at,
        state=_state_after(ask, back),
        lines=tuple(
            NewRefundLine(
                line_id=line_ids[part.line_no],
                quantity_milli=part.quantity_milli,
                net_minor=part.net_minor,
                points_paid_minor=part.paid_minor,
                tax_minor=part.tax_minor,
            )
            for part in back.goods
        ),
    )


def _state_after(ask: RefundAsk, back: _Back) -> str:
    if ask.kind == "void":
        return Receipt.State.VOIDED
    whole = all(line.is_gone for line in back.left)
    return Receipt.State.RETURNED if whole else Receipt.State.PARTLY_RETURNED


def _reverse(
    sold: Sold, ask: RefundAsk, back: _Back, programme: Programme, now: datetime, actor: Actor
) -> Reversal | None:
    if sold.wallet_id is None or not (back.clawback or back.restore):
        return None
    assert sold.back_at is not None
    return reverse_purchase(
        wallet_id=sold.wallet_id,
        event=Event(
            op=ask.kind,
            source=f"store:{sold.back_at.code}",
            source_ref=ask.number,
            effective_at=ask.occurred_at,
            actor=actor.label,
            reason=ask.reason,
            reverses=sold.redeem_tx_id or sold.tx_id,
        ),
        restore=back.restore,
        restore_of_tx=sold.redeem_tx_id,
        clawback=back.clawback,
        pending_id=sold.pending_id,
        sale_lot_expires_at=sold.lots_expire_at,
        debt_policy=programme.debt,
        expired_on_restore=programme.expired_on_restore,
        revive_days=programme.revive_days,
        now=now,
    )


def _take_awards(
    sold: Sold, public_id: UUID, back: _Back, recorded: RecordedRefund, actor: Actor
) -> None:
    assert sold.back_at is not None
    take_awards_back(
        sold.lost_awards(back.taken),
        receipt=public_id,
        store_id=sold.back_at.id,
        refund_id=recorded.id,
        actor=actor,
    )


# ``clawed_back`` counts everything that this sale has had to give back, whoever bore it.
# Remainders of a wallet that was merged meanwhile stand on the one that took it over.
_WRITE = """
WITH RECURSIVE followed AS (
    SELECT id, merged_into_id FROM rewards_wallet WHERE id = %(wallet)s
    UNION ALL
    SELECT w.id, w.merged_into_id FROM followed f JOIN rewards_wallet w ON w.id = f.merged_into_id
), purchase AS (
    UPDATE rewards_purchase SET clawed_back = clawed_back + %(taken)s,
           restored = restored + %(restored)s, written_off = written_off + %(written_off)s
     WHERE receipt_id = %(receipt)s
), back AS (
    INSERT INTO rewards_purchaserefund
        (refund_id, tx_id, clawed_back, from_pending, restored, written_off)
    VALUES (%(refund)s, %(tx)s, %(taken)s, %(from_pending)s, %(restored)s, %(written_off)s)
), carry AS (
    INSERT INTO rewards_earncarry AS c (wallet_id, version_id, units)
    SELECT f.id, key::bigint, value::bigint
      FROM followed f, jsonb_each_text(%(carries)s::jsonb) WHERE f.merged_into_id IS NULL
    ON CONFLICT (wallet_id, version_id) DO UPDATE SET units = c.units + EXCLUDED.units
)
INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
VALUES (%(kind)s, 'purchase', %(public_id)s, %(data)s::jsonb)
"""


def _write(
    sold: Sold,
    public_id: UUID,
    ask: RefundAsk,
    back: _Back,
    recorded: RecordedRefund,
    reversal: Reversal | None,
) -> None:
    # One effect of a version at most carries a remainder.
    carries = {part.version_id: part.carry_delta for part in back.taken if part.carry_delta}
    values = {
        "receipt": sold.id,
        "refund": recorded.id,
        "wallet": sold.wallet_id,
        "tx": reversal.tx_id if reversal else None,
        "taken": back.clawback,
        "from_pending": reversal.from_pending if reversal else 0,
        "restored": reversal.restored if reversal else 0,
        "written_off": reversal.written_off if reversal else 0,
        "carries": json_text(carries),
        "kind": "transaction.voided" if ask.kind == "void" else "transaction.returned",
        "public_id": str(public_id),
        "data": json_text({"refund": recorded.public_id, "store": sold.store}),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)


def _answer(sold: Sold, refund_id: int, reversal: Reversal | None) -> Refunded:
    purchase = views.load(sold.id)
    public_id = Refund.objects.values_list("public_id", flat=True).get(pk=refund_id)
    return Refunded(
        refund=next(one for one in purchase.returns if one.id == public_id),
        purchase=purchase,
        balance=reversal.balance_after if reversal else None,
    )
