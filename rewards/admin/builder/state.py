"""The state of the form: the tree of a definition with texts, as typed, at its leaves.

``write`` turns a definition into it, ``read`` turns it into a definition and notes what
can not be read; ``flat`` and ``nested`` are its two faces, fields of a form and a tree.
What only repeats a default is left out of the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rewards.admin.builder.shapes import Kinds, Leaf, Pairs, Record, Rows, Shape, Texts, Tree
from rewards.admin.builder.units import places_of, read_number, unit_here, write_number
from rewards.models import Programme
from rewards.rules.when import GROUPS, MAX_DEPTH

ABSENT: Final = object()
#: Says that an optional record is there, though nothing in it is filled in.
ON = "on"
MAX_STEPS = 40
State = Any
Around = Sequence[Mapping[str, Any]]


@dataclass
class Reading:
    """What was wrong with the texts: path → code of the fault."""

    programme: Programme
    faults: dict[str, str] = field(default_factory=dict)


def write(shape: Shape, value: Any, programme: Programme, around: Around = ()) -> State:
    """The state of a form that shows this value; ABSENT shows the defaults."""
    match shape:
        case Leaf():
            return _write_leaf(shape, value, programme, around)
        case Record():
            return _write_record(shape, value, programme, around)
        case Rows():
            rows = [] if value is ABSENT else value
            return [write(shape.item, one, programme, around) for one in rows]
        case Kinds():
            return _write_kind(shape, value, programme, around)
        case Tree():
            return write_tree(shape, {} if value is ABSENT else value, programme)
        case Texts():
            return {} if value in (ABSENT, None) else dict(value)
        case Pairs():
            pairs = {} if value is ABSENT else value
            return [{"name": name, "values": "\n".join(all_)} for name, all_ in pairs.items()]


def _write_record(shape: Record, value: Any, programme: Programme, around: Around) -> State:
    if shape.optional and value in (ABSENT, None):
        return None
    known = {} if value is ABSENT else value
    state = {
        name: write(one, known.get(name, ABSENT), programme, (*around, known))
        for name, one in shape.fields.items()
    }
    return {ON: "1", **state} if shape.optional else state


def _write_kind(shape: Kinds, value: Any, programme: Programme, around: Around) -> State:
    kind = "" if value is ABSENT else value.get("kind", "")
    if kind not in shape.kinds:
        return {"kind": ""}
    return {"kind": kind, **_write_record(shape.kinds[kind], value, programme, around)}


def write_tree(shape: Tree, node: Mapping[str, Any], programme: Programme) -> State:
    """The root is always a group: a condition that stands alone becomes a group of one."""
    if "kind" in node:
        node = {"all": [node]}
    return _write_node(shape, node, programme)


def _write_node(shape: Tree, node: Mapping[str, Any], programme: Programme) -> State:
    if "kind" in node:
        return _write_kind(shape.conditions, node, programme, ())
    word = next((one for one in GROUPS if one in node), GROUPS[0])
    return {
        "group": word,
        "nodes": [_write_node(shape, one, programme) for one in node.get(word, [])],
    }


def _write_leaf(leaf: Leaf, value: Any, programme: Programme, around: Around) -> str:
    value = leaf.default if value is ABSENT else value
    match leaf.kind:
        case "codes" | "numbers":
            return "\n".join(str(one) for one in value)
        case "flag":
            return ON if value else ""
        case "yes_no":
            return "" if value is None else "yes" if value else "no"
        case "hour":
            return _hour_text(value)
        case "number":
            return "" if value is None else _number_text(leaf, value, programme, around)
        case _:
            return "" if value is None else str(value)


def _hour_text(value: object) -> str:
    """As a browser's clock writes it: without seconds that say nothing."""
    text = "" if value is None else str(value)
    return text.removesuffix(":00") if text.count(":") == 2 else text


def _number_text(leaf: Leaf, value: int, programme: Programme, around: Around) -> str:
    unit = unit_here(leaf, around)
    return write_number(value, places_of(unit, programme), whole=unit != "money")


def read(shape: Shape, state: State, to: Reading, path: str = "", around: Around = ()) -> Any:
    """The value of a state, or ABSENT; what can not be read is noted under its path."""
    match shape:
        case Leaf():
            return _read_leaf(shape, state, to, path, around)
        case Record():
            return _read_record(shape, state, to, path, around)
        case Rows():
            rows = state if isinstance(state, list) else []
            read_rows = [
                read(shape.item, one, to, f"{path}.{number}", around)
                for number, one in enumerate(rows)
            ]
            return [{} if one is ABSENT else one for one in read_rows] or ABSENT
        case Kinds():
            return _read_kind(shape, state, to, path, around)
        case Tree():
            node = _read_node(shape, state, to, path)
            return ABSENT if node == {"all": []} else node
        case Texts():
            texts = {name: text for name, text in _dict(state).items() if text.strip()}
            return texts or (ABSENT if shape.optional else {})
        case Pairs():
            return _read_pairs(state) or ABSENT


def _dict(state: State) -> Mapping[str, Any]:
    return state if isinstance(state, Mapping) else {}


