"""The reference of the wording of promotions, written from the classes that read it.

``python -m rewards.rules.reference > docs/promotions-reference.md`` renews the page.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from rewards.rules.conditions import CONDITIONS
from rewards.rules.definitions import Definition
from rewards.rules.effects import EFFECTS
from rewards.rules.selectors import Strict
from rewards.rules.when import MAX_CONDITIONS, MAX_DEPTH

_BOUNDS = {
    "minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "minLength": "from {} signs",
    "maxLength": "up to {} signs", "minItems": "from {} entries", "maxItems": "up to {} entries",
}  # fmt: skip

INTRODUCTION = f"""# Promotions: the wording

This page is written by `python -m rewards.rules.reference` from the classes that read a
definition; a test holds it to them. The same wording is what the forms of the back office
write, what the API takes (`GET /api/v1/promotions/schema` has it as JSON schema) and what
stands in exported files. Amounts are in minor units of the programme's currency, points in
the wallet's smallest unit, shares in hundredths of a per cent (`basis_points`).

`when` is a condition, or a group of them: `{{"all": […]}}`, `{{"any": […]}}`, `{{"none": […]}}`,
nested up to {MAX_DEPTH} deep, {MAX_CONDITIONS} conditions in all.

Effects work in fixed phases: price, line discounts, basket discounts, payment with points,
base points, multipliers, bonuses, awards.
"""


def page() -> str:
    parts = [INTRODUCTION, "## A definition\n", *_fields(Definition)]
    parts += ["\n## Conditions\n", *_kinds(CONDITIONS), "\n## Effects\n", *_kinds(EFFECTS)]
    parts += ["\n## Parts of them\n", *_parts()]
    return "\n".join(parts) + "\n"


def _kinds(classes: Iterable[type[Strict]]) -> Iterator[str]:
    for one in classes:
        kind = one.model_json_schema()["properties"]["kind"]["const"]
        yield f"### `{kind}`\n"
        yield f"{_about(one)}\n"
        yield from _fields(one)


def _parts() -> Iterator[str]:
    schema = Definition.model_json_schema()["$defs"]
    listed = {one.__name__ for one in (*CONDITIONS, *EFFECTS)}
    for name in sorted(schema.keys() - listed):
        yield f"### {name}\n"
        if about := schema[name].get("description", ""):
            yield f"{' '.join(about.split())}\n"
        yield from _table(schema[name])


def _about(one: type[Strict]) -> str:
    return " ".join((inspect.getdoc(one) or "").split())


def _fields(one: type[Strict]) -> Iterator[str]:
    return _table(one.model_json_schema())


def _table(schema: dict[str, Any]) -> Iterator[str]:
    rows = {name: field for name, field in schema.get("properties", {}).items() if name != "kind"}
    if not rows:
        return
    yield "| field | value | left out |"
    yield "|---|---|---|"
    needed = schema.get("required", [])
    for name, field in rows.items():
        yield f"| `{name}` | {_value(field)} | {'—' if name in needed else _default(field)} |"
    yield ""


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if default in (None, [], {}):
        return "nothing"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _value(field: dict[str, Any]) -> str:
    said = [_type(field), *_bounds(field)]
    if about := field.get("description"):
        said.append(about)
    return ", ".join(one for one in said if one)


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field or "const" in field:
        return " or ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    for several in ("oneOf", "anyOf"):
        if several in field:
            return _one_of(field[several])
    return _plain(field)


def _one_of(choices: list[dict[str, Any]]) -> str:
    real = [choice for choice in choices if choice.get("type") != "null"]
    if len(real) > 6:
        return "one of the kinds above"
    said = dict.fromkeys(", ".join([_type(one), *_bounds(one)]) for one in real)
    return " or ".join(said)


def _plain(field: dict[str, Any]) -> str:
    kind = field.get("type", "")
    if kind == "array":
        return f"list of {_value(field['items'])}"
    if kind == "object":
        return f"object of {_value(field.get('additionalProperties', {}))}"
    return str(field.get("format", {"integer": "whole number", "string": "text"}.get(kind, kind)))


def _bounds(field: dict[str, Any]) -> list[str]:
    return [words.format(field[name]) for name, words in _BOUNDS.items() if name in field]


if __name__ == "__main__":
    sys.stdout.write(page())
