"""A small shop in which the addresses of the API lead somewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Card, Household
from rewards.models import (
    ActionEvent,
    AdjustmentRequest,
    Leaderboard,
    PointsTransfer,
    Redemption,
    Referral,
    Reward,
    Wallet,
)
from rewards.services import adjustments, draws, pools
from rewards.services.challenges.writing import save_leaderboard
from tests.factories.members import CardFactory, MemberFactory, ProductFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.house.beyond_rows import fill_catalogue, go_beyond_purchases
from tests.rewards.game_tools import give_tickets, make_draw
from tests.rewards.till_client import Till, line, purchase, usd

#: Collections that take more than one call to fill; their own tests read them.
EMPTY = {"backtests", "retro-batches", "partner/settlements"}
OFFER = {"effects": [{"kind": "percent_off", "basis_points": 1000}], "coupon": {"required": True}}


def build(token: str) -> dict[str, str]:
    """One object in each collection, made by the key that will ask.

    First segment of the address → what stands behind it.
    """
    make_programme()
    till, shop = Till(token=token), StoreFactory(code="S1")
    card = CardFactory(member=MemberFactory(phone="+79990000001"))
    sold = done(till.post("purchases", purchase(shop, "R-1", line("tea", 500_00), card=card)))
    offer = done(till.post("promotions", {"code": "half", "name": "Half"}))["id"]
    done(till.post(f"promotions/{offer}/versions", {"definition": OFFER}))
    done(till.post(f"promotions/{offer}/versions/1/publish", {}))
    return {
        **lists(till),
        "members": str(card.member.public_id),
        "wallets": str(Wallet.objects.get().public_id),
        "purchases": sold["id"],
        "promotions": offer,
        "errors": "not_found",
        "holds": reserved(till, card),
        **played(till, card),
        **drawn(till, card),
        **others(till),
        **beyond(card),
    }


def beyond(card: Card) -> dict[str, str]:
    """One of each thing that members get and give besides buying."""
    programme, now = make_programme(), clock.now()
    said = {"programme": programme, "actor": SYSTEM}
    pools.open_pool(member=card.member, share_percent=5, agrees=True, now=now, **said)
    fill_catalogue(programme)
    go_beyond_purchases(programme)
    board = Leaderboard(programme=programme, code="most", name="Most")
    save_leaderboard(board=board, actor=SYSTEM)
    adjustments.save_terms(programme=programme, alone_up_to=1, actor=SYSTEM)
    wallet = Wallet.objects.filter(kind="points").order_by("pk").first()
    assert wallet is not None
    asked = {"points": 5, "reason": "x", "reference": "r", "actor": SYSTEM}
    adjustments.adjust_or_ask(wallet=wallet, **asked)
    named = {
        "rewards": Reward, "redemptions": Redemption, "events": ActionEvent,
        "transfers": PointsTransfer, "households": Household, "referrals": Referral,
        "leaderboards": Leaderboard, "adjustment-requests": AdjustmentRequest,
    }  # fmt: skip
    return {
        name: str(model.objects.order_by("pk").first().public_id) for name, model in named.items()
    }


def lists(till: Till) -> dict[str, str]:
    """Lists that are filled by PUT."""
    ProductFactory(sku="tea")
    put(till, "price-lists/club", {"name": "Club"})
    put(till, "price-lists/club/prices", {"items": [{"sku": "tea", "price_minor": 90}]})
    put(till, "product-lists/summer", {"name": "Summer"})
    put(till, "product-lists/summer/products", {"items": [{"sku": "tea", "listed": True}]})
    return {"price-lists": "club", "product-lists": "summer"}


def others(till: Till) -> dict[str, str]:
    group = done(till.post("promotion-groups", {"code": "sale", "name": "Sale", "mode": "all"}))
    ordered = {"promotion": "half", "kind": "unique", "name": "leaflet", "count": 5}
    batch = done(till.post("coupon-batches", ordered))
    gift = done(till.post("gift-cards", {"with_pin": False}))["data"][0]["id"]
    bought = {"amount": usd(50_00), "source_ref": "sale"}
    done(till.post(f"gift-cards/{gift}/activate", bought))
    return {
        "promotion-groups": group["code"],
        "coupon-batches": batch["id"],
        "jobs": batch["job"]["id"],
        "gift-cards": gift,
    }


def played(till: Till, card: Card) -> dict[str, str]:
    """A game that runs, and a play of it."""
    prize = {"code": "ten", "label": "10 points", "kind": "points", "amount": 10}
    body = {"code": "wheel", "name": "Wheel", "sets": [{"prizes": [prize]}]}
    game, member = done(till.post("games", body))["id"], str(card.member.public_id)
    done(till.post(f"games/{game}/start", {}))
    done(till.post(f"games/{game}/turns", {"member": member, "count": 2, "reason": "x"}))
    turn = {"member": member, "nonce": "n", "reference": "r"}
    return {"games": game, "plays": done(till.post(f"games/{game}/plays", turn))["id"]}


def drawn(till: Till, card: Card) -> dict[str, str]:
    """A prize draw that is over, so that its proof can be read, and a contest."""
    draw = make_draw(make_programme())
    give_tickets(card.member, draw, 3)
    with time_machine.travel(draw.ends_at + timedelta(seconds=1)):
        draws.freeze_list(draw=draw, actor=SYSTEM)
    with time_machine.travel(draw.draws_at + timedelta(seconds=1)):
        draws.draw_winners(draw=draw, actor=SYSTEM)
    contest = done(till.post("contests", {"code": "photo", "title": "Photo", "prizes": []}))
    return {"draws": str(draw.public_id), "contests": contest["id"]}


def reserved(till: Till, card: Card) -> str:
    basket = {"store": "S1", "lines": [line("tea", 10_00)], "member": {"card": card.number}}
    asked = {**basket, "redeem": {"points": 10}, "reserve": True}
    return str(done(till.post("quotes", asked))["hold"]["id"])


def put(till: Till, path: str, body: dict[str, Any]) -> None:
    done(till.integrator.request("PUT", f"/api/v1/{path}", body, f"put {path}"))


def done(answer: Any) -> Any:
    assert answer.status_code < 300, answer.content
    return answer.json()


def leading_somewhere(world: dict[str, str]) -> Callable[[Any], Any]:
    """Turns a made-up case into one whose address names what is there."""

    def turn(case: Any) -> Any:
        first = case.path.removeprefix("/api/v1/").partition("/")[0]
        name = next((n for n in ("member_id", "id", "code") if n in case.path_parameters), None)
        name = name or next(iter(case.path_parameters), None)
        if first in world and name:
            case.path_parameters[name] = world[first]
        return case

    return turn
