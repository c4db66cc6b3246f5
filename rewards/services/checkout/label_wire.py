"""What promotions call themselves, and who pays for them, on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.translation import get_language


class LabelsOut(msgspec.Struct, kw_only=True):
    """Texts by language: for the receipt, and for the cashier to say."""

    receipt: dict[str, str]
    cashier: dict[str, str]


class FundingOut(msgspec.Struct, kw_only=True):
    """``party`` is own, brand or partner; the latter two have a code."""

    party: str
    code: str | None = None


class Tagged(msgspec.Struct, frozen=True, kw_only=True):
    """The labels and the payer of one decision; ``label`` and ``message`` are for this reader."""

    label: str
    message: str
    labels: LabelsOut
    funding: FundingOut | None


def tagged(decision: Mapping[str, Any]) -> Tagged:
    """Decisions of older sales have none of it."""
    receipt, cashier = decision.get("label") or {}, decision.get("message") or {}
    return Tagged(
        label=in_language(receipt),
        message=in_language(cashier),
        labels=LabelsOut(receipt=receipt, cashier=cashier),
        funding=funding_out(decision.get("funding")),
    )


def funding_out(funding: Mapping[str, str | None] | None) -> FundingOut | None:
    return FundingOut(party=str(funding["party"]), code=funding.get("code")) if funding else None


def in_language(texts: Mapping[str, str]) -> str:
    """The text for the reader of the request, else the English one, else the first there is."""
    if not texts:
        return ""
    wanted = (get_language() or "en")[:2]
    return texts.get(wanted) or texts.get("en") or texts[min(texts)]
