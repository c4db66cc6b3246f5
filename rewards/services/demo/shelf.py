"""What a marketer finds on the shelf: rewards, causes, services, and who took some of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import DomainError
from members.models import Member, Product, Store
from rewards.models import Cause, Programme, Promotion, Reward, Service, Tier, Wallet
from rewards.services import benefits, catalogue, charity, redemptions
from rewards.services.catalogue import RewardTerms
from rewards.services.service_terms import RuleTerms, ServiceTerms, save_service

CAUSES = (
    ("food-bank", "Ohio food bank", "Warm meals for families of the neighbourhood.",
     {"name": "Банк еды", "description": "Горячие обеды для семей по соседству."}),
    ("city-trees", "Trees for the city", "A tree is planted for every $15.",
     {"name": "Деревья для города", "description": "Дерево за каждые 15 долларов."}),
)  # fmt: skip
#: Code, kind, words, points, what it gives, words in Russian.
SHELF: tuple[tuple[str, str, str, str, int, dict[str, Any], str], ...] = (
    ("cotton-bag", "product", "Cotton shopping bag", "With the market's logo.", 250,
     {"stock": 40, "per_member": 2}, "Хлопковая сумка"),
    ("coffee-mug", "product", "Enamel mug", "Holds 400 ml and survives a picnic.", 600,
     {"stock": 12, "price_money_minor": 200, "reserve_days": 5}, "Эмалированная кружка"),
    ("five-off", "discount", "$5 off the next visit", "A coupon, valid for 30 days.", 500,
     {"promotion": "five-off-code", "valid_days": 30}, "5 долларов скидки"),
    ("gift-card-10", "gift_card", "Gift card of $10", "For yourself or a friend.", 1_000,
     {"value_minor": 1_000}, "Подарочная карта на 10 долларов"),
    ("food-bank-meal", "donation", "A warm meal", "Goes to the cause of your choice.", 150,
     {"value_minor": 150}, "Горячий обед"),
    ("free-delivery", "free_delivery", "Free delivery", "Once, up to 20 miles.", 300,
     {"per_member": 1, "per_member_days": 30}, "Бесплатная доставка"),
    ("knife-sharpening", "service", "Knife sharpening", "Two knives while you shop.", 200,
     {"service": "knives", "quantity": 2, "valid_days": 90}, "Заточка ножей"),
    ("tasting-evening", "experience", "Wine tasting for two", "Every first Friday, by invitation.",
     2_500, {"tier": "gold", "stock": 8, "needs_confirmation": True, "per_member": 1},
     "Дегустация вин на двоих"),
)  # fmt: skip
TAKEN = ("cotton-bag", "food-bank-meal", "five-off", "coffee-mug", "knife-sharpening", "cotton-bag")


def fill_shelf(now: datetime, actor: Actor) -> None:
    """Causes, services and rewards, once; then some members take some. Safe to repeat."""
    programme = Programme.objects.get(is_default=True)
    if Reward.objects.filter(programme=programme).exists():
        return
    _name_causes(programme, actor)
    _name_services(programme, actor)
    for row in SHELF:
        _put(programme, row, actor)
    _take_some(programme, now, actor)


def _name_causes(programme: Programme, actor: Actor) -> None:
    for code, name, description, russian in CAUSES:
        terms = charity.CauseTerms(
            code=code, name=name, description=description, translations={"ru": russian},
            is_default=code == CAUSES[0][0],
        )  # fmt: skip
        charity.save_cause(terms=terms, programme=programme, actor=actor)


def _name_services(programme: Programme, actor: Actor) -> None:
    gold = Tier.objects.filter(structure__programme=programme, code="gold").first()
    rules = {"parking": [RuleTerms(4, "month", gold)] if gold else [], "knives": []}
    names = {"parking": ("Parking hours", "Часы парковки"), "knives": ("Sharpened knife", "Нож")}
    for code, (name, russian) in names.items():
        terms = ServiceTerms(
            code=code, name=name, translations={"ru": {"name": russian}}, rules=rules[code]
        )
        save_service(terms=terms, programme=programme, actor=actor)


def _put(programme: Programme, row: tuple[Any, ...], actor: Actor) -> None:
    code, kind, name, description, price, given, russian = row
    given = dict(given)
    if kind == Reward.Kind.PRODUCT:
        # Goods that are never sold: they are in the catalogue for the gifts alone.
        given["product"], _is_new = Product.objects.get_or_create(
            sku=f"gift-{code}", defaults={"name": name, "price_minor": 500, "cost_minor": 210}
        )
    stock = given.pop("stock", None)
    terms = RewardTerms(
        code=code,
        kind=kind,
        name=name,
        description=description,
        translations={"ru": {"name": russian, "description": ""}},
        price_points=price,
        stock_mode=Reward.Stock.COUNTED if stock else Reward.Stock.UNLIMITED,
        **_found(programme, given),
    )
    reward = catalogue.save_reward(terms=terms, programme=programme, actor=actor)
    if stock:
        catalogue.count_stock(reward=reward, store=None, on_hand=stock, actor=actor)
    catalogue.set_reward_state(reward=reward, state=Reward.State.LIVE, actor=actor)


def _found(programme: Programme, given: dict[str, Any]) -> dict[str, Any]:
    """Names of the table turned into rows."""
    rows: dict[str, Any] = {
        "promotion": Promotion.objects.filter(programme=programme),
        "service": Service.objects.filter(programme=programme),
        "tier": Tier.objects.filter(structure__programme=programme),
    }
    named = {name: rows[name].get(code=given.pop(name)) for name in rows if name in given}
    if "tier" in named:
        named["min_tier"] = named.pop("tier")
    return {**given, **named}


def _take_some(programme: Programme, now: datetime, actor: Actor) -> None:
    """Members with enough points take rewards; half of what waits is handed over."""
    rich = Wallet.objects.points().filter(status="active", posted__gt=900, member__isnull=False)
    members = [one.member for one in rich.select_related("member__home_store").order_by("pk")[:18]]
    for number, member in enumerate(members):
        if member is None:
            continue
        code = TAKEN[number % len(TAKEN)]
        at = now - timedelta(hours=5 * (len(members) - number))
        _take(programme, code, member, number, at, actor)
    trees = Cause.objects.filter(programme=programme, code="city-trees").first()
    for member in members[:4]:
        if member is not None:
            charity.choose_cause(member=member, cause=trees, actor=actor)
    if members and members[0] is not None:
        knives = Service.objects.get(programme=programme, code="knives")
        benefits.grant_by_hand(
            service=knives, member=members[0], count=1, until=None, reason="A gesture",
            reference="demo", now=now, actor=actor,
        )  # fmt: skip


def _take(
    programme: Programme, code: str, member: Member, number: int, at: datetime, actor: Actor
) -> None:
    reward = Reward.objects.get(programme=programme, code=code)
    store: Store | None = member.home_store
    try:
        taken = redemptions.redeem(
            reward=reward, member=member, store=store, source="demo", source_ref=str(number),
            now=at, actor=actor,
        )  # fmt: skip
    except DomainError:
        return
    if taken.is_open and number % 2:
        ref = f"D-{number}" if taken.money_minor else ""
        redemptions.fulfil(
            redemption=taken, store=store, payment_ref=ref, now=at + timedelta(hours=1), actor=actor
        )
