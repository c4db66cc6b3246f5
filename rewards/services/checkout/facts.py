"""Everything a sale needs to know, by one statement, whatever the basket's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings
from django.db import connection

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.database import planned_cursor
from loyalty_crm.kernel.errors import NotFound
from members.rules.cards import clean_number
from members.rules.identities import normal_phone
from members.services.card_codes import shown_number
from rewards.errors import CardBlocked, MemberUnknown, TerminalUnknown
from rewards.rules.basket import Basket, BasketLine, MemberFacts
from rewards.rules.coupons import ShownCoupon
from rewards.services.checkout.asks import Ask, AskedLine, MemberKey
from rewards.services.checkout.buyers import PAST, Past, asked_of_past, member_facts
from rewards.services.checkout.coupons import holding
from rewards.services.checkout.guessing import may_hear_why, note_wrong
from rewards.services.checkout.inputs import (
    AROUND,
    OF_PRODUCT,
    STANDING,
    Around,
    Standing,
    asked_of_inputs,
)
from rewards.services.checkout.limit_facts import LIMITS, CountedFacts
from rewards.services.coupons.reading import COUPONS
from rewards.services.gift_cards.paying import GiftHold
from rewards.services.ledger.opening import unit_of
from rewards.services.rule_sets import Compiled

# A replaced card leads to its successor, a merged wallet to the one that took it over. The
# member's row is found through whatever was shown. {lock} is FOR NO KEY UPDATE when the wallet
# will move: then its balance is the newest one, whatever this statement's snapshot is.
_FACTS = """
WITH RECURSIVE chain AS (
    SELECT id, number, member_id, status, replaced_by_id, 0 AS depth
      FROM members_card WHERE number = {card}
    UNION ALL
    SELECT c.id, c.number, c.member_id, c.status, c.replaced_by_id, chain.depth + 1
      FROM chain JOIN members_card c ON c.id = chain.replaced_by_id
     WHERE chain.status = 'replaced' AND chain.depth < 50
), card AS (
    SELECT id, member_id, status FROM chain ORDER BY depth DESC LIMIT 1
), member AS (
    SELECT id, public_id, status, birth_date, enrolled_at FROM members_member WHERE id = coalesce(
        (SELECT member_id FROM card),
        (SELECT id FROM members_member WHERE public_id = {member}::uuid),
        (SELECT member_id FROM members_identity
          WHERE kind = 'phone' AND system = '' AND value = {phone}))
), owned AS (
    SELECT id, merged_into_id, status FROM rewards_wallet
     WHERE member_id = (SELECT id FROM member) AND unit = {unit}
     ORDER BY status = 'merged', id DESC LIMIT 1
), survivors AS (
    SELECT id, merged_into_id FROM owned
    UNION ALL
    SELECT w.id, w.merged_into_id FROM survivors s JOIN rewards_wallet w ON w.id = s.merged_into_id
), wallet AS (
    SELECT id, public_id, status, posted, held FROM rewards_wallet
     WHERE id = (SELECT id FROM survivors WHERE merged_into_id IS NULL) {lock}
), store AS (
    SELECT id, code, time_zone FROM members_store WHERE code = {store} AND is_active
)
SELECT json_build_object(
    'store', (SELECT row_to_json(store) FROM store),
    'terminal_id', (SELECT t.id FROM members_terminal t JOIN store ON store.id = t.store_id
                     WHERE t.code = {terminal}),
    'card', (SELECT json_build_object('id', id, 'status', status) FROM card),
    'member', (SELECT row_to_json(member) FROM member),
    'past', json_build_object({past}),
    'standing', json_build_object({standing}),
    'around', json_build_object({around}),
    'counted', json_build_object({limits}),
    'wallet', (SELECT row_to_json(wallet) FROM wallet),
    'receipt', (SELECT json_build_object('id', r.id, 'digest', encode(r.content_digest, 'hex'))
                  FROM members_receipt r JOIN store ON store.id = r.store_id
                 WHERE r.number = {number}),
    'hold', (SELECT json_build_object('id', h.id, 'amount', h.amount, 'wallet_id', h.wallet_id)
               FROM rewards_hold h WHERE h.public_id = {hold}::uuid
                AND NOT EXISTS (SELECT FROM rewards_holdresolution WHERE hold_id = h.id)),
    'gift_holds', (SELECT json_agg(json_build_object('id', h.id, 'wallet_id', h.wallet_id,
                                                     'amount', h.amount, 'owner', t.actor))
                     FROM rewards_ledgertx t JOIN rewards_hold h ON h.tx_id = t.id
                    WHERE t.source = 'gift-quote:' || {hold}::uuid::text AND t.op = 'hold'
                      AND NOT EXISTS (SELECT FROM rewards_holdresolution WHERE hold_id = h.id)),
    'coupons', {of_coupons},
    'products', (SELECT json_object_agg(p.sku, json_build_object(
                     'id', p.id, 'name', p.name, 'category_id', p.category_id, 'brand', b.code,
                     'cost_minor', p.cost_minor, 'no_earning', p.excluded_from_earning,
                     'no_redemption', p.excluded_from_redemption,
                     'tax', p.tax_basis_points, {of_product}))
                   FROM members_product p LEFT JOIN members_brand b ON b.id = p.brand_id
                  WHERE p.sku = ANY({skus}))
)::text
"""
_NAMES = (
    "card", "member", "phone", "store", "terminal", "number", "hold", "skus", "at", "coupons",
)  # fmt: skip
_OF_ONE = {"unit": "%(unit)s", **{name: f"%({name})s" for name in _NAMES}}
_OF_MANY = {"unit": "%(unit)s", **{name: f"ask.asked_{name}" for name in _NAMES}}
_OF_ONE["at"] += "::timestamptz"


def _statement(names: Mapping[str, str], lock: str = "") -> str:
    """The facts of one sale, whose keys stand in the statement under these names."""
    return _FACTS.format(
        lock=lock,
        past=PAST.format(**names),
        standing=STANDING.format(**names),
        around=AROUND,
        limits=LIMITS.format(**names),
        of_product=OF_PRODUCT,
        of_coupons=COUPONS.format(member_id="(SELECT id FROM member)", **names),
        **names,
    )


_LOCKED = _statement(_OF_ONE, "FOR NO KEY UPDATE")
_READ = _statement(_OF_ONE)
_READ_MANY = """
SELECT ({facts}) FROM jsonb_to_recordset(%(asks)s::jsonb) AS ask (
    no int, asked_card text, asked_member uuid, asked_phone text, asked_store text,
    asked_terminal text, asked_number text, asked_hold uuid, asked_skus text[],
    asked_at timestamptz, asked_coupons text[])
