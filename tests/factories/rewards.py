"""The smallest true objects of the rewards app. Points come through the ledger, as in life."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import factory
from django.db import transaction

from rewards.models import Programme, Wallet
from rewards.rules.expiry import NEVER
from rewards.services.ledger import Earn, Event, post_many, wallet_for
from tests.factories.members import MemberFactory

LONG_AGO = datetime(2024, 1, 1, 12, tzinfo=UTC)
_numbers = count(1)


class ProgrammeFactory(factory.django.DjangoModelFactory[Programme]):
    class Meta:
        model = Programme

    code = factory.Sequence("programme-{}".format)
    name = factory.Sequence("Programme {}".format)


def event(op: str = "purchase", ref: str = "", **fields: Any) -> Event:
    """A business event that has never happened before, unless ``ref`` says so."""
    known = {"source": "test", "effective_at": LONG_AGO, "actor": "system:test"}
    return Event(op=op, source_ref=ref or f"ref-{next(_numbers)}", **{**known, **fields})


def earn_points(wallet: Wallet, points: int, expires_at: datetime = NEVER, **fields: Any) -> int:
    """Points on the wallet by an earn entry; the id of its transaction."""
    with transaction.atomic():
        row = Earn(wallet.pk, event(**fields), points, expires_at)
        (tx_id,) = post_many([row], announce=False).tx_ids
    assert tx_id is not None
    return tx_id


class WalletFactory(factory.Factory):
    """A wallet with ``points`` that never expire, or with ``lots`` of {expiry: points}."""

    class Meta:
        model = Wallet

    member = factory.SubFactory(MemberFactory)
    programme = factory.SubFactory(ProgrammeFactory)
    points = 0
    lots: Any = None

    @classmethod
    def _create(cls, model_class: type[Wallet], *args: Any, **kwargs: Any) -> Wallet:
        wallet = wallet_for(kwargs["member"].pk, kwargs["programme"])
        lots = kwargs["lots"] or ({NEVER: kwargs["points"]} if kwargs["points"] else {})
        for expires_at, points in lots.items():
            earn_points(wallet, points, expires_at)
        wallet.refresh_from_db()
        return wallet
