"""Values to JSON bytes: one encoder for answers, events and fingerprints."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import Model
from django.utils.functional import Promise

from loyalty_crm.kernel.money import Money
from loyalty_crm.kernel.points import Points


def _plain(value: object) -> Any:
    match value:
        case Promise():
            return str(value)
        case Money():
            return value.wire()
        case Points():
            return value.minor
        case Model():
            return f"{type(value).__name__}:{value.pk}"
    raise TypeError(f"{type(value).__name__} has no form on the wire")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_canonical = msgspec.json.Encoder(enc_hook=_plain, order="sorted")


def encode(value: object) -> bytes:
    return _encoder.encode(value)


def canonical(value: object) -> bytes:
    """The same bytes for equal values, whatever the order of their keys."""
    return _canonical.encode(value)
