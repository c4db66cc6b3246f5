"""Commit: the receipt, its points and the trace of both, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.database import planned_cursor
from loyalty_crm.kernel.errors import SourceRefConflict
from members.models import Receipt
from members.services.purchases import (
    NewLine,
    NewReceipt,
    NewTender,
    Recorded,
    record_purchase,
)
from rewards.errors import HoldResolved, OfflineRedeemRejected, QuoteStale, TendersMismatch
from rewards.models import Hold
from rewards.rules.answers import PricedLine
from rewards.services.awards import Sold, give_awards
from rewards.services.awards.reading import AwardView
from rewards.services.checkout import views
from rewards.services.checkout.asks import Sale
from rewards.services.checkout.coupons import public, refuse_coupons, use_coupons
from rewards.services.checkout.facts import Facts, read_facts
from rewards.services.checkout.gift_tenders import GiftPaymentView, charge, names_gift_holds
from rewards.services.checkout.limit_facts import CountedFacts
from rewards.services.checkout.limiting import count, refuse_hold, settle
from rewards.services.checkout.pricing import (
    QUOTE_LIVES,
    Priced,
    content_digest,
    matches_seal,
    price,
    refuse_impossible,
    refuse_other_payment,
)
from rewards.services.checkout.quoting import carries_of, sealed_quote, with_wallet
from rewards.services.checkout.views import Committed, PurchaseView, line_views
from rewards.services.coupons.using import Cause
from rewards.services.ledger import (
    Event,
    Posted,
    capture_hold,
    post_purchase,
)
from rewards.services.rule_sets import Compiled

_encode = msgspec.json.Encoder().encode


class PointsWritten(msgspec.Struct, frozen=True):
    """What the ledger wrote for a sale; empty for a sale of nobody."""

    tx_id: int | None = None
    redeem_tx_id: int | None = None
    pending_id: int | None = None
    balance: int | None = None
    held: int = 0


def commit_purchase(*, sale: Sale, compiled: Compiled, now: datetime, actor: Actor) -> Committed:
    """Sell: write the receipt, spend and earn points, once per store and receipt number.

    Runs in the caller's transaction and locks the member's wallet. Everything is
    computed anew; numbers that differ from the sale's quote are refused with a
    fresh quote. A known number with the same content answers with the sale it
    names, with another content it is refused.
    """
    refuse_impossible(sale.ask, compiled, now)
    digest = digest_of(sale)
    facts = read_facts(
        sale.ask, compiled, lock=True, number=sale.number, hold_id=sale.hold_id, actor=actor
    )
    if facts.receipt:
        return duplicate(facts.receipt.id, bytes.fromhex(facts.receipt.digest), digest)
    facts = with_wallet(facts, compiled)
    priced = _price(sale, facts, compiled, actor)
    check(sale, priced, now, actor)
    receipt = record_purchase(receipt_of(sale, priced, digest))
    if receipt is None:
        return _duplicate_of_number(sale, facts, digest)
    points = _post(sale, priced, now, actor)
    write_purchases([purchase_row(sale, priced, receipt, points)])
    gifts = charge(sale, priced.facts, receipt, actor)
    # What many sales share comes last, always in this order: counters, then coupons.
    count([(priced, receipt.id)])
    if sale.ask.coupons:
        use_coupons(priced, _cause(sale, actor), receipt.id, sale.hold_id)
    awards = give_awards([sold_for_awards(sale, priced, receipt)], actor=actor)
    return Committed(
        view=view_of_sale(sale, priced, receipt, awards.get(receipt.id, ()), gifts),
        balance=points.balance,
        held=points.held,
    )


def _cause(sale: Sale, actor: Actor) -> Cause:
    return Cause(source_of(sale), sale.number, sale.ask.occurred_at, actor.label)


def digest_of(sale: Sale) -> bytes:
    """The content of a sale: all but the quote and the hold that led to it."""
    return content_digest([sale.ask, sale.number, sale.cashier, sale.tenders])


def duplicate(receipt_id: int, known: bytes, digest: bytes) -> Committed:
    if known != digest:
        raise SourceRefConflict(pointer="/number")
    return Committed(view=views.load(receipt_id), is_duplicate=True)


def _duplicate_of_number(sale: Sale, facts: Facts, digest: bytes) -> Committed:
    """The twin that took the number has committed by now, so it can be read."""
    assert facts.store is not None
    known = Receipt.objects.get(store_id=facts.store.id, number=sale.number)
    return duplicate(known.pk, bytes(known.content_digest), digest)


def _price(sale: Sale, facts: Facts, compiled: Compiled, actor: Actor) -> Priced:
    set_aside = facts.hold.amount if _is_ours(sale, facts, actor) and facts.hold else 0
    carries = carries_of(facts, compiled)

    def on(facts: Facts) -> Priced:
        return price(sale.ask, facts, compiled, carries=carries, set_aside=set_aside)

    return _honoured(sale, settle(on(facts), on), on, actor)


def _honoured(sale: Sale, priced: Priced, on: Callable[[Facts], Priced], actor: Actor) -> Priced:
    """A receipt printed on the word of a quote keeps its prices, though a limit was reached since.

    The quote is asked again as it was before anybody had used anything.
    """
    limited = priced.compiled.rules.limited
    if not (limited and sale.is_late and sale.quote_id):
        return priced
    if matches_seal(sale.quote_id, priced, actor, None):
        return priced
    untouched = on(msgspec.structs.replace(priced.facts, counted=CountedFacts()))
    if not matches_seal(sale.quote_id, untouched, actor, None):
        return priced
    return msgspec.structs.replace(untouched, beyond=True)


def _is_ours(sale: Sale, facts: Facts, actor: Actor) -> bool:
    """Whether the hold named by the sale is open and of this wallet; refused when it is not."""
    if sale.hold_id is None:
        return False
    reserved = any(one.reserved for one in facts.coupons or ())
    others = refuse_hold(facts, sale.is_late, actor) or reserved
    others = names_gift_holds(facts, actor) or others
    if others and facts.hold is None:
        return False
    if not (facts.hold and facts.wallet and facts.hold.wallet_id == facts.wallet.id):
        raise HoldResolved(pointer="/hold_id")
    return True


def check(sale: Sale, priced: Priced, now: datetime, actor: Actor) -> None:
    lives = None if sale.is_late else QUOTE_LIVES
    if sale.quote_id and not matches_seal(sale.quote_id, priced, actor, lives):
        raise QuoteStale(quote=sealed_quote(priced, now, actor))
    if not (sale.quote_id or sale.ask.offline):
        refuse_coupons(priced)
    limit = priced.compiled.programme.offline_redeem_limit
    if sale.ask.offline and sale.ask.redeem_points > limit:
        raise OfflineRedeemRejected(pointer="/redeem/points", allowed=limit)
    refuse_other_payment(priced)
    tendered = sum(tender.amount_minor for tender in sale.tenders)
    if sale.tenders and tendered != priced.quote.total_minor:
        raise TendersMismatch(pointer="/tenders", total=priced.quote.total_minor, tendered=tendered)


def receipt_of(sale: Sale, priced: Priced, digest: bytes) -> NewReceipt:
    quote, facts, ask = priced.quote, priced.facts, sale.ask
    assert facts.store is not None
    return NewReceipt(
        store_id=facts.store.id,
        terminal_id=facts.terminal_id,
        number=sale.number,
        member_id=facts.member.id if facts.member else None,
        card_id=facts.card.id if facts.card else None,
        cashier=sale.cashier,
        currency=ask.currency,
        gross_minor=quote.gross_minor,
        discount_minor=quote.discount_minor,
        points_paid_minor=quote.payment.money_minor,
        total_minor=quote.total_minor,
        tax_minor=quote.tax_minor,
        tax_added_minor=quote.tax_added_minor,
        content_digest=digest,
        occurred_at=ask.occurred_at,
        business_date=business_date(ask.occurred_at, facts.store.time_zone),
        lines=tuple(_new_line(line) for line in quote.lines),
        tenders=tuple(NewTender(kind=t.kind, amount_minor=t.amount_minor) for t in sale.tenders),
    )


def business_date(moment: datetime, time_zone: str) -> date:
    """The day of the store's own calendar."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def _new_line(priced: PricedLine) -> NewLine:
    line = priced.line
    return NewLine(
        line_no=line.line_no,
        product_id=line.product_id,
        sku=line.sku,
        name=line.name,
        quantity_milli=line.quantity_milli,
        unit_price_minor=line.unit_price_minor,
        gross_minor=line.gross_minor,
        discount_minor=priced.discount_minor,
        net_minor=priced.net_minor,
        points_paid_minor=priced.points_paid_minor,
        cost_minor=line.cost_minor,
        tax_basis_points=line.tax_basis_points,
        tax_minor=priced.tax_minor,
    )


