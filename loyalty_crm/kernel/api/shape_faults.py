"""msgspec's complaints as refusals with a JSON pointer and a stable code."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.api.json_faults import token
from loyalty_crm.kernel.errors import DomainError, UnknownField, ValidationFailed
from loyalty_crm.kernel.problems import fault

_PLACE = re.compile(r"(?P<what>.*?)(?: - at (?:`key` in )?`(?P<path>\$.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]|\[\.\.\.\]")

# Each: how msgspec says it, our code, the names of what the pattern captured, our words.
_COMPLAINTS: list[tuple[re.Pattern[str], str, tuple[str, ...], str | Promise]] = [
    (re.compile(pattern), code, names, words)
    for pattern, code, names, words in [
        (r"missing required field `(.+)`", "required", ("field",), _("This field is required")),
        (r"of length <= (\d+)", "max_length", ("max",), _("Too long")),
        (r"of length >= (\d+)", "min_length", ("min",), _("Too short")),
        (r"of length (\d+)", "length", ("length",), _("Of a wrong length")),
        (r"`\w+` <= (-?\d+)", "max_value", ("max",), _("Too large")),
        (r"`\w+` < (-?\d+)", "max_value", ("below",), _("Too large")),
        (r"`\w+` >= (-?\d+)", "min_value", ("min",), _("Too small")),
        (r"`\w+` > (-?\d+)", "min_value", ("above",), _("Too small")),
        (r"matching regex", "pattern", (), _("Not in the expected format")),
        (r"Expected `(.+)`, got `(.+)`", "type", ("expected", "got"), _("Of a wrong type")),
        (r"Invalid enum value", "invalid_choice", (), _("Not one of the allowed values")),
        (r"Invalid value", "invalid_choice", (), _("Not one of the allowed values")),
    ]
]


def as_refusal(error: msgspec.ValidationError) -> DomainError:
    """The refusal for what msgspec found; the caller's own input is not repeated in it."""
    match = _PLACE.fullmatch(str(error))
    what = match["what"] if match else str(error)
    pointer = pointer_of(match["path"] if match and match["path"] else "$")
    if unknown := re.search(r"unknown field `(.+)`", what):
        return _refusal(UnknownField, pointer + token(unknown[1]), "unknown_field", _UNKNOWN)
    for pattern, code, names, words in _COMPLAINTS:
        if found := pattern.search(what):
            params = dict(zip(names, map(_number, found.groups()), strict=True))
            if code == "required":
                pointer += token(params.pop("field"))
            return _refusal(ValidationFailed, pointer, code, words, **params)
    return _refusal(ValidationFailed, pointer, "invalid", _("Not valid"))


def pointer_of(path: str) -> str:
    """``$.lines[0].sku`` as ``/lines/0/sku``; it ends where msgspec does not know the key."""
    pointer = ""
    for step in _STEP.finditer(path):
        part = step[1] or step[2]
        if part is None:
            break
        pointer += token(part)
    return pointer


def _refusal(
    kind: Callable[..., DomainError],
    pointer: str,
    code: str,
    words: str | Promise,
    **params: object,
) -> DomainError:
    return kind(errors=[fault(pointer, code, words, **params)])


def _number(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


_UNKNOWN = _("The endpoint does not know this field, or does not let you set it")
