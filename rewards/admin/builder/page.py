"""One form of the builder: what was sent, what it means, what is wrong, what it would do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from loyalty_crm.kernel.errors import DomainError
from rewards.admin.builder import faults
from rewards.admin.builder.actions import Actions
from rewards.admin.builder.drawn import Drawn
from rewards.admin.builder.faults import Fault
from rewards.admin.builder.nodes import Drawing, Node
from rewards.admin.builder.sample_form import sample_shape
from rewards.admin.builder.shapes import Leaf, Record, definition_shape
from rewards.admin.builder.state import ABSENT, Reading, nested, read, write
from rewards.admin.builder.words import FAULTS
from rewards.models import Programme, Promotion
from rewards.rules import definitions

#: The part of the form that is the definition.
D = "d"
SECTIONS = ("goods", "when", "effects", "limits", "stacking", "coupon", "pilot", "labels")


def about_shape(*, is_new: bool) -> Record:
    """Name, code and rank: they belong to the promotion, not to its wording."""
    fields: dict[str, Any] = {"name": Leaf("text", "name", required=True, bounds={"longest": 200})}
    if is_new:
        fields["code"] = Leaf("text", "code", bounds={"longest": 80})
    fields["priority"] = Leaf("number", "priority", default=100)
    return Record("About", fields)


def whole_shape(*, is_new: bool) -> Record:
    return Record(
        "",
        {"about": about_shape(is_new=is_new), D: definition_shape(), "sample": sample_shape()},
    )


@dataclass
class Form(Drawn):
    """The state of the form and everything that follows from it. Reads nothing until asked."""

    programme: Programme
    promotion: Promotion | None
    state: dict[str, Any]
    #: Whether what is merely unfinished is a fault already.
    strict: bool = False
    focus: str = ""
    extra: list[Fault] = field(default_factory=list)
    typed_json: str = ""

    @classmethod
    def sent(cls, programme: Programme, promotion: Promotion | None, post: QueryDict) -> Form:
        """The form as a browser sent it, after the action of the button that was pressed."""
        roots = ("about.", f"{D}.", "sample.")
        state = nested((name, post.getlist(name)) for name in post if name.startswith(roots))
        form = cls(programme, promotion, state if isinstance(state, dict) else {})
        form._act(post)
        return form

    @classmethod
    def of(
        cls,
        programme: Programme,
        promotion: Promotion | None,
        document: Mapping[str, Any],
        about: Mapping[str, Any],
        sample: Mapping[str, Any],
    ) -> Form:
        """The form that shows a definition."""
        value = {"about": about, D: document, "sample": sample}
        shape = whole_shape(is_new=promotion is None)
        return cls(programme, promotion, write(shape, value, programme))

    def _act(self, post: QueryDict) -> None:
        asked = post.get("do", "")
        if asked == "json":
            self._take_json(post.get("json", ""))
            return
        choices = {name[4:]: str(post[name]) for name in post if name.startswith("new.")}
        shape = whole_shape(is_new=self.promotion is None)
        actions = Actions(shape, self.state, self.programme)
        actions.do(asked, choices)
        self.focus = actions.focus

    def _take_json(self, text: str) -> None:
        """The text of the expert's field becomes the form, as far as the form can show it."""
        self.typed_json = text
        try:
            document = json.loads(text)
            definitions.parse(document if isinstance(document, dict) else {"": document})
        except definitions.InvalidDefinitionError as refused:
            self.extra = [_json_fault(one) for one in refused.errors[:20]]
        except (ValueError, RecursionError):
            self.extra = [Fault("json", "json", str(FAULTS["json"]))]
        else:
            self.state[D] = write(definition_shape(), document, self.programme)
            self.typed_json = ""

    @cached_property
    def _read(self) -> tuple[dict[str, Any], list[Fault]]:
        reading = Reading(self.programme)
        shape = definition_shape()
        found = read(shape, self.state.get(D), reading)
        document = {} if found is ABSENT else found
        known = faults.of_texts(reading.faults, D)
        seen = {one.path for one in known}
        for one in faults.of_definition(
            _errors(document), self.state.get(D) or {}, shape, self.programme
        ):
            path = f"{D}.{one.path}".rstrip(".")
            if path not in seen:
                known.append(Fault(path, one.code, one.text))
        return document, known

    @property
    def drawn(self) -> list[Node]:
        return self.nodes

    @property
    def known_faults(self) -> list[Fault]:
        return self.faults

    @property
    def document(self) -> dict[str, Any]:
        return self._read[0]

    @cached_property
    def about(self) -> dict[str, Any]:
        reading = Reading(self.programme)
        shape = about_shape(is_new=self.promotion is None)
        found = read(shape, self.state.get("about"), reading, "about")
        self.extra += [
            Fault(path, code, str(FAULTS[code])) for path, code in reading.faults.items()
        ]
        known: dict[str, Any] = {} if found is ABSENT else found
        if not known.get("name"):
            self.extra.append(Fault("about.name", "missing", str(FAULTS["missing"])))
        return {"priority": 100, "name": "", "code": "", **known}

    @cached_property
    def faults(self) -> list[Fault]:
        """Everything that keeps the form from being saved."""
        self.about  # noqa: B018 - reads the faults of its own fields
        return [*self._read[1], *self.extra]

    @cached_property
    def definition(self) -> definitions.Definition | None:
        """The parsed definition; None while something is wrong with it."""
        return None if self._read[1] else definitions.parse(self.document)

    @cached_property
    def nodes(self) -> list[Node]:
        """The whole form, drawn: about, definition, sample."""
        drawing = Drawing(self.programme, self.shown_faults, self.focus)
        shape = whole_shape(is_new=self.promotion is None)
        return drawing.draw(shape, self.state)

    @cached_property
    def sections(self) -> dict[str, Node]:
        """The parts of the definition by name; what has no place of its own comes after them."""
        return {one.path.rpartition(".")[2]: one for one in self.nodes[1].parts}

    @property
    def others(self) -> list[Node]:
        """Fields of the definition that this page gives no place of their own."""
        known = {*SECTIONS, "thresholds"}
        return [one for name, one in self.sections.items() if name not in known]

    def json(self) -> str:
        return self.typed_json or json.dumps(self.document, indent=2, ensure_ascii=False)

    def refuse(self, refusal: DomainError) -> None:
        """Put what a service said at its field, or on top."""
        errors: Any = refusal.detail.get("errors") or [
            {"pointer": refusal.detail.get("pointer", "")}
        ]
        for one in errors:
            pointer = str(one["pointer"])
            text = str(one.get("detail") or refusal.message)
            if pointer.startswith("/definition"):
                path, _known = faults.place(pointer.removeprefix("/definition"), self.state.get(D))
                path = f"{D}.{path}".rstrip(".")
            else:
                path = "about" + pointer.replace("/", ".")
            self.extra.append(Fault(path, refusal.code, text))
        for name in ("faults", "nodes", "sections"):
            self.__dict__.pop(name, None)

    @property
    def loose(self) -> list[Fault]:
        return [one for one in super().loose if one.path != "json"]

    @property
    def json_faults(self) -> list[Fault]:
        return [one for one in self.extra if one.path == "json"]

    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.programme.time_zone)


def _errors(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    try:
        definitions.parse(document)
    except definitions.InvalidDefinitionError as refused:
        return refused.errors
    return ()


def _json_fault(error: Mapping[str, Any]) -> Fault:
    return Fault("json", str(error["code"]), f"{error['pointer']}: {error['code']}")
