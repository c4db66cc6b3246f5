"""What a button of the form does to its state: add, take away, move, name a code.

A button sends ``verb:path`` or ``verb:path:argument``. An action that does not fit the
state, such as one of a page that is out of date, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rewards.admin.builder.shapes import Kinds, Leaf, Pairs, Record, Rows, Shape, Texts, Tree
from rewards.admin.builder.state import ABSENT, State, at_path, lines, may_nest, write
from rewards.models import Programme
from rewards.rules.when import GROUPS, MAX_CONDITIONS


class Actions:
    """Does one action on a state of a shape; ``focus`` is where the reader's eye should go."""

    def __init__(self, shape: Record, state: State, programme: Programme) -> None:
        self.shape = shape
        self.state = state
        self.programme = programme
        self.focus = ""

    def do(self, asked: str, choices: Mapping[str, str]) -> None:
        """``choices`` are the values of the lists beside the buttons that add something."""
        verb, _, rest = asked.partition(":")
        path, _, argument = rest.partition(":")
        verbs: Mapping[str, Callable[[str, str], None]] = {
            "add": lambda at, _: self._add(at, choices.get(at, "")),
            "nest": self._nest, "drop": self._drop, "up": self._up, "down": self._down,
            "put": self._put, "pull": self._pull, "give": self._give, "take": self._take,
            "redraw": self._redraw, "word": self._word,
        }  # fmt: skip
        if verb in verbs:
            verbs[verb](path, argument)

    def _add(self, path: str, kind: str) -> None:
        shape, rows = self._shape(path), self._rows(path)
        if isinstance(shape, Rows) and len(rows) < shape.most:
            rows.append(self._fresh(shape.item, kind))
        elif isinstance(shape, Pairs) and len(rows) < shape.most:
            rows.append({"name": "", "values": ""})
        elif isinstance(shape, Tree) and self._has_room(path):
            rows.append(self._fresh(shape.conditions, kind))
        else:
            return
        self.focus = self._place(path, len(rows) - 1)

    def _fresh(self, shape: Shape, kind: str) -> State:
        empty = {"kind": kind} if isinstance(shape, Kinds) else {}
        return write(shape, empty or ABSENT, self.programme)

    def _nest(self, path: str, word: str) -> None:
        """A group in a group."""
        if isinstance(self._shape(path), Tree) and may_nest(path):
            group = word if word in GROUPS else "any"
            self._rows(path).append({"group": group, "nodes": []})

    def _drop(self, path: str, _: str) -> None:
        parent, rows, number = self._among(path)
        if rows is not None:
            del rows[number]
            self.focus = parent

    def _up(self, path: str, _: str) -> None:
        self._move(path, -1)

    def _down(self, path: str, _: str) -> None:
        self._move(path, 1)

    def _move(self, path: str, by: int) -> None:
        parent, rows, number = self._among(path)
        if rows is not None and 0 <= number + by < len(rows):
            rows[number], rows[number + by] = rows[number + by], rows[number]
            self.focus = f"{parent}.{number + by}"

    def _put(self, path: str, code: str) -> None:
        self._write_codes(path, lambda codes: [*codes, code])

    def _pull(self, path: str, code: str) -> None:
        self._write_codes(path, lambda codes: [one for one in codes if one != code])

    def _write_codes(self, path: str, change: Callable[[list[str]], list[str]]) -> None:
        parent, name = self._parent(path)
        shape = self._shape(path)
        if parent is None or not (isinstance(shape, Leaf) or name == "values"):
            return
        codes = change(lines(parent.get(name) or ""))
        single = isinstance(shape, Leaf) and shape.kind == "text"
        parent[name] = "\n".join(lines("\n".join(codes[-1:] if single else codes)))
        self.focus = path

    def _give(self, path: str, _: str) -> None:
        """Put an optional part in."""
        parent, name = self._parent(path)
        shape = self._shape(path)
        if parent is not None and isinstance(shape, Record) and shape.optional:
            parent[name] = write(shape, {}, self.programme)

    def _take(self, path: str, _: str) -> None:
        parent, name = self._parent(path)
        if parent is not None:
            parent[name] = None

    def _redraw(self, path: str, _: str) -> None:
        self.focus = path

    def _word(self, path: str, _: str) -> None:
        """Another kind was chosen in the list of an entry: what both have is kept."""
        shape, entry = self._shape(path), at_path(self.state, path)
        if isinstance(shape, Tree):
            shape = shape.conditions
        if isinstance(shape, Kinds) and isinstance(entry, dict):
            kind = str(entry.get("kind", ""))
            fresh, record = self._fresh(shape, kind), shape.kinds.get(kind)
            fields = record.fields if record else {}
            kept = {
                name: one
                for name, one in entry.items()
                if type(one) is type(fresh.get(name)) and _fits(fields.get(name), one)
            }
            entry.clear()
            entry.update({**fresh, **kept})
            self.focus = path

    def _has_room(self, path: str) -> bool:
        """Whether one more condition fits into the tree that a group belongs to."""
        root, _, _ = path.partition(".nodes.")
        return _count_conditions(at_path(self.state, root)) < MAX_CONDITIONS

    def _shape(self, path: str) -> Shape | None:
        """The shape under a path of the state."""
        at: Shape | None = self.shape
        state: State = self.state
        for step in path.split("."):
            at = inside(at, state, step)
            state = at_path(state, step)
        return at

    def _rows(self, path: str) -> list[Any]:
        """The list under a path, put there if it is missing."""
        if isinstance(self._shape(path), Tree):
            group = at_path(self.state, path)
            if not isinstance(group, dict):
                group = {"group": GROUPS[0], "nodes": []}
                self._set(path, group)
            if not isinstance(group.get("nodes"), list):
                group["nodes"] = []
            found: list[Any] = group["nodes"]
            return found
        rows = at_path(self.state, path)
        if not isinstance(rows, list):
            rows = []
            self._set(path, rows)
        return rows

    def _set(self, path: str, value: Any) -> None:
        parent, name = self._parent(path)
        if parent is not None:
            parent[name] = value

    def _parent(self, path: str) -> tuple[dict[str, Any] | None, str]:
        head, _, name = path.rpartition(".")
        parent = at_path(self.state, head)
        return (parent if isinstance(parent, dict) else None), name

    def _among(self, path: str) -> tuple[str, list[Any] | None, int]:
        """The list that an entry stands in, and its number."""
        head, _, name = path.rpartition(".")
        rows = at_path(self.state, head)
        if isinstance(rows, list) and name.isdecimal() and int(name) < len(rows):
            return head, rows, int(name)
        return head, None, 0

    def _place(self, path: str, number: int) -> str:
        middle = ".nodes" if isinstance(self._shape(path), Tree) else ""
        return f"{path}{middle}.{number}"


def inside(shape: Shape | None, state: State, step: str) -> Shape | None:
    """The shape one step further: a field of a record, an entry of a list, a node of the tree."""
    match shape:
        case Record(fields=fields):
            return fields.get(step)
        case Rows(item=item):
            return item
        case Kinds(kinds=kinds):
            record = kinds.get(str(at_path(state, "kind")))
            return record.fields.get(step) if record else None
        case Tree(conditions=conditions):
            is_condition = isinstance(state, Mapping) and "kind" in state
            return inside(conditions, state, step) if is_condition else shape
        case Pairs() | Texts():
            return shape
        case _:
            return None


def _fits(shape: Shape | None, value: State) -> bool:
    """Whether a choice of another kind is one of this kind too."""
    if isinstance(shape, Leaf) and shape.kind == "choice":
        return value in shape.choices
    return True


def _count_conditions(node: State) -> int:
    if not isinstance(node, Mapping):
        return 0
    if "kind" in node:
        return 1
    nodes = node.get("nodes")
    return sum(_count_conditions(one) for one in nodes) if isinstance(nodes, list) else 0
