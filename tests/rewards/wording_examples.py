"""Wordings of promotions by chance, made from the classes that define them: every kind there is.

A kind that is added to the registries is drawn from the next run on, without a word here.
"""

from __future__ import annotations

import json
import types
from datetime import date, time
from functools import cache, reduce
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from rewards.rules.basket import Basket, MemberFacts, Window
from rewards.rules.conditions import CONDITIONS
from rewards.rules.effects import EFFECTS, EarningBase
from rewards.rules.groups import Group
from rewards.rules.rule_set import RuleSet
from rewards.rules.selectors import ProductSet
from tests.rewards.rule_examples import NOON, SKUS, baskets, rule, terms_of_programmes

#: Codes of everything: goods, tags, stores, tiers. They meet because there are few.
CODES = ["food", "drinks", "gold", "S1", "online", "cash", "club", "r1", *SKUS[:2]]
#: Words of a code by the class that takes them: the rest draws from ``CODES``.
SETS = st.sampled_from(
    [{}, {"skus": ["tea", "bag"]}, {"categories": ["food"]}, {"brands": ["Leaf"]},
     {"categories": ["drinks"], "skus": ["soap"]}]
)  # fmt: skip
GROUPS = [
    Group("all"), Group("first", "first"), Group("member", "best_member"),
    Group("shop", "best_shop"), Group("two", "max_n", 2),
]  # fmt: skip


