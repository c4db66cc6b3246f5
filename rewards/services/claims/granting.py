"""What the sale would have given, given now: by the rules and terms of its own moment.

The receipt is priced again as one that is printed already: its prices stand, and what it
gave without a member (discounts, gifts, pledges) is not given a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from members.models import Member, Receipt, ReceiptLine
from rewards.models import Purchase
from rewards.rules.answers import Quote
from rewards.rules.rule_set import RuleSet
from rewards.rules.terms import Terms
from rewards.services.awards import Sold, give_awards
from rewards.services.checkout.asks import Ask, AskedLine, MemberKey
from rewards.services.checkout.committing import grants
from rewards.services.checkout.facts import read_facts
from rewards.services.checkout.limiting import count, settle
from rewards.services.checkout.pricing import Priced, price
from rewards.services.checkout.quoting import carries_of, with_wallet
from rewards.services.ledger import Event, Posted, post_purchase
from rewards.services.rule_sets import Compiled, current

_WRITE = """
WITH receipt AS (
    UPDATE members_receipt SET member_id = %(member)s
     WHERE id = %(receipt)s AND member_id IS NULL AND state = 'closed'
    RETURNING id
), purchase AS (
    UPDATE rewards_purchase SET wallet_id = %(wallet)s, tx_id = %(tx)s, pending_id = %(pending)s,
           earned = %(earned)s, lots_expire_at = %(expires_at)s,
           decisions = %(decisions)s::jsonb, pins = pins || %(pins)s::jsonb
      FROM receipt WHERE receipt_id = receipt.id
    RETURNING receipt_id
), granted AS (
    INSERT INTO rewards_grant (line_id, version_id, base_minor, points, carry_in)
    SELECT g.* FROM purchase, jsonb_to_recordset(%(grants)s::jsonb) AS g (
        line_id bigint, version_id bigint, base_minor bigint, points bigint, carry_in bigint)
), carry AS (
    INSERT INTO rewards_earncarry AS c (wallet_id, version_id, units)
    SELECT %(wallet)s, key::bigint, value::bigint
      FROM purchase, jsonb_each_text(%(carries)s::jsonb) ORDER BY 2
    ON CONFLICT (wallet_id, version_id) DO UPDATE SET units = c.units + EXCLUDED.units
)
SELECT count(*) FROM purchase
"""
_encode = msgspec.json.Encoder().encode


def grant(*, receipt: Receipt, member: Member, actor: Actor) -> int:
    """Give the member what the sale would have given; the points of it.

    Belongs inside a transaction that holds the receipt. Locks the wallet, then
    counters, as a sale does. The conditional update of the receipt is the last fence.
    """
    purchase = Purchase.objects.get(pk=receipt.pk)
    lines = list(receipt.lines.order_by("line_no"))
    compiled = _of_then(purchase, current())
    priced = _without(purchase, _priced(_ask(receipt, lines, member), compiled, actor))
    posted = _post(receipt, priced, actor)
    _write(receipt, purchase, member, lines, priced, posted)
    count([(priced, receipt.pk)])
    sold = Sold(
        receipt_id=receipt.pk,
        receipt=receipt.public_id,
        store_id=receipt.store_id,
        member_id=member.pk,
        at=receipt.occurred_at,
        awards=priced.quote.awards,
    )
    give_awards([sold], actor=actor)
    return priced.quote.earned


def _of_then(purchase: Purchase, compiled: Compiled) -> Compiled:
    """Versions carry their own times; the terms are those that the sale was pinned with."""
    if not purchase.terms:
        return compiled
    rules = compiled.rules
    terms = msgspec.convert(purchase.terms, Terms)
    then = RuleSet(rules.rules, terms, rules.version, rules.groups.values())
    return Compiled(
        stamp=compiled.stamp,
        programme=compiled.programme,
        rules=then,
        lifetime=compiled.lifetime,
        categories=compiled.categories,
    )


def _ask(receipt: Receipt, lines: Sequence[ReceiptLine], member: Member) -> Ask:
    return Ask(
        store=receipt.store.code,
        currency=receipt.currency,
        occurred_at=receipt.occurred_at,
        terminal=receipt.terminal.code if receipt.terminal else "",
        member=MemberKey(id=member.public_id),
        offline=True,
        pay_by=tuple(sorted(set(receipt.tenders.values_list("kind", flat=True)))),
        lines=tuple(_asked(line) for line in lines),
    )


def _asked(line: ReceiptLine) -> AskedLine:
    return AskedLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        quantity_milli=line.quantity_milli,
        unit_price_minor=line.unit_price_minor,
        gross_minor=line.gross_minor,
        discount_minor=line.discount_minor,
    )


def _priced(ask: Ask, compiled: Compiled, actor: Actor) -> Priced:
    facts = with_wallet(read_facts(ask, compiled, lock=True), compiled)
    carries = carries_of(facts, compiled)
    return settle(
        price(ask, facts, compiled, carries=carries),
        lambda fresh: price(ask, fresh, compiled, carries=carries),
    )


def _without(purchase: Purchase, priced: Priced) -> Priced:
    """Leave out what the sale gave already: its effects are pinned, its uses counted."""
    given = {(pin["version_id"], pin["effect"]) for pin in purchase.pins}
    versions = {version for version, _ in given}
    quote = priced.quote
    left: Quote = msgspec.structs.replace(
        quote,
        pins=tuple(one for one in quote.pins if (one.version_id, one.effect) not in given),
        awards=tuple(one for one in quote.awards if (one.version_id, one.effect) not in given),
        uses=tuple(one for one in quote.uses if one.version_id not in versions),
    )
    return msgspec.structs.replace(priced, quote=left)


def _post(receipt: Receipt, priced: Priced, actor: Actor) -> Posted:
    """The entry of the sale itself: by its number it can be written once, for ever."""
    quote, life, wallet = priced.quote, priced.life, priced.facts.wallet
    assert wallet is not None
    waits = life.is_pending and life.active_at > clock.now() and quote.earned > 0
    return post_purchase(
        wallet_id=wallet.id,
        event=Event(
            "purchase",
            f"store:{receipt.store.code}",
            receipt.number,
            receipt.occurred_at,
            actor.label,
        ),
        earn=0 if waits else quote.earned,
        earn_expires_at=life.expires_at,
        redeem=0,
        pending=(quote.earned, life.active_at, life.expires_at) if waits else None,
    )


def _write(
    receipt: Receipt,
    purchase: Purchase,
    member: Member,
    lines: Sequence[ReceiptLine],
    priced: Priced,
    posted: Posted,
) -> None:
    quote, wallet = priced.quote, priced.facts.wallet
    assert wallet is not None
    values: dict[str, Any] = {
        "receipt": receipt.pk,
        "member": member.pk,
        "wallet": wallet.id,
        "tx": posted.tx_id,
        "pending": posted.pending_id,
        "earned": quote.earned,
        "expires_at": priced.life.expires_at if quote.earned else None,
        "decisions": _text(_decisions(purchase, quote)),
        "pins": _text(quote.pins),
        "grants": _text(grants(priced, {line.line_no: line.pk for line in lines})),
        "carries": _text(quote.carry_deltas),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        if cursor.fetchone()[0] != 1:
            raise RuntimeError(f"receipt {receipt.pk} changed under our lock")


def _decisions(purchase: Purchase, quote: Quote) -> list[Any]:
    """What the sale had given stays said; of everything else the newer word counts."""
    kept = [one for one in purchase.decisions if one["outcome"] == "applied"]
    said = {(one["promotion"], one["effect"]) for one in kept}
    newer = [one for one in quote.decisions if (one.promotion, one.effect) not in said]
    return [*kept, *newer]


def _text(value: object) -> str:
    return _encode(value).decode()
