"""Spending from a wallet with a long history: as flat as from a new one."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta

from django.db import transaction

from bench.measure import Row, interleaved, milli, seconds
from bench.shop import shop
from members.models import Member
from rewards.models import Wallet
from rewards.services.ledger import Earn, Event, lock_wallet, post_many, post_purchase, wallet_for
from rewards.services.programmes import default_programme

START = datetime(2025, 1, 1, tzinfo=UTC)
BATCH = 500


def run(short: bool) -> list[Row]:
    shop()
    sizes = (1, 10_000) if short else (1, 10_000, 100_000)
    wallets = {size: wallet_of(size) for size in sizes}
    found = interleaved(
        {str(size): lambda size=size: spend_some(wallets[size]) for size in sizes},
        5 if short else 9,
    )
    base = found["1"]
    return [
        Row(
            f"redeem, wallet with {size:,} entries",
            f"new wallet {milli(base)}",
            milli(found[str(size)]),
            found[str(size)] / base,
            "≤ 1.5",
            "≤ 1.2",
        )
        for size in sizes[1:]
    ]


def wallet_of(entries: int) -> Wallet:
    """Made once and kept: the member's name says what it is for."""
    name = f"Wallet of {entries}"
    member = Member.objects.filter(name=name).first() or Member.objects.create(
        name=name, source="bench wallet", enrolled_at=START
    )
    wallet = wallet_for(member.pk, default_programme())
    while wallet.last_seq < entries:
        count = min(BATCH, entries - wallet.last_seq)
        with transaction.atomic():
            post_many([earn(wallet, wallet.last_seq + at) for at in range(count)], announce=False)
        wallet.refresh_from_db()
    return wallet


def earn(wallet: Wallet, at: int) -> Earn:
    """A day's worth of points each: as many lots as a member has who shops every day for a year."""
    moment = START + timedelta(minutes=at)
    event = Event("purchase", "bench", f"{wallet.pk}-{at}", moment, "system:bench")
    return Earn(wallet.pk, event, 1000, START + timedelta(days=3650 + at % 365))


def spend_some(wallet: Wallet) -> float:
    times = 20
    return seconds(lambda: list(map(spend, itertools.repeat(wallet, times)))) / times


def spend(wallet: Wallet) -> None:
    with transaction.atomic():
        lock_wallet(wallet.pk)
        event = Event("redeem", "bench", uuid.uuid4().hex, datetime.now(UTC), "system:bench")
        post_purchase(wallet_id=wallet.pk, event=event, earn=0, earn_expires_at=None, redeem=1)
