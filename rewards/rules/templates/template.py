"""A template: an offer that everybody knows, as a form to fill in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError, create_model

from rewards.rules.definitions import InvalidDefinitionError, faults_of, parse
from rewards.rules.selectors import Strict
from rewards.rules.templates.parameters import Parameter

Values = Mapping[str, Any]
Document = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """``wording`` makes a definition of checked values; ``example`` fills what has no default."""

    code: str
    parameters: tuple[Parameter, ...]
    wording: Callable[[Values], Document]
    example: Values

    def values(self, given: Values) -> Document:
        """Every parameter: as given, or its default.

        ``InvalidDefinitionError`` names the fault of each one, its pointer is ``/name``.
        """
        try:
            read = self._model.model_validate(dict(given))
        except ValidationError as refused:
            raise InvalidDefinitionError(faults_of(refused, given)) from None
        return tidy(read.model_dump(mode="json"))

    def build(self, given: Values) -> Document:
        """The definition of an offer, checked like one that somebody wrote by hand."""
        document = self.wording(self.values(given))
        parse(document)
        return document

    @cached_property
    def _model(self) -> type[Strict]:
        fields: dict[str, Any] = {one.name: one.field() for one in self.parameters}
        return create_model(self.code, __base__=Strict, **fields)


def tidy(values: Values) -> Document:
    """Without the empty parts of a set of products."""
    return {name: _less_empty(value) for name, value in values.items()}


def _less_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: inner for name, inner in value.items() if inner not in ([], {}, None)}
    return value


# What wordings are made of


def offer(
    *effects: Document, goods: Values | None = None, when: tuple[Document | None, ...] = (),
    **parts: Any,
) -> Document:  # fmt: skip
    """A definition of these effects. Conditions that are None were not asked for."""
    document: Document = {}
    if goods:
        document["goods"] = {"include": goods}
    if conditions := [one for one in when if one is not None]:
        document["when"] = {"all": conditions}
    return {**document, "effects": list(effects), **parts}


def percent(basis_points: int) -> Document:
    return {"kind": "percent", "basis_points": basis_points}


def percent_off(basis_points: int, **more: Any) -> Document:
    return {"kind": "percent_off", "basis_points": basis_points, **more}


def from_basket(amount_minor: int | None) -> Document | None:
    """A condition on the whole basket, when an amount was given."""
    return (amount_minor and {"kind": "basket_total", "amount_minor": amount_minor}) or None


def on_days(values: Values) -> Document | None:
    """The schedule of the parameters ``weekdays`` and ``hours``, when either says something."""
    schedule: Document = {"kind": "schedule"}
    if days := values.get("weekdays"):
        schedule["weekdays"] = days
    if hours := values.get("hours"):
        schedule |= {"from_time": hours["start"][:5], "to_time": hours["end"][:5]}
    return schedule if len(schedule) > 1 else None
