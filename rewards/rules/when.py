"""The tree of conditions: all of these, any of these, none of these, nested."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeAlias, Union

from pydantic import Discriminator, Field, Tag

from rewards.rules.conditions import Condition, ConditionBase, Miss
from rewards.rules.selectors import Strict

MAX_DEPTH = 8
MAX_CONDITIONS = 50
GROUPS = ("all", "any", "none")

#: Asks one condition: None when it holds.
Ask = Callable[[ConditionBase], "Miss | None"]


def _kind(node: Any) -> str | None:
    if isinstance(node, Group):
        return node.word
    if isinstance(node, dict):
        return next((word for word in GROUPS if word in node), "condition")
    return "condition" if isinstance(node, ConditionBase) else None


class Group(Strict):
    """Several nodes of the tree under one word."""

    @property
    def word(self) -> str:
        raise NotImplementedError

    @property
    def nodes(self) -> list[When]:
        raise NotImplementedError

    def miss(self, ask: Ask) -> Miss | None:
        raise NotImplementedError


class All(Group):
    """Every one of these holds. None given: always."""

    all: Annotated[list[When], Field(max_length=MAX_CONDITIONS)] = []

    @property
    def word(self) -> str:
        return "all"

    @property
    def nodes(self) -> list[When]:
        return self.all

    def miss(self, ask: Ask) -> Miss | None:
        """What the buyer cannot mend is said first, then what is still missing."""
        near: Miss | None = None
        for node in self.all:
            missed = miss_of(node, ask)
            if missed and not missed.near:
                return missed
            near = near or missed
        return near


class AnyOf(Group):
    """At least one of these holds."""

    any: Annotated[list[When], Field(min_length=1, max_length=MAX_CONDITIONS)]

    @property
    def word(self) -> str:
        return "any"

    @property
    def nodes(self) -> list[When]:
        return self.any

    def miss(self, ask: Ask) -> Miss | None:
        """The nearest miss: the one that more goods would mend, by the least amount."""
        misses: list[Miss] = []
        for node in self.any:
            if (missed := miss_of(node, ask)) is None:
                return None
            misses.append(missed)
        return min(misses, key=_distance)


class NoneOf(Group):
    """Not one of these holds."""

    none: Annotated[list[When], Field(min_length=1, max_length=MAX_CONDITIONS)]

    @property
    def word(self) -> str:
        return "none"

    @property
    def nodes(self) -> list[When]:
        return self.none

    def miss(self, ask: Ask) -> Miss | None:
        for node in self.none:
            if miss_of(node, ask) is None:
                return Miss("excluded", {"what": _name(node)})
        return None


When: TypeAlias = Annotated[
    Union[  # noqa: UP007 (read by pydantic)
        Annotated[All, Tag("all")],
        Annotated[AnyOf, Tag("any")],
        Annotated[NoneOf, Tag("none")],
        Annotated[Condition, Tag("condition")],
    ],
    Discriminator(_kind),
]
All.model_rebuild()
AnyOf.model_rebuild()
NoneOf.model_rebuild()


def miss_of(node: Group | ConditionBase, ask: Ask) -> Miss | None:
    """Why a tree does not hold; None when it does."""
    return node.miss(ask) if isinstance(node, Group) else ask(node)


def leaves(
    node: Group | ConditionBase, *, negated: bool = False
) -> Iterator[tuple[ConditionBase, bool]]:
    """Every condition in the order of the text, and whether it stands under a "none"."""
    if isinstance(node, Group):
        for inner in node.nodes:
            yield from leaves(inner, negated=negated or node.word == "none")
    else:
        yield node, negated


def required(node: Group | ConditionBase) -> Iterator[ConditionBase]:
    """Conditions without which the tree cannot hold."""
    if isinstance(node, All):
        for inner in node.nodes:
            yield from required(inner)
    elif isinstance(node, ConditionBase):
        yield node


def depth_of(document: object) -> int:
    """How deep the groups of a raw document nest; told without recursion."""
    deepest, open_nodes = 0, [(document, 0)]
    while open_nodes:
        node, depth = open_nodes.pop()
        deepest = max(deepest, depth)
        if isinstance(node, dict) and depth <= MAX_DEPTH:
            for word in GROUPS:
                inner = node.get(word)
                open_nodes += [(one, depth + 1) for one in inner] if isinstance(inner, list) else []
    return deepest


def _name(node: When) -> str:
    return node.word if isinstance(node, Group) else node.kind


def _distance(missed: Miss) -> tuple[bool, int]:
    missing = missed.params.get("missing", 0)
    return (not missed.near, missing if isinstance(missing, int) else 0)
