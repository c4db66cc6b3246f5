"""The last days of the demo shop: sales paid with points, returns, holds, corrections.

Everything goes through the services that tills and staff use. Each deed has a
reference of its own, so a second run finds it done.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from members.models import Product, Receipt
from rewards.models import LedgerTx, Wallet
from rewards.services import rule_sets
from rewards.services.checkout.asks import (
    Ask,
    AskedLine,
    AskedReturn,
    MemberKey,
    RefundAsk,
    Sale,
)
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.refunding import refund_purchase
from rewards.services.demo.shop import STORES
from rewards.services.ledger import adjust, place_hold
from rewards.services.rule_sets import Compiled
from rewards.services.wallets import freeze_wallet

SALES = 40
OTHERS = 12  # members whose accounts are corrected, held, looked into
SPACING = timedelta(minutes=95)
ADJUSTMENTS = (
    (300, "Apology: the delivery came a day late"),
    (150, "Birthday gift handed out by hand"),
    (-40, "Points of a receipt that was entered twice"),
    (500, "Winner of the store's raffle"),
)
HOLDS = (120, 300, 75)
HELD_FOR = timedelta(days=2)


def tell(now: datetime, actor: Actor) -> None:
    """Write the last days. Does nothing when there are no members with points yet."""
    wallets = list(
        Wallet.objects.filter(status="active", posted__gt=400, member__isnull=False)
        .select_related("member__home_store")
        .order_by("member__enrolled_at", "pk")[: SALES + OTHERS]
    )
    goods = popular_goods()
    if len(wallets) < SALES + OTHERS or not goods:
        return
    compiled = rule_sets.current()
    for number in range(SALES):
        sell(number, wallets[number], goods, now, compiled, actor)
    take_back(now, compiled, actor)
    correct(wallets[SALES:], actor)


def popular_goods() -> list[Product]:
    """Products that sell by the piece and may be paid with points, in a fixed order."""
    able = Product.objects.filter(
        price_minor__range=(99, 1500), excluded_from_redemption=False, is_active=True
    )
    return list(able.order_by("sku")[:400])


def sell(
    number: int,
    wallet: Wallet,
    goods: Sequence[Product],
    now: datetime,
    compiled: Compiled,
    actor: Actor,
) -> None:
    member = wallet.member
    assert member is not None
    chance = random.Random(f"demo sale {number}")  # noqa: S311 (a likeness, no secret)
    store = member.home_store.code if member.home_store else next(iter(STORES))
    reference = f"D-{number + 1:05}"
    if Receipt.objects.filter(store__code=store, number=reference).exists():
        return
    lines = tuple(line(no, bought) for no, bought in picked(goods, chance))
    total = sum(one.gross_minor for one in lines)
    anonymous = number % 10 == 9
    ask = Ask(
        store=store,
        terminal=f"T{number % 3 + 1}" if store in STORES else "",
        currency=compiled.programme.currency,
        lines=lines,
        occurred_at=now - (SALES - number) * SPACING,
        member=None if anonymous else MemberKey(id=member.public_id),
        redeem_points=0 if anonymous or number % 3 else min(wallet.available, total * 3 // 10),
    )
    with transaction.atomic():
        sale = Sale(ask=ask, number=reference, cashier="cashier")
        commit_purchase(sale=sale, compiled=compiled, now=now, actor=actor)


def picked(
    goods: Sequence[Product], chance: random.Random
) -> list[tuple[int, tuple[Product, int]]]:
    chosen = chance.sample(goods, chance.randint(2, 7))
    return [(no, (product, chance.randint(1, 3))) for no, product in enumerate(chosen, start=1)]


def line(line_no: int, bought: tuple[Product, int]) -> AskedLine:
    product, pieces = bought
    price = product.price_minor or 0
    return AskedLine(
        line_no=line_no,
        sku=product.sku,
        name=product.name,
        quantity_milli=pieces * 1000,
        unit_price_minor=price,
        gross_minor=price * pieces,
    )


def take_back(now: datetime, compiled: Compiled, actor: Actor) -> None:
    """Every fifth sale comes back in part, every twelfth as a whole."""
    sold = Receipt.objects.filter(number__startswith="D-", refunds=None).select_related("store")
    for receipt in sold.order_by("number"):
        number = int(receipt.number[2:])
        if number % 5 and number % 12:
            continue
        first = () if number % 12 == 0 else (AskedReturn(line_no=1, quantity_milli=1000),)
        ask = RefundAsk(
            store=receipt.store.code,
            number=f"R-{number:05}",
            occurred_at=min(now, receipt.occurred_at + timedelta(hours=20)),
            lines=first,
            reason="The customer changed their mind",
            cashier="manager",
        )
        with transaction.atomic():
            refund_purchase(
                public_id=receipt.public_id,
                ask=ask,
                programme=compiled.programme,
                now=now,
                actor=actor,
            )


@transaction.atomic
def correct(wallets: Sequence[Wallet], actor: Actor) -> None:
    """Adjustments with their reasons, points set aside for payments, one account under review.

    Done once: which accounts come first changes with every sale.
    """
    if LedgerTx.objects.filter(op="adjust", source_ref=f"demo-{len(ADJUSTMENTS) - 1}").exists():
        return
    for number, (points, reason) in enumerate(ADJUSTMENTS):
        adjust(
            wallet=wallets[number], points=points, reason=reason,
            reference=f"demo-{number}", actor=actor,
        )  # fmt: skip
    for number, amount in enumerate(HOLDS):
        place_hold(
            wallet=wallets[5 + number], amount=amount, ttl=HELD_FOR,
            source="demo", source_ref=f"hold-{number}", actor=actor,
        )  # fmt: skip
    freeze_wallet(wallet=wallets[9], reason="Under review: many receipts on one day", actor=actor)