def _post(sale: Sale, priced: Priced, now: datetime, actor: Actor) -> PointsWritten:
    """Move the points: spend first (or take what was held), then earn or promise."""
    wallet, quote, life = priced.facts.wallet, priced.quote, priced.life
    if wallet is None:
        return PointsWritten()
    captured = _capture(sale, priced, actor)
    waits = life.is_pending and life.active_at > now and quote.earned > 0
    posted = post_purchase(
        wallet_id=wallet.id,
        event=event_of(sale, actor),
        earn=0 if waits else quote.earned,
        earn_expires_at=life.expires_at,
        redeem=0 if captured else quote.payment.points,
        pending=(quote.earned, life.active_at, life.expires_at) if waits else None,
    )
    redeem_tx = captured or (posted.tx_id if quote.payment.points else None)
    return _points(posted, redeem_tx)


def _points(posted: Posted, redeem_tx: int | None) -> PointsWritten:
    return PointsWritten(
        posted.tx_id, redeem_tx, posted.pending_id, posted.balance_after, posted.held
    )


def _capture(sale: Sale, priced: Priced, actor: Actor) -> int | None:
    """Take held points; the ledger's transaction of it. What is left of the hold is free again."""
    hold = priced.facts.hold
    if hold is None or not priced.quote.payment.points:
        return None
    captured = capture_hold(
        hold=Hold.objects.get(pk=hold.id),
        amount=priced.quote.payment.points,
        source=source_of(sale),
        source_ref=sale.number,
        effective_at=sale.ask.occurred_at,
        actor=actor,
    )
    return captured.tx_id


