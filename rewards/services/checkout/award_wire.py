"""What a sale gives besides discounts and points, on the wire."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rewards.rules.answers import GivenAward


class AwardOut(msgspec.Struct, kw_only=True):
    """``kind`` says what it is, ``code`` which one. Of ``choices`` the buyer takes one."""

    promotion: str
    kind: str
    code: str
    amount: int
    choices: list[str]
    text: dict[str, str]
    to: str
    valid_days: int | None


def awards_out(awards: Iterable[GivenAward]) -> list[AwardOut]:
    return [
        AwardOut(
            promotion=given.promotion,
            kind=given.award.kind,
            code=given.award.code,
            amount=given.award.amount,
            choices=list(given.award.choices),
            text=dict(given.award.text),
            to=given.award.to,
            valid_days=given.award.valid_days,
        )
        for given in awards
    ]
