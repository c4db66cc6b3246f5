"""The slow, exact reading of a JSON document: where is it wrong, and how."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault

MAX_DEPTH = 32
MAX_INTEGER = 10**12
# Nobody needs more digits to learn that a number is out of range; int() of 5000 is work.
_MAX_DIGITS = 20
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def malformed(
    pointer: str, code: str, message: str | Promise, **params: object
) -> ValidationFailed:
    return ValidationFailed(message, errors=[fault(pointer, code, message, **params)])


def token(part: object) -> str:
    """One step of a JSON pointer, escaped as RFC 6901 asks."""
    return "/" + str(part).replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands where a number stood that no field may hold."""

    code: str


class _Pairs(list[tuple[str, Any]]):
    """An object before its duplicate keys are lost."""


def _integer(text: str) -> int | _Refused:
    if len(text) > _MAX_DIGITS or abs(number := int(text)) > MAX_INTEGER:
        return _Refused("out_of_range")
    return number


_exact = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_integer,
    parse_float=lambda _: _Refused("not_an_integer"),
    parse_constant=lambda _: _Refused("not_a_number"),
)


def read_exactly(text: str) -> Any:
    """The document as plain values; its first fault is raised with a pointer to it."""
    try:
        document = _exact.decode(text)
    except json.JSONDecodeError as error:
        raise malformed("", "malformed_json", _MALFORMED, position=error.pos) from error
    except RecursionError as error:
        raise malformed("", "too_deep", _TOO_DEEP, max=MAX_DEPTH) from error
    return _plain(document, "", 1)


def _plain(value: Any, pointer: str, depth: int) -> Any:
    match value:
        case str():
            return _text(value, pointer)
        case _Refused():
            raise malformed(pointer, value.code, _NUMBERS, max=MAX_INTEGER)
        case list() if depth > MAX_DEPTH:
            raise malformed(pointer, "too_deep", _TOO_DEEP, max=MAX_DEPTH)
        case _Pairs():
            return _object(value, pointer, depth)
        case list():
            return [_plain(item, f"{pointer}/{i}", depth + 1) for i, item in enumerate(value)]
    return value


def _object(pairs: _Pairs, pointer: str, depth: int) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        here = pointer + token(_text(name, pointer))
        if name in members:
            raise malformed(here, "duplicate_key", _("The same key stands twice in one object"))
        members[name] = _plain(value, here, depth + 1)
    return members


def _text(value: str, pointer: str) -> str:
    if _UNSTORABLE.search(value):
        raise malformed(
            pointer, "invalid_character", _("Text holds a NUL or half of a surrogate pair")
        )
    return value


_MALFORMED = _("The body is not a JSON document")
_TOO_DEEP = _("Objects and arrays are nested too deeply")
_NUMBERS = _("Numbers are integers of at most 10^12; write other numbers as text")
