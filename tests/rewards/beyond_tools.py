"""What the tests beyond purchases share: a programme, members, kinds of actions."""

from __future__ import annotations

import itertools
from typing import Any

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Member
from rewards.models import EventKind, Wallet
from rewards.rules.bonuses import Reward
from rewards.services import events
from rewards.services.programmes import default_programme

refs = itertools.count(1)
POINTS_50 = Reward(kind="points", amount=50)


def kind_of(code: str = "review", reward: Reward = POINTS_50, **settings: Any) -> EventKind:
    return events.save_kind(
        programme=default_programme(),
        code=code,
        reward=reward,
        actor=SYSTEM,
        **{"name": code.title(), **settings},
    )


def balance(member: Member) -> int:
    wallet = Wallet.objects.filter(member=member, unit="PTS:main").exclude(status="merged").first()
    return wallet.posted if wallet else 0


class Caller:
    """An integrator that names a new key with each call unless it is given one."""

    def __init__(self, integrator: Any) -> None:
        self.integrator = integrator

    def post(self, path: str, status: int = 200, key: str | None = None, **body: Any) -> Any:
        sent = self.integrator.post(f"/api/v1/{path}", body, key=key or f"beyond-{next(refs)}")
        assert sent.status_code == status, sent.content
        return sent.json()

    def get(self, path: str, status: int = 200) -> Any:
        found = self.integrator.get(f"/api/v1/{path}")
        assert found.status_code == status, found.content
        return found.json()