def source_of(sale: Sale) -> str:
    return f"store:{sale.ask.store}"


def event_of(sale: Sale, actor: Actor) -> Event:
    return Event(
        op="purchase",
        source=source_of(sale),
        source_ref=sale.number,
        effective_at=sale.ask.occurred_at,
        actor=actor.label,
    )


_WRITE = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS p (
        receipt bigint, wallet bigint, tx bigint, redeem_tx bigint, pending bigint,
        rules_version bigint, earned bigint, redeemed bigint, expires_at timestamptz, terms jsonb,
        decisions jsonb, pins jsonb, coupons jsonb, grants jsonb, carries jsonb, public_id text,
        data jsonb)
), purchase AS (
    INSERT INTO rewards_purchase (receipt_id, wallet_id, tx_id, redeem_tx_id, pending_id,
        rules_version, earned, redeemed, lots_expire_at, terms, decisions, pins,
        coupons)
    SELECT receipt, wallet, tx, redeem_tx, pending, rules_version, earned, redeemed, expires_at,
           terms, decisions, pins, coupons FROM given
), granted AS (
    INSERT INTO rewards_grant (line_id, version_id, base_minor, points, carry_in)
    SELECT g.* FROM given, jsonb_to_recordset(grants) AS g (
        line_id bigint, version_id bigint, base_minor bigint, points bigint, carry_in bigint)
), carry AS (
    INSERT INTO rewards_earncarry AS c (wallet_id, version_id, units)
    SELECT wallet, key::bigint, sum(value::bigint)::bigint
      FROM given, jsonb_each_text(carries) GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (wallet_id, version_id) DO UPDATE SET units = c.units + EXCLUDED.units
)
INSERT INTO kernel_outboxevent (kind, object_type, object_id, data)
SELECT 'transaction.closed', 'purchase', public_id, data FROM given
"""


def write_purchases(rows: Sequence[dict[str, Any]]) -> None:
    """The rewards side of receipts, the pins that returns work from, and the events."""
    with planned_cursor() as cursor:
        cursor.execute(_WRITE, [json_text(rows)])


def purchase_row(
    sale: Sale, priced: Priced, receipt: Recorded, points: PointsWritten
) -> dict[str, Any]:
    quote, wallet = priced.quote, priced.facts.wallet
    return {
        "receipt": receipt.id,
        "wallet": wallet.id if wallet else None,
        "tx": points.tx_id,
        "redeem_tx": points.redeem_tx_id,
        "pending": points.pending_id,
        "rules_version": quote.rules_version,
        "earned": quote.earned,
        "redeemed": quote.payment.points,
        "expires_at": priced.life.expires_at if quote.earned else None,
        "terms": priced.compiled.rules.terms,
        "decisions": quote.decisions,
        "pins": quote.pins,
        "coupons": [public(one) for one in priced.coupons],
        "grants": grants(priced, receipt.lines),
        "carries": quote.carry_deltas,
        "public_id": receipt.public_id,
        "data": {"store": sale.ask.store},
    }


def grants(priced: Priced, line_ids: dict[int, int]) -> list[dict[str, int]]:
    return [
        {
            "line_id": line_ids[grant.line_no],
            "version_id": grant.version_id,
            "base_minor": grant.base_minor,
            "points": grant.points,
            "carry_in": grant.carry_in,
        }
        for grant in priced.quote.grants
    ]


def json_text(value: object) -> str:
    return _encode(value).decode()


def sold_for_awards(sale: Sale, priced: Priced, receipt: Recorded) -> Sold:
    facts = priced.facts
    assert facts.store is not None
    return Sold(
        receipt_id=receipt.id,
        receipt=receipt.public_id,
        store_id=facts.store.id,
        member_id=facts.member.id if facts.member else None,
        at=sale.ask.occurred_at,
        awards=priced.quote.awards,
    )


def view_of_sale(
    sale: Sale,
    priced: Priced,
    receipt: Recorded,
    awards: tuple[AwardView, ...],
    gifts: tuple[GiftPaymentView, ...] = (),
) -> PurchaseView:
    quote, facts, life = priced.quote, priced.facts, priced.life
    new = receipt_of(sale, priced, b"")
    return PurchaseView(
        id=receipt.public_id,
        store=sale.ask.store,
        terminal=sale.ask.terminal,
        number=sale.number,
        state=Receipt.State.CLOSED.value,
        member_id=facts.member.public_id if facts.member else None,
        currency=sale.ask.currency,
        occurred_at=sale.ask.occurred_at,
        recorded_at=receipt.recorded_at,
        business_date=new.business_date,
        gross_minor=new.gross_minor,
        discount_minor=new.discount_minor,
        points_paid_minor=new.points_paid_minor,
        total_minor=new.total_minor,
        tax_minor=new.tax_minor,
        tax_added_minor=new.tax_added_minor,
        earned=quote.earned,
        redeemed=quote.payment.points,
        taken_back=0,
        given_back=0,
        written_off=0,
        expires_at=life.expires_at if quote.earned else None,
        active_at=life.active_at if life.is_pending and quote.earned else None,
        rules_version=quote.rules_version,
        decisions=msgspec.to_builtins(quote.decisions),
        coupons=[public(one) for one in priced.coupons],
        lines=line_views(quote, priced.compiled.rules),
        awards=awards,
        tenders=tuple((tender.kind, tender.amount_minor) for tender in sale.tenders),
        gift_cards=gifts,
    )
