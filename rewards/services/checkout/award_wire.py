"""What a sale gives besides discounts and points, on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from rewards.rules.answers import GivenAward
from rewards.services.awards.reading import AwardBack, AwardView


class AwardOut(msgspec.Struct, kw_only=True):
    """``kind`` says what it is, ``code`` which one. Of ``choices`` the buyer takes one.

    After the sale it has an ``id``, and what came of it: the member's ``coupons``, the
    end of a tag or of the coupons in ``until``, or the ``problem`` that prevented it.
    """

    promotion: str
    kind: str
    code: str
    amount: int
    choices: list[str]
    text: dict[str, str]
    to: str
    valid_days: int | None
    id: UUID | None
    taken_back: int
    coupons: list[str]
    until: datetime | None
    problem: str


class AwardBackOut(msgspec.Struct, kw_only=True):
    """So much of an award went back with a return."""

    promotion: str
    kind: str
    code: str
    amount: int


def awards_out(awards: Iterable[GivenAward]) -> list[AwardOut]:
    """As a quote promises them."""
    return award_views_out(
        AwardView(
            promotion=given.promotion,
            kind=given.award.kind,
            code=given.award.code,
            amount=given.award.amount,
            choices=given.award.choices,
            text=given.award.text,
            to=given.award.to,
            valid_days=given.award.valid_days,
        )
        for given in awards
    )


def award_views_out(awards: Iterable[AwardView]) -> list[AwardOut]:
    return [
        AwardOut(
            promotion=view.promotion,
            kind=view.kind,
            code=view.code,
            amount=view.amount,
            choices=list(view.choices),
            text=dict(view.text),
            to=view.to,
            valid_days=view.valid_days,
            id=view.id,
            taken_back=view.taken_back,
            coupons=list(view.coupons),
            until=view.until,
            problem=view.problem,
        )
        for view in awards
    ]


def backs_out(backs: Iterable[AwardBack]) -> list[AwardBackOut]:
    return [
        AwardBackOut(promotion=back.promotion, kind=back.kind, code=back.code, amount=back.amount)
        for back in backs
    ]
