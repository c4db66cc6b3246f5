"""The kinds that a marketer chooses from, in families with headings."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from rewards.admin.builder.shapes import Kinds
from rewards.admin.builder.words import FAMILIES, kind_title
from rewards.rules.conditions import CONDITIONS
from rewards.rules.effects import EFFECTS


class Option(NamedTuple):
    """One entry of a list to choose from."""

    value: str
    title: str
    chosen: bool


#: Heading and entries; an empty heading draws none.
Options: TypeAlias = list[tuple[str, list[Option]]]


def options_of(shape: Kinds, chosen: str = "") -> Options:
    """Every kind under the heading of its family, in the order of the registry."""
    families: dict[str, list[Option]] = {}
    for kind, record in shape.kinds.items():
        heading = family_of(record.title)
        entry = Option(kind, kind_title(kind, record), kind == chosen)
        families.setdefault(heading, []).append(entry)
    return list(families.items())


def family_of(title: str) -> str:
    """The heading of a class: the module it stands in says what it is about."""
    module = _MODULES.get(title, "")
    return str(FAMILIES.get(module, "")) if module else ""


_MODULES = {
    one.__name__: ".".join(one.__module__.split(".")[-2:]) for one in (*CONDITIONS, *EFFECTS)
}
