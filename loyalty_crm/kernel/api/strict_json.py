"""Strict JSON: what a careful reader and a careless one would read differently is refused.

The fast path proves a document clean instead of looking for faults: decoded
without floats and encoded again, it gives the same bytes (spaces aside), and an
encoder never writes a key twice. Escaped text defeats that proof; such a document
is read by the standard parser with a watch on every object and number. What is
still not proved is read slowly by ``json_faults``, which decides and points.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import BaseParser

from loyalty_crm.kernel.api.json_faults import MAX_DEPTH, MAX_INTEGER, malformed, read_exactly
from loyalty_crm.kernel.api.shape_faults import as_refusal
from loyalty_crm.kernel.errors import LengthRequired, PayloadTooLarge, UnsupportedMediaType

MAX_BYTES = 1 << 20

_T = TypeVar("_T")


class _UnprovedError(Exception):
    """The fast path says nothing about this document."""


def _no_float(text: str) -> Any:
    raise _UnprovedError


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(members := dict(pairs)) != len(pairs):
        raise _UnprovedError
    return members


def _small(text: str) -> int:
    if len(text) > 13 or abs(number := int(text)) > MAX_INTEGER:
        raise _UnprovedError
    return number


_decoder = msgspec.json.Decoder(float_hook=_no_float)
_encoder = msgspec.json.Encoder()
_watchful = json.JSONDecoder(
    object_pairs_hook=_no_duplicates,
    parse_int=_small,
    parse_float=_no_float,
    parse_constant=_no_float,
)
# A NUL, or half of a surrogate pair; the other half may follow, which the exact reading sees.
_DOUBTFUL = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# Digits become 0, quotes stay, the rest becomes a space: a long number that is not in quotes
# shows as a space and thirteen zeros.
_DIGITS = bytes(48 if chr(c) in "0123456789" else c if c == 34 else 32 for c in range(256))
_LONG_NUMBER = b" " + b"0" * 13


def parse(raw: bytes) -> Any:
    """The document as plain values, or ``ValidationFailed`` with a pointer to its first fault.

    Refused: broken UTF-8, a byte order mark, duplicate keys, floats, NaN,
    integers beyond 10^12, nesting deeper than 32, NUL and lone surrogates.
    """
    if len(raw) > MAX_BYTES:
        raise PayloadTooLarge(max_bytes=MAX_BYTES)
    for read in (_read_proving, _read_watching):
        try:
            return read(raw)
        except (_UnprovedError, msgspec.MsgspecError, ValueError, RecursionError):
            continue
    return read_exactly(_as_text(raw))


def decode(raw: bytes, kind: type[_T]) -> _T:
    """The document as a typed value; the type should forbid unknown fields."""
    return shape(parse(raw), kind)


def shape(value: Any, kind: type[_T]) -> _T:
    """Plain values as a typed value, without any coercion."""
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise as_refusal(error) from error


def decode_request(request: Any, kind: type[_T], limit: int = MAX_BYTES) -> _T:
    """The body of a request as a typed value; a DRF request is accepted as well."""
    return decode(read_body(as_django(request), limit), kind)


def as_django(request: Any) -> HttpRequest:
    """The request below REST framework's wrapper."""
    inner: HttpRequest = getattr(request, "_request", request)
    return inner


def read_body(request: HttpRequest, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a JSON request. Type, encoding and size are judged before the first is read."""
    _require_plain_json(request.META)
    length = _content_length(request.META)
    if length > limit:
        raise PayloadTooLarge(max_bytes=limit)
    try:
        raw = request.body
    except UnreadablePostError as error:
        raise malformed("", "truncated", _TRUNCATED) from error
    if len(raw) < length:
        raise malformed("", "truncated", _TRUNCATED)
    return raw


class StrictJSONParser(BaseParser):
    """``request.data`` of REST framework, as strict as ``decode``."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        if parser_context is None:
            raise TypeError("the parser needs its request")
        return parse(read_body(as_django(parser_context["request"])))


def _read_proving(raw: bytes) -> Any:
    compact = msgspec.json.format(raw, indent=-1)
    value = _decoder.decode(raw)
    if (
        b"\\u" in raw
        or _encoder.encode(value) != compact
        or _LONG_NUMBER in b" " + compact.translate(_DIGITS)
        or not _surely_shallow(compact)
    ):
        raise _UnprovedError
    return value


def _read_watching(raw: bytes) -> Any:
    text = raw.decode("utf-8")
    if _DOUBTFUL.search(text) or not _surely_shallow(raw):
        raise _UnprovedError
    return _watchful.decode(text)


def _surely_shallow(raw: bytes) -> bool:
    """Whether the nesting is within the limit; brackets inside of text may hide that it is."""
    brackets = raw.translate(None, _NOT_BRACKETS)
    for _level in range(MAX_DEPTH // 2):
        if not brackets:
            return True
        # One round takes away one level, or two when an array wraps what the first step left.
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return not brackets


def _as_text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = _("The body is not UTF-8")
        raise malformed("", "invalid_encoding", message, position=error.start) from error


def _require_plain_json(meta: Mapping[str, Any]) -> None:
    media_type, options = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
    charset = options.get("charset", "utf-8").strip("\"'").lower()
    if media_type.lower() != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType
    if meta.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("", "identity"):
        raise UnsupportedMediaType
    if meta.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired


def _content_length(meta: Mapping[str, Any]) -> int:
    try:
        return int(meta.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise malformed("", "truncated", _TRUNCATED) from error


_TRUNCATED = _("The body ended early")
