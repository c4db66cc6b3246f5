"""Awards as they are shown: of a sale, of a return, of a member."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef
from django.db.models.functions import JSONObject

from rewards.models import Award, AwardRevocation


class AwardView(msgspec.Struct, frozen=True, kw_only=True):
    """An award of a sale. ``until`` ends its tag or coupons, ``problem`` is why it was not kept."""

    promotion: str
    kind: str
    code: str
    amount: int
    id: UUID | None = None
    taken_back: int = 0
    choices: tuple[str, ...] = ()
    text: Mapping[str, str] = {}
    to: str = "member"
    valid_days: int | None = None
    coupons: tuple[str, ...] = ()
    until: datetime | None = None
    problem: str = ""


class AwardBack(msgspec.Struct, frozen=True, kw_only=True):
    """So much of an award that one return took back."""

    promotion: str
    kind: str
    code: str
    amount: int


def awards_of_receipts() -> ArraySubquery:
    """An annotation of receipts: their awards and what went back of them, for ``award_views``."""
    back = AwardRevocation.objects.filter(award=OuterRef("pk")).order_by("pk")
    awards = Award.objects.filter(purchase=OuterRef("pk")).order_by("pk")
    return ArraySubquery(
        awards.values(
            json=JSONObject(
                id="public_id",
                promotion="version__promotion__code",
                kind="kind",
                code="code",
                amount="amount",
                taken_back="taken_back",
                detail="detail",
                back=ArraySubquery(
                    back.values(json=JSONObject(refund="refund_id", amount=F("amount")))
                ),
            )
        )
    )


def award_views(rows: list[dict[str, Any]]) -> tuple[AwardView, ...]:
    """From the annotation. What a detail says that nobody shows is left out."""
    return tuple(msgspec.convert({**row["detail"], **row}, AwardView) for row in rows)


def backs_of(rows: list[dict[str, Any]], refund_id: int) -> tuple[AwardBack, ...]:
    """What one return took back of the awards in the annotation."""
    return tuple(
        msgspec.convert({**row, "amount": back["amount"]}, AwardBack)
        for row in rows
        for back in row["back"]
        if back["refund"] == refund_id
    )


def award_view(award: Award) -> AwardView:
    """Of a row with its promotion."""
    own = {name: getattr(award, name) for name in ("kind", "code", "amount", "taken_back")}
    code = award.version.promotion.code
    return msgspec.convert(
        {**award.detail, **own, "id": award.public_id, "promotion": code}, AwardView
    )
