"""What is wrong with a form, at the field where it is wrong, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from rewards.admin.builder.actions import inside
from rewards.admin.builder.shapes import Leaf, Record, Shape
from rewards.admin.builder.state import State, at_path
from rewards.admin.builder.units import places_of, unit_here, write_number
from rewards.admin.builder.words import FAULTS, REASONS
from rewards.models import Programme
from rewards.rules.when import GROUPS

#: Nobody has done anything wrong yet: these are shown when the form is saved.
UNFINISHED = {"missing", "choose", "too_short", "string_too_short", "union_tag_not_found"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A path of the form, and what is wrong there."""

    path: str
    code: str
    text: str

    @property
    def field_path(self) -> str:
        """Where it is shown: a kind that is not chosen, at the entry itself."""
        return self.path.removesuffix(".kind")

    @property
    def is_unfinished(self) -> bool:
        return self.code in UNFINISHED


def of_texts(found: Mapping[str, str], prefix: str) -> list[Fault]:
    """Faults of texts that could not be read at all."""
    return [Fault(f"{prefix}.{path}", code, str(FAULTS[code])) for path, code in found.items()]


def of_definition(
    errors: Iterable[Mapping[str, Any]], state: State, shape: Record, programme: Programme
) -> list[Fault]:
    """Faults that the schema found, led from places in the JSON to paths of the form."""
    return [_fault(one, state, shape, programme) for one in errors]


def _fault(error: Mapping[str, Any], state: State, shape: Record, programme: Programme) -> Fault:
    path, known = place(str(error["pointer"]), state)
    code, params = str(error["code"]), error.get("params", {})
    leaf, around = leaf_at(shape, state, path)
    if not known and code in {"missing", "union_tag_not_found"}:
        path = f"{path}.{str(error['pointer']).rpartition('/')[2]}".lstrip(".")
    return Fault(path, code, _words(code, params, leaf, around, programme))


def _words(
    code: str,
    params: Mapping[str, Any],
    leaf: Leaf | None,
    around: list[Mapping[str, Any]],
    programme: Programme,
) -> str:
    if code == "value_error":
        reason = str(params.get("why", ""))
        return str(REASONS.get(reason) or reason or _("This does not go together."))
    bound = next((params[name] for name in ("gt", "ge", "le", "lt") if name in params), 0)
    if leaf and isinstance(bound, int):
        unit = unit_here(leaf, around)
        bound = write_number(bound, places_of(unit, programme), whole=unit != "money")
    return str(FAULTS.get(code, _("This is not right."))) % {"bound": bound}


def place(pointer: str, state: State) -> tuple[str, bool]:
    """The deepest path of the form on the way of a JSON pointer, and whether it is all the way."""
    path, at = "", state
    for step in pointer.strip("/").split("/") if pointer.strip("/") else []:
        is_group = isinstance(at, Mapping) and step in GROUPS and "nodes" in at
        name = "nodes" if is_group else step
        inner = at_path(at, name)
        if inner is None:
            return path, False
        path, at = f"{path}.{name}".lstrip("."), inner
    return path.removesuffix(".nodes"), True


def leaf_at(shape: Shape, state: State, path: str) -> tuple[Leaf | None, list[Mapping[str, Any]]]:
    """The input under a path, and the records around it."""
    around: list[Mapping[str, Any]] = []
    at: Shape | None = shape
    for step in path.split(".") if path else []:
        if isinstance(state, Mapping):
            around.append(state)
        at = inside(at, state, step)
        state = at_path(state, step)
    return (at if isinstance(at, Leaf) else None), around