@cache
def documents(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Raw documents that the class accepts."""
    if model is ProductSet:
        return SETS
    needed = {n: _field(f) for n, f in model.model_fields.items() if f.is_required()}
    others = {n: _field(f) for n, f in model.model_fields.items() if not f.is_required()}
    return st.fixed_dictionaries(needed, optional=others).filter(lambda one: accepts(model, one))


def accepts(model: type[BaseModel], document: dict[str, Any]) -> bool:
    try:
        model.model_validate_json(json.dumps(document))
    except ValidationError:
        return False
    return True


def _field(field: FieldInfo) -> st.SearchStrategy[Any]:
    return of_type(field.annotation, tuple(field.metadata))


def of_type(hint: Any, bounds: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values of an annotation, within the bounds that stand beside it."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        more = (one.metadata if isinstance(one, FieldInfo) else [one] for one in inner[1:])
        return of_type(inner[0], (*bounds, *(each for some in more for each in some)))
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of([of_type(each, bounds) for each in inner])
    if origin is list:
        few = _bound(bounds, "min_length", 0)
        return st.lists(of_type(inner[0]), min_size=few, max_size=few + 2)
    if origin is dict:
        return st.just({"en": "Well done"})
    return _plain(hint, bounds)


def _plain(hint: Any, bounds: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if hint is type(None):
        return st.none()
    if hint is bool:
        return st.booleans()
    if hint is int:
        return _numbers(bounds)
    if hint is str:
        return st.sampled_from(CODES)
    if hint is date:
        return st.sampled_from(["2026-03-01", "2026-03-04", "2026-04-01"])
    if hint is time:
        return st.sampled_from(["09:00", "12:00", "23:30"])
    assert issubclass(hint, BaseModel), hint
    return documents(hint)


def _numbers(bounds: tuple[Any, ...]) -> st.SearchStrategy[int]:
    """Small ones, where thresholds are met, and some that reach far."""
    low = max(_bound(bounds, "ge", 0), _bound(bounds, "gt", -1) + 1)
    high = _bound(bounds, "le", 10**6)
    near = st.integers(low, min(high, low + 4))
    return near | st.integers(low, min(high, 3_000)) | st.integers(low, min(high, 100_000))


def _bound(bounds: tuple[Any, ...], name: str, default: int) -> int:
    return next((getattr(one, name) for one in bounds if hasattr(one, name)), default)


def kinds(models: tuple[type[Any], ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(models).flatmap(documents)


TREES = st.recursive(
    kinds(CONDITIONS),
    lambda inner: st.one_of(
        st.fixed_dictionaries({word: st.lists(inner, min_size=1, max_size=3)})
        for word in ("all", "any", "none")
    ),
    max_leaves=3,
)


@st.composite
def effects(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to three, of which at most one is rounded once a receipt."""
    rates = tuple(model for model in EFFECTS if issubclass(model, EarningBase))
    others = tuple(model for model in EFFECTS if model not in rates)
    first = draw(kinds(EFFECTS))
    return [first, *draw(st.lists(kinds(others), max_size=2))]


@st.composite
def wordings(draw: st.DrawFn, groups: tuple[str | None, ...] = (None,)) -> dict[str, Any]:
    """The definition of one promotion, its effects apart."""
    caps = {
        "line_minor": st.integers(1, 500), "line_basis_points": st.integers(1, 10_000),
        "receipt_minor": st.integers(1, 3_000), "receipt_points": st.integers(1, 300),
        "above_cost": st.booleans(), "floor_basis_points": st.integers(1, 10_000),
    }  # fmt: skip
    limit = st.fixed_dictionaries(
        {"per": st.just("receipt"), "what": st.sampled_from(["uses", "points", "money"]),
         "max": st.integers(1, 400)}
    )  # fmt: skip
    return {
        "goods": {"include": draw(SETS), "exclude": draw(st.just({}) | SETS)},
        "when": draw(st.just({"all": []}) | TREES),
        "stacking": {
            "group": draw(st.sampled_from(groups)),
            "caps": draw(st.just({}) | st.fixed_dictionaries({}, optional=caps)),
        },
        "limits": draw(st.lists(limit, max_size=1)),
        "thresholds": draw(st.sampled_from(["after_earlier", "before_discounts"])),
    }


@st.composite
def rules_of(
    draw: st.DrawFn, most: int = 6, groups: tuple[str | None, ...] = (None, "all", "member", "two")
) -> list[Any]:
    """The base rule and others of every kind, some of which do not go with each other."""
    found = [rule(1, "r1", points=1)]
    for number in range(2, draw(st.integers(2, most)) + 1):
        wording = draw(wordings(groups))
        wording["stacking"]["not_with"] = draw(st.sampled_from([[], [], ["r2"], ["r3", "r5"]]))
        priority = draw(st.sampled_from([50, 100]))
        found.append(
            rule(number, f"r{number}", effects=draw(effects()), wording=wording, priority=priority)
        )
    return found


@st.composite
def any_rule_sets(draw: st.DrawFn, **bounds: Any) -> RuleSet:
    return RuleSet(draw(rules_of(**bounds)), draw(terms_of_programmes()), 1, GROUPS)


@st.composite
def buyers(draw: st.DrawFn) -> MemberFacts:
    """Somebody about whom everything is known, or nothing."""
    if draw(st.booleans()):
        return MemberFacts()
    windows = {key: Window(spend_minor=5_000, visits=3) for key in ("1d", "2d", "month", "year")}
    return MemberFacts(
        id="m1",
        tags=frozenset(draw(st.sets(st.sampled_from(CODES), max_size=3))),
        segments=frozenset(draw(st.sets(st.sampled_from(CODES), max_size=3))),
        tier=draw(st.sampled_from([None, "gold"])),
        birth_date=draw(st.sampled_from([None, date(1990, 3, 4), date(2000, 2, 29)])),
        enrolled_on=draw(st.sampled_from([None, date(2026, 3, 1)])),
        purchases=draw(st.integers(0, 5)),
        last_purchase_on=draw(st.sampled_from([None, date(2026, 3, 2)])),
        windows=windows,
        known_categories=frozenset({"food"}),
    )


@st.composite
def sales(draw: st.DrawFn, buyer: st.SearchStrategy[Any] | None = None) -> Basket:
    """A basket with everything a till may say of a sale."""
    plain = draw(baskets(members=st.none() | buyers() if buyer is None else buyer))
    return Basket(
        store="S1",
        at=NOON,
        lines=plain.lines,
        member=plain.member,
        channel=draw(st.sampled_from(["store", "online"])),
        store_groups=frozenset(draw(st.sets(st.sampled_from(CODES), max_size=2))),
        coupons=frozenset(draw(st.sets(st.sampled_from(["r1", "r3"]), max_size=2))),
        tenders=frozenset(draw(st.sets(st.sampled_from(["cash", "card"]), max_size=2))),
        stock={"tea": draw(st.integers(0, 3))},
    )


def words(document: Any) -> set[str]:
    """Every ``kind`` that a document names, however deep."""
    if isinstance(document, dict):
        own = {document["kind"]} if "kind" in document else set()
        return reduce(set.union, (words(each) for each in document.values()), own)
    if isinstance(document, list):
        return reduce(set.union, (words(each) for each in document), set())
    return set()
