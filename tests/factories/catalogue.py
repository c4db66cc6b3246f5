"""Rewards, causes and services, the smallest true ones: what matters is named by the test."""

from __future__ import annotations

from typing import Any

from loyalty_crm.kernel.actors import SYSTEM
from members.models import Store
from rewards.models import Cause, Programme, Reward, Service, ServiceRule
from rewards.services import catalogue, charity
from tests.factories.members import ProductFactory


def make_reward(
    programme: Programme,
    code: str = "mug",
    *,
    state: str = "live",
    stock: int | dict[Store | None, int] | None = None,
    **terms: Any,
) -> Reward:
    """A mug for 100 points, on offer. ``stock``: pieces for all stores, or by store."""
    kind = terms.setdefault("kind", "product")
    if kind == "product" and "product" not in terms:
        terms["product"] = ProductFactory()
    if stock is not None:
        terms.setdefault("stock_mode", "counted")
    wanted = {"name": code, "price_points": 100, **terms}
    reward = catalogue.save_reward(
        terms=catalogue.RewardTerms(code=code, **wanted), programme=programme, actor=SYSTEM
    )
    rows = stock if isinstance(stock, dict) else {} if stock is None else {None: stock}
    for store, pieces in rows.items():
        catalogue.count_stock(reward=reward, store=store, on_hand=pieces, actor=SYSTEM)
    if state != "draft":
        reward = catalogue.set_reward_state(reward=reward, state=state, actor=SYSTEM)
    return reward


def make_cause(programme: Programme, code: str = "trees", **terms: Any) -> Cause:
    wanted = charity.CauseTerms(code=code, name=terms.pop("name", code.capitalize()), **terms)
    return charity.save_cause(terms=wanted, programme=programme, actor=SYSTEM)


def make_service(programme: Programme, code: str = "alteration", **rule: Any) -> Service:
    """A service; with ``count`` also a rule for everybody, or from ``tier`` on."""
    service = Service.objects.create(programme=programme, code=code, name=code.capitalize())
    if rule:
        ServiceRule.objects.create(service=service, **rule)
    return service