ORDER BY ask.no
""".replace("{facts}", _statement(_OF_MANY))
_CARRIES = "SELECT version_id, units FROM rewards_earncarry WHERE wallet_id = %s"


class StoreFacts(msgspec.Struct, frozen=True):
    id: int
    code: str
    time_zone: str


class CardFacts(msgspec.Struct, frozen=True):
    id: int
    status: str


class WhoFacts(msgspec.Struct, frozen=True):
    id: int
    public_id: UUID
    status: str
    birth_date: date | None
    enrolled_at: datetime


class WalletFacts(msgspec.Struct, frozen=True):
    id: int
    public_id: UUID
    status: str
    posted: int
    held: int

    @property
    def available(self) -> int:
        return max(self.posted - self.held, 0)


class KnownReceipt(msgspec.Struct, frozen=True):
    id: int
    digest: str


class HoldFacts(msgspec.Struct, frozen=True):
    """A hold that is still open."""

    id: int
    amount: int
    wallet_id: int


class ProductFacts(msgspec.Struct, frozen=True):
    id: int
    name: str
    category_id: int | None
    brand: str | None
    cost_minor: int | None
    no_earning: bool
    no_redemption: bool
    tax: int | None = None
    attributes: Mapping[str, str] | None = None
    lists: tuple[str, ...] | None = None
    prices: Mapping[str, int] | None = None


class Facts(msgspec.Struct, frozen=True):
    """What stands behind the words of a request. Unknown products are simply missing."""

    store: StoreFacts | None
    terminal_id: int | None
    card: CardFacts | None
    member: WhoFacts | None
    wallet: WalletFacts | None
    receipt: KnownReceipt | None
    hold: HoldFacts | None
    products: dict[str, ProductFacts] | None
    gift_holds: list[GiftHold] | None = None
    coupons: list[ShownCoupon] | None = None
    past: Past = Past()
    standing: Standing = Standing()
    around: Around = Around()
    counted: CountedFacts = CountedFacts()


_decoder = msgspec.json.Decoder(Facts)


def read_facts(
    ask: Ask,
    compiled: Compiled,
    *,
    lock: bool = False,
    number: str | None = None,
    hold_id: UUID | None = None,
    actor: Actor | None = None,
) -> Facts:
    """One query; with ``lock`` it holds the wallet until the transaction ends.

    What is wrong with a card is told to an ``actor`` who may know; nobody means ourselves.
    """
    values = {**_of_programme(compiled), **_keys(ask, number, hold_id)}
    with planned_cursor() as cursor:
        cursor.execute(_LOCKED if lock else _READ, values)
        facts = _decoder.decode(cursor.fetchone()[0])
    refuse_unknown(ask, facts, actor)
    return facts


def read_facts_of_many(asks: Sequence[tuple[Ask, str]], compiled: Compiled) -> list[Facts]:
    """The same for a batch of baskets with their receipt numbers. Locks and refuses nothing."""
    keys = [
        {"no": no, **{f"asked_{name}": key for name, key in _keys(ask, number, None).items()}}
        for no, (ask, number) in enumerate(asks)
    ]
    values = {**_of_programme(compiled), "asks": msgspec.json.encode(keys).decode()}
    with connection.cursor() as cursor:
        cursor.execute(_READ_MANY, values)
        return [_decoder.decode(row[0]) for row in cursor.fetchall()]


def _of_programme(compiled: Compiled) -> dict[str, Any]:
    needs = compiled.rules.needs
    return {
        "unit": unit_of(compiled.programme),
        **asked_of_past(needs, compiled.categories),
        **asked_of_inputs(needs),
        "limited": list(compiled.rules.limited),
    }


def _keys(ask: Ask, number: str | None, hold_id: UUID | None) -> dict[str, Any]:
    """By what the facts of a sale are found."""
    key = ask.member or MemberKey()
    return {
        "card": clean_number(shown_number(key.card)) if key.card else None,
        "member": key.id,
        "phone": normal_phone(key.phone, settings.PHONE_REGION) if key.phone else None,
        "store": ask.store,
        "terminal": ask.terminal,
        "number": number,
        "hold": hold_id,
        "skus": list({line.sku for line in ask.lines}),
        "at": ask.occurred_at,
        "coupons": list(ask.coupons),
    }


def refuse_unknown(ask: Ask, facts: Facts, actor: Actor | None = None) -> None:
    """One answer for a card that never was, is blocked or is closed, unless the actor may know."""
    if facts.store is None:
        raise NotFound(pointer="/store")
    if ask.terminal and facts.terminal_id is None:
        raise TerminalUnknown(pointer="/terminal")
    if ask.member is None:
        return
    is_blocked = facts.card is not None and facts.card.status in ("blocked", "closed")
    if facts.card and is_blocked and may_hear_why(actor):
        raise CardBlocked(pointer="/member/card", status=facts.card.status)
    if is_blocked or facts.member is None or facts.member.status == "closed":
        note_wrong()
        raise MemberUnknown(pointer="/member")


def read_carries(wallet_id: int) -> dict[int, int]:
    """Remainders owed to a wallet; read after it is locked, so nobody else moves them."""
    with connection.cursor() as cursor:
        cursor.execute(_CARRIES, [wallet_id])
        return dict(cursor.fetchall())


def bar_to_pay(facts: Facts) -> str:
    """Why points cannot pay here, or an empty text."""
    if facts.member is None:
        return "no_member"
    if facts.card and facts.card.status != "active":
        return "card_not_active"
    if facts.member.status != "active":
        return "member_not_active"
    if facts.wallet and facts.wallet.status != "active":
        return f"wallet_{facts.wallet.status}"
    return ""


def basket_of(ask: Ask, facts: Facts, compiled: Compiled) -> Basket:
    """The basket as the rules see it, in the store's own time."""
    assert facts.store is not None
    products = facts.products or {}
    zone = ZoneInfo(facts.store.time_zone)
    return Basket(
        store=ask.store,
        at=ask.occurred_at.astimezone(zone),
        channel=ask.channel,
        member=_buyer(facts, zone),
        final_prices=ask.offline,
        store_groups=facts.around.groups or frozenset(),
        stock=facts.around.stock or {},
        tenders=frozenset(ask.pay_by),
        gifts=ask.gifts,
        coupons=frozenset(holding(ask, facts.coupons or (), facts.member is not None)),
        lines=tuple(_line(line, products.get(line.sku), compiled) for line in ask.lines),
    )


