"""The shape of a form, read from the published schema of definitions.

Nothing here knows a condition or an effect by name: a new class is in the form as soon
as it is in the schema. Units follow from the names of fields, which is a convention of
the rules: ``…_minor`` is money, ``…basis_points`` a share, ``points`` are points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, TypeAlias

from rewards.rules import definitions
from rewards.rules.when import GROUPS

Unit = Literal["money", "percent", "points", "times", "thousandths", ""]
LeafKind = Literal[
    "number", "text", "choice", "flag", "yes_no", "day", "hour", "codes", "numbers", "fixed"
]
Json: TypeAlias = Mapping[str, Any]

#: Fields whose unit another field says: its name, and the unit of each of its values.
TOLD_BY: Mapping[str, tuple[str, Mapping[str, Unit]]] = {
    "start": ("by", {"amount": "money"}),
    "at_least": ("metric", {"spend": "money"}),
    "at_most": ("metric", {"spend": "money"}),
    "max": ("what", {"money": "money", "points": "points"}),
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One input. ``default`` is what the definition means when it says nothing."""

    kind: LeafKind
    name: str = ""
    unit: Unit = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    default: Any = None
    bounds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """Fields that belong together. An optional one may be left out as a whole."""

    title: str
    fields: Mapping[str, Shape]
    optional: bool = False
    required: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """Any number of the same, in an order."""

    item: Shape
    most: int
    least: int = 0


@dataclass(frozen=True, slots=True)
class Kinds:
    """One of several records, told apart by ``kind``."""

    kinds: Mapping[str, Record]


@dataclass(frozen=True, slots=True)
class Tree:
    """Conditions in nested groups."""

    conditions: Kinds


@dataclass(frozen=True, slots=True)
class Texts:
    """The same words in several languages."""

    longest: int
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names with lists of values."""

    most: int


Shape: TypeAlias = Leaf | Record | Rows | Kinds | Tree | Texts | Pairs


@cache
def definition_shape() -> Record:
    """The whole form; its fields are the sections."""
    schema = definitions.schema()
    return record_of(schema, schema["$defs"])


def record_of(
    schema: Json, defs: Json, *, optional: bool = False, required: bool = False
) -> Record:
    needed = schema.get("required", [])
    fields = {
        name: _shape(name, one, defs, required=name in needed)
        for name, one in schema.get("properties", {}).items()
        if name != "kind"
    }
    title, about = str(schema.get("title", "")), str(schema.get("description", ""))
    return Record(title, fields, optional, required, about)


def _shape(name: str, schema: Json, defs: Json, *, required: bool) -> Shape:
    real, optional = _without_null(schema)
    default = schema.get("default")
    if "$ref" in real:
        return record_of(_target(real, defs), defs, optional=optional, required=required)
    if "oneOf" in real:
        return _union(real, defs)
    if real.get("type") == "array":
        return _array(name, real, defs, required=required)
    if real.get("type") == "object":
        return _object(real, optional=optional or not required)
    return _leaf(name, real, default, required=required and not optional)


def _without_null(schema: Json) -> tuple[Json, bool]:
    """The one shape that a field may have besides null."""
    if "anyOf" not in schema:
        return schema, False
    real = [one for one in schema["anyOf"] if one.get("type") != "null"]
    return {**real[0], "description": schema.get("description", "")}, len(real) < len(
        schema["anyOf"]
    )


def _target(schema: Json, defs: Json) -> Json:
    found: Json = defs[schema["$ref"].rpartition("/")[2]]
    return found


def _union(schema: Json, defs: Json) -> Shape:
    conditions = [one for one in schema["oneOf"] if "oneOf" in one]
    if conditions and len(schema["oneOf"]) > len(GROUPS):
        return Tree(_kinds(conditions[0], defs))
    return _kinds(schema, defs)


def _kinds(schema: Json, defs: Json) -> Kinds:
    targets = [_target(one, defs) for one in schema["oneOf"]]
    return Kinds({one["properties"]["kind"]["const"]: record_of(one, defs) for one in targets})


def _array(name: str, schema: Json, defs: Json, *, required: bool) -> Shape:
    item, most = schema["items"], schema.get("maxItems", 1_000)
    if "$ref" in item or "oneOf" in item:
        return Rows(_shape(name, item, defs, required=True), most, schema.get("minItems", 0))
    kind: LeafKind = "numbers" if item.get("type") == "integer" else "codes"
    bounds = {**_bounds(item), "most": most}
    return Leaf(kind, name, required=required, default=schema.get("default", []), bounds=bounds)


def _object(schema: Json, *, optional: bool) -> Shape:
    if "patternProperties" in schema:
        (text,) = schema["patternProperties"].values()
        return Texts(text.get("maxLength", 300), optional)
    return Pairs(schema.get("maxProperties", 50))


def _leaf(name: str, schema: Json, default: Any, *, required: bool) -> Leaf:
    kind = _kind(schema, required=required)
    choices = tuple(str(one) for one in schema.get("enum", ()))
    if kind == "fixed":
        return Leaf(kind, name, default=schema["const"])
    return Leaf(kind, name, unit_of(name), choices, required, default, _bounds(schema))


def _kind(schema: Json, *, required: bool) -> LeafKind:
    if "const" in schema:
        return "fixed"
    if "enum" in schema:
        return "choice"
    formats: dict[str, LeafKind] = {"date": "day", "time": "hour"}
    if schema.get("format") in formats:
        return formats[schema["format"]]
    if schema.get("type") == "boolean":
        return "yes_no" if required else "flag"
    return "number" if schema.get("type") == "integer" else "text"


def unit_of(name: str) -> Unit:
    if name.endswith("_minor"):
        return "money"
    if name.endswith("basis_points"):
        return "percent"
    if name == "points" or name.endswith("_points"):
        return "points"
    return "times" if name == "tenths" else ""


def _bounds(schema: Json) -> dict[str, int]:
    """Smallest and greatest number, or longest text."""
    found = {
        "low": schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1),
        "high": schema.get("maximum"),
        "longest": schema.get("maxLength"),
    }
    return {name: value for name, value in found.items() if value is not None}
