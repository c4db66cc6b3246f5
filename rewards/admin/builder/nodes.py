"""The form as it is drawn: shapes filled with state, names and faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from rewards.admin.builder.faults import Fault
from rewards.admin.builder.kinds import Option, Options, options_of
from rewards.admin.builder.shapes import (
    TOLD_BY,
    Kinds,
    Leaf,
    Pairs,
    Record,
    Rows,
    Shape,
    Texts,
    Tree,
    Unit,
)
from rewards.admin.builder.sources import SHOWN, Named, source_of
from rewards.admin.builder.state import ON, State, lines, may_nest
from rewards.admin.builder.units import unit_here
from rewards.admin.builder.words import choice_title, field_help, field_title
from rewards.models import Programme
from rewards.rules.when import GROUPS

_TELLERS = {teller for teller, _units in TOLD_BY.values()}
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "RUB": "₽", "KZT": "₸", "UAH": "₴"}
#: A choice of so few numbers is drawn as boxes to tick.
MOST_BOXES = 12


@dataclass(kw_only=True)
class Node:
    """A part of the form. ``type`` chooses its template."""

    type: str
    path: str
    label: str = ""
    help: str = ""
    faults: Sequence[Fault] = ()
    parts: list[Node] = field(default_factory=list)
    optional: bool = False
    is_on: bool = True
    #: For rows and groups: whether one more fits, and what it can be.
    may_add: bool = False
    may_nest: bool = False
    options: Options = field(default_factory=list)
    value: str = ""
    is_first: bool = False
    is_last: bool = False
    is_open: bool = True
    focus: bool = False
    #: Of a record: its class.
    title: str = ""

    @property
    def id(self) -> str:
        return "f-" + self.path.replace(".", "-")

    @property
    def is_goods(self) -> bool:
        """Whether it is drawn with its two sides: goods, and those left out."""
        return self.title == "Selector"

    @property
    def text(self) -> str:
        return " ".join(dict.fromkeys(one.text for one in self.faults))


@dataclass(kw_only=True)
class Field(Node):
    """One input. ``chips`` are its codes with their names, ``more`` how many are not shown."""

    widget: str = "text"
    sign: str = ""
    source: str = ""
    chips: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0
    redraws: bool = False
    required: bool = False


class Drawing:
    """Draws one form. Names are asked for while it is drawn, and fetched at the end."""

    def __init__(self, programme: Programme, faults: Iterable[Fault], focus: str = "") -> None:
        self.programme = programme
        self.named = Named()
        self.focus = focus
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        for fault in faults:
            self._faults[fault.path].append(fault)
        self._chipped: list[Field] = []

    def draw(self, shape: Record, state: State) -> list[Node]:
        """The fields of a whole form, each under its own path."""
        drawn = self._fields(shape, state, "", ())
        self.named.fetch()
        for one in self._chipped:
            one.chips = [(code, self.named.name(one.source, code)) for code, _name in one.chips]
        return drawn

    def _fields(
        self, shape: Record, state: State, path: str, around: Sequence[Mapping[str, Any]]
    ) -> list[Node]:
        known = state if isinstance(state, Mapping) else {}
        return [
            self._node(
                one,
                known.get(name),
                f"{path}.{name}".lstrip("."),
                (*around, known),
                shape.title,
                name,
            )
            for name, one in shape.fields.items()
            if not (isinstance(one, Leaf) and one.kind == "fixed")
        ]

    def _node(
        self,
        shape: Shape,
        state: State,
        path: str,
        around: Sequence[Mapping[str, Any]],
        owner: str,
        name: str,
    ) -> Node:
        said: dict[str, Any] = {
            "path": path,
            "label": field_title(owner, name),
            "help": field_help(owner, name),
            "faults": self._faults.get(path, ()),
            "focus": path == self.focus,
        }
        match shape:
            case Leaf():
                return self._leaf(shape, str(state or ""), around, owner, said)
            case Record():
                return self._record(shape, state, around, said)
            case Rows():
                return self._rows(shape, state, around, owner, name, said)
            case Kinds():
                return self._kind(shape, state, around, said)
            case Tree():
                return self._group(shape, state, said)
            case Texts():
                return self._texts(shape, state, said)
            case Pairs():
                return self._pairs(shape, state, said)

    def _record(
        self, shape: Record, state: State, around: Sequence[Mapping[str, Any]], said: dict[str, Any]
    ) -> Node:
        is_on = not shape.optional or (isinstance(state, Mapping) and ON in state)
        parts = self._fields(shape, state, said["path"], around) if is_on else []
        if said.pop("focus") and parts:
            parts[0].focus = True
        return Node(
            type="record", **said, parts=parts, optional=shape.optional, is_on=is_on,
            is_open=is_filled(state), title=shape.title,
        )  # fmt: skip

    def _rows(
        self,
        shape: Rows,
        state: State,
        around: Sequence[Mapping[str, Any]],
        owner: str,
        name: str,
        said: dict[str, Any],
    ) -> Node:
        rows = state if isinstance(state, list) else []
        parts = [
            self._node(shape.item, one, f"{said['path']}.{number}", around, owner, name)
            for number, one in enumerate(rows)
        ]
        _mark_ends(parts)
        options = options_of(shape.item) if isinstance(shape.item, Kinds) else []
        return Node(
            type="rows", **said, parts=parts, may_add=len(rows) < shape.most, options=options
        )

    def _kind(
        self, shape: Kinds, state: State, around: Sequence[Mapping[str, Any]], said: dict[str, Any]
    ) -> Node:
        kind = str(state.get("kind", "")) if isinstance(state, Mapping) else ""
        record = shape.kinds.get(kind)
        parts = self._fields(record, state, said["path"], around) if record else []
        faults = [*said.pop("faults"), *self._faults.get(f"{said['path']}.kind", ())]
        return Node(
            type="kind", **said, faults=faults, parts=parts, value=kind,
            options=options_of(shape, kind),
        )  # fmt: skip

    def _group(self, shape: Tree, state: State, said: dict[str, Any]) -> Node:
        """A group of conditions; a condition stands in it like any other kind."""
        group = state if isinstance(state, Mapping) else {}
        nodes = group.get("nodes") if isinstance(group.get("nodes"), list) else []
        parts = [
            self._tree(shape, one, f"{said['path']}.nodes.{number}")
            for number, one in enumerate(nodes or [])
        ]
        _mark_ends(parts)
        word = str(group.get("group") or GROUPS[0])
        choices = [Option(one, choice_title("", "group", one), one == word) for one in GROUPS]
        return Node(
            type="group", **said, parts=parts, value=word, may_add=True,
            may_nest=may_nest(said["path"]), options=[("", choices), *options_of(shape.conditions)],
        )  # fmt: skip

    def _tree(self, shape: Tree, state: State, path: str) -> Node:
        said: dict[str, Any] = {
            "path": path, "faults": self._faults.get(path, ()), "focus": path == self.focus,
        }  # fmt: skip
        if isinstance(state, Mapping) and "kind" in state:
            return self._kind(shape.conditions, state, (), said)
        return self._group(shape, state, said)

    def _texts(self, shape: Texts, state: State, said: dict[str, Any]) -> Node:
        known = state if isinstance(state, Mapping) else {}
        names = dict(settings.LANGUAGES)
        parts: list[Node] = [
            Field(
                type="field", path=f"{said['path']}.{code}", label=str(names.get(code, code)),
                value=str(known.get(code, "")), widget="text",
                faults=self._faults.get(f"{said['path']}.{code}", ()),
            )
            for code in dict.fromkeys([*names, *known])
        ]  # fmt: skip
        return Node(type="texts", **said, parts=parts, is_open=is_filled(state))

    def _pairs(self, shape: Pairs, state: State, said: dict[str, Any]) -> Node:
        rows = state if isinstance(state, list) else []
        parts = [self._pair(one, f"{said['path']}.{number}") for number, one in enumerate(rows)]
        _mark_ends(parts)
        return Node(type="rows", **said, parts=parts, may_add=len(rows) < shape.most)

    def _pair(self, state: State, path: str) -> Node:
        known = state if isinstance(state, Mapping) else {}
        parts: list[Node] = [
            Field(
                type="field", path=f"{path}.name", label=_("name"), value=known.get("name", ""),
                focus=path == self.focus,
            ),
            self._codes(
                Leaf("codes", "values"), known.get("values", ""),
                {"path": f"{path}.values", "label": _("values")}, "",
            ),
        ]  # fmt: skip
        return Node(type="record", path=path, parts=parts)

    def _leaf(
        self,
        leaf: Leaf,
        text: str,
        around: Sequence[Mapping[str, Any]],
        owner: str,
        said: dict[str, Any],
    ) -> Node:
        source = source_of(owner, leaf.name)
        if leaf.kind == "codes":
            return self._codes(leaf, text, said, source)
        said |= {"type": "field", "required": leaf.required}
        if leaf.kind in {"choice", "yes_no"}:
            return self._choice(leaf, text, owner, said)
        if leaf.kind == "numbers" and leaf.bounds.get("high", 99) <= MOST_BOXES:
            return self._boxes(leaf, text, owner, said)
        if source:
            return self._codes(leaf, text, said | {"type": "field"}, source)
        sign = self._sign(unit_here(leaf, around)) if leaf.kind == "number" else ""
        widget = "text" if leaf.kind == "numbers" else leaf.kind
        value = " ".join(text.split()) if leaf.kind == "numbers" else text
        return Field(**said, widget=widget, value=value, sign=sign)

    def _sign(self, unit: Unit) -> str:
        currency = self.programme.currency
        signs = {
            "money": _SIGNS.get(currency, currency), "percent": "%", "points": _("points"),
            "times": "×",
        }  # fmt: skip
        return signs.get(unit, "")

    def _choice(self, leaf: Leaf, text: str, owner: str, said: dict[str, Any]) -> Node:
        values = leaf.choices or ("yes", "no")
        options = [Option(one, choice_title(owner, leaf.name, one), one == text) for one in values]
        if leaf.default is None:
            options.insert(0, Option("", "—", not text))
        return Field(
            **said, widget="choice", value=text, options=[("", options)],
            redraws=leaf.name in _TELLERS,
        )  # fmt: skip

    def _boxes(self, leaf: Leaf, text: str, owner: str, said: dict[str, Any]) -> Node:
        ticked = set(text.split())
        numbers = range(leaf.bounds.get("low", 0), leaf.bounds["high"] + 1)
        options = [
            Option(str(one), choice_title(owner, leaf.name, str(one)), str(one) in ticked)
            for one in numbers
        ]
        return Field(**said, widget="boxes", value=text, options=[("", options)])

    def _codes(self, leaf: Leaf, text: str, said: dict[str, Any], source: str) -> Field:
        """Codes as chips with a search beside them; one code is a list of one."""
        codes = lines(text)
        self.named.ask(source, codes[:SHOWN])
        drawn = Field(
            **{**said, "type": "field"}, widget="codes" if leaf.kind == "codes" else "code",
            value="\n".join(codes), source=source, more=max(0, len(codes) - SHOWN),
            chips=[(code, "") for code in codes[:SHOWN]],
        )  # fmt: skip
        self._chipped.append(drawn)
        return drawn


def _mark_ends(parts: list[Node]) -> None:
    if parts:
        parts[0].is_first = parts[-1].is_last = True


def is_filled(state: State) -> bool:
    """Whether somebody has said something there; defaults of choices do not count."""
    match state:
        case Mapping():
            return any(is_filled(one) for one in state.values())
        case list():
            return bool(state)
        case _:
            return bool(state)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Every part of the form, from the top."""
    for one in nodes:
        yield one
        yield from walk(one.parts)