def _buyer(facts: Facts, zone: ZoneInfo) -> MemberFacts | None:
    if (who := facts.member) is None:
        return None
    known = member_facts(who.public_id, who.birth_date, who.enrolled_at, facts.past, zone)
    standing = facts.standing
    return msgspec.structs.replace(
        known,
        tags=standing.tags or frozenset(),
        segments=standing.segments or frozenset(),
        tier=standing.tier,
    )


def _line(asked: AskedLine, product: ProductFacts | None, compiled: Compiled) -> BasketLine:
    """A line of an article that the catalogue does not know is sold all the same."""
    line = BasketLine(
        line_no=asked.line_no,
        sku=asked.sku,
        name=asked.name,
        quantity_milli=asked.quantity_milli,
        unit_price_minor=asked.unit_price_minor,
        gross_minor=asked.gross_minor,
        manual_discount_minor=asked.discount_minor,
    )
    if product is None:
        standard = compiled.programme.tax_basis_points
        return msgspec.structs.replace(line, tax_basis_points=standard) if standard else line
    return msgspec.structs.replace(
        line,
        product_id=product.id,
        name=asked.name or product.name,
        categories=compiled.categories.get(product.category_id or 0, ()),
        brand=product.brand or "",
        cost_minor=product.cost_minor,
        excluded_from_earning=product.no_earning,
        excluded_from_redemption=product.no_redemption,
        attributes=product.attributes or {},
        lists=product.lists or (),
        prices=product.prices or {},
        tax_basis_points=rate_of(product, compiled),
    )


def rate_of(product: ProductFacts, compiled: Compiled) -> int:
    """The product's own rate of tax, else the programme's standard one."""
    return compiled.programme.tax_basis_points if product.tax is None else product.tax