def _read_record(shape: Record, state: State, to: Reading, path: str, around: Around) -> Any:
    if shape.optional and ON not in _dict(state):
        return ABSENT
    found = _read_fields(shape, _dict(state), to, path, around)
    return found if found or shape.optional or shape.required else ABSENT


def _read_fields(
    shape: Record, state: Mapping[str, Any], to: Reading, path: str, around: Around
) -> dict[str, Any]:
    here = (*around, state)
    found = {
        name: read(one, state.get(name), to, f"{path}.{name}".lstrip("."), here)
        for name, one in shape.fields.items()
    }
    return {name: value for name, value in found.items() if value is not ABSENT}


def _read_kind(shape: Kinds, state: State, to: Reading, path: str, around: Around) -> Any:
    kind = _dict(state).get("kind", "")
    if kind not in shape.kinds:
        to.faults[f"{path}.kind"] = "choose"
        return ABSENT
    return {"kind": kind, **_read_fields(shape.kinds[kind], _dict(state), to, path, around)}


def _read_node(shape: Tree, state: State, to: Reading, path: str) -> Any:
    node = _dict(state)
    if "kind" in node:
        found = _read_kind(shape.conditions, node, to, path, ())
        return {} if found is ABSENT else found
    word = node.get("group") if node.get("group") in GROUPS else GROUPS[0]
    inner = node.get("nodes") if isinstance(node.get("nodes"), list) else []
    nodes = [
        _read_node(shape, one, to, f"{path}.nodes.{number}")
        for number, one in enumerate(inner or [])
    ]
    return {str(word): nodes}


def _read_pairs(state: State) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in state if isinstance(state, list) else []:
        name, values = str(_dict(one).get("name", "")).strip(), lines(_dict(one).get("values", ""))
        if name or values:
            found[name] = [*found.get(name, []), *values]
    return found


def lines(text: object) -> list[str]:
    """Codes, one a line, each once."""
    found = (line.strip() for line in str(text).splitlines())
    return list(dict.fromkeys(line for line in found if line))


def _read_leaf(leaf: Leaf, state: State, to: Reading, path: str, around: Around) -> Any:
    """What the form does not have at all is left as it is by default: a page may be older."""
    if leaf.kind == "fixed":
        return leaf.default
    if state is None:
        return ABSENT
    value = _leaf_value(leaf, str(state).strip(), to, path, around)
    return ABSENT if value == leaf.default else value


def _leaf_value(leaf: Leaf, text: str, to: Reading, path: str, around: Around) -> Any:
    match leaf.kind:
        case "codes":
            return lines(text)
        case "numbers":
            return list(_numbers(text, to, path))
        case "flag":
            return bool(text)
        case "yes_no":
            return {"yes": True, "no": False}.get(text, ABSENT)
    if not text:
        return ABSENT
    if leaf.kind != "number":
        return text
    places = places_of(unit_here(leaf, around), to.programme)
    return _number(text, places, to, path)


def _numbers(text: str, to: Reading, path: str) -> Iterator[int]:
    for one in text.replace(",", " ").split():
        if (value := _number(one, 0, to, path)) is not ABSENT:
            yield value


def _number(text: str, places: int, to: Reading, path: str) -> Any:
    try:
        return read_number(text, places)
    except ValueError:
        to.faults[path] = f"number_{places}"
        return ABSENT


def flat(state: State, path: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a form, in the order of the text."""
    if isinstance(state, Mapping):
        for name, one in state.items():
            yield from flat(one, f"{path}.{name}" if path else str(name))
    elif isinstance(state, list):
        for number, one in enumerate(state):
            yield from flat(one, f"{path}.{number}")
    elif state is not None:
        yield path, str(state)


def nested(fields: Iterable[tuple[str, Sequence[str]]]) -> State:
    """The tree of what a browser sent; several values of one name become lines of a text."""
    root: dict[str, Any] = {}
    for path, values in fields:
        steps = path.split(".")
        if len(steps) <= MAX_STEPS:
            _put(root, steps, "\n".join(one for one in values if one).replace("\r\n", "\n"))
    return _with_lists(root)


def _put(root: dict[str, Any], steps: Sequence[str], text: str) -> None:
    at = root
    for step in steps[:-1]:
        inner = at.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        at = inner
    at.setdefault(steps[-1], text)


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(_is_number(name) for name in node):
        return [_with_lists(node[name]) for name in sorted(node, key=int)]
    return {name: _with_lists(one) for name, one in node.items()}


def _is_number(step: str) -> bool:
    return step.isascii() and step.isdecimal() and len(step) <= 6


def at_path(state: State, path: str) -> State:
    """The part of a state under a path; None when there is none."""
    for step in path.split(".") if path else []:
        if isinstance(state, list):
            inside = _is_number(step) and int(step) < len(state)
            state = state[int(step)] if inside else None
        else:
            state = _dict(state).get(step)
    return state


def depth_at(path: str) -> int:
    """How many groups stand above a node of the tree."""
    return path.count(".nodes.")


def may_nest(path: str) -> bool:
    return depth_at(path) + 2 <= MAX_DEPTH
