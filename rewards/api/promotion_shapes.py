"""Promotions, versions and stacking groups on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from drf_spectacular.utils import OpenApiParameter
from msgspec import UNSET, Meta, UnsetType

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.shapes import Body
from rewards.models import Promotion, PromotionVersion, StackingGroup
from rewards.services.promotion_warnings import Warned

Moment = Annotated[datetime, Meta(tz=True)]
Priority = Annotated[int, Meta(ge=0, le=1_000_000)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$(?!\n)")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Reason = Annotated[str, Meta(max_length=200)]
Mode = Literal["all", "first", "best_member", "best_shop", "max_n"]
Few = Annotated[int, Meta(ge=1, le=100)]


class VersionOut(msgspec.Struct, kw_only=True):
    """One wording. ``warnings`` are left out in lists."""

    number: int
    state: str
    priority: int
    definition: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    created_by: str
    approved_at: datetime | None
    approved_by: str
    warnings: list[Warned] | UnsetType = UNSET


class PromotionOut(msgspec.Struct, kw_only=True):
    """A promotion with its newest versions; at most one is live, at most one scheduled."""

    id: UUID
    code: str
    name: str
    state: str
    revision: int
    created_at: datetime
    versions: list[VersionOut]


class PromotionPage(msgspec.Struct, kw_only=True):
    data: list[PromotionOut]
    next: str | None
    has_more: bool


class VersionPage(msgspec.Struct, kw_only=True):
    data: list[VersionOut]
    next: str | None
    has_more: bool


class OddPromotion(msgspec.Struct, kw_only=True):
    """A promotion whose version deserves a second look, and why."""

    id: UUID
    code: str
    version: int
    state: str
    warnings: list[Warned]


class OddPage(msgspec.Struct, kw_only=True):
    data: list[OddPromotion]
    next: str | None
    has_more: bool


class GroupOut(msgspec.Struct, kw_only=True):
    """How the promotions that name this group go together."""

    code: str
    name: str
    mode: str
    n: int
    version: int


class GroupPage(msgspec.Struct, kw_only=True):
    data: list[GroupOut]
    next: str | None
    has_more: bool


class PromotionBody(Body, kw_only=True):
    code: Slug
    name: Name


class RenameBody(Body, kw_only=True):
    name: Name


class DuplicateBody(Body, kw_only=True):
    """``version`` is the wording to copy; left out, the newest."""

    code: Slug
    name: Name
    version: Annotated[int, Meta(ge=1, le=10**6)] | None = None


class VersionBody(Body, kw_only=True):
    """``definition`` follows the schema at ``promotions/schema``."""

    definition: dict[str, Any]
    priority: Priority = 100


class PublishBody(Body, kw_only=True):
    """From when to when; without a start at once. A start to come schedules it."""

    starts_at: Moment | None = None
    ends_at: Moment | None = None


class ScheduleBody(Body, kw_only=True):
    starts_at: Moment
    ends_at: Moment | None = None


class ReasonBody(Body, kw_only=True):
    reason: Reason = ""


class EndBody(Body, kw_only=True):
    """``at`` is the first moment without the promotion; left out, now."""

    at: Moment | None = None
    reason: Reason = ""


class EmptyBody(Body, kw_only=True):
    """Nothing more to say."""


class GroupBody(Body, kw_only=True):
    """``n`` counts for the mode ``max_n`` only."""

    code: Slug
    name: Name
    mode: Mode
    n: Few = 1


class GroupChange(Body, kw_only=True):
    name: Name | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET
    n: Few | UnsetType = UNSET


PAGE = [
    OpenApiParameter("limit", int, description="1 to 200, 50 if left out"),
    OpenApiParameter("after", str, description="Cursor of the page before"),
]


def version_out(
    version: PromotionVersion, warnings: Mapping[int, Sequence[Warned]] | None = None
) -> VersionOut:
    """A version as it is by the clock."""
    names = set(VersionOut.__struct_fields__) - {"warnings", "state"}
    values = {name: getattr(version, name) for name in names}
    found = UNSET if warnings is None else list(warnings.get(version.pk, ()))
    return VersionOut(state=version.state_at(clock.now()), warnings=found, **values)


def promotion_out(
    promotion: Promotion, warnings: Mapping[int, Sequence[Warned]] | None = None
) -> PromotionOut:
    """Needs ``with_state``, and the newest versions fetched to ``newest``."""
    row: Any = promotion  # with annotations
    return PromotionOut(
        id=promotion.public_id,
        code=promotion.code,
        name=promotion.name,
        state=row.state,
        revision=promotion.revision,
        created_at=promotion.created_at,
        versions=[version_out(version, warnings) for version in row.newest],
    )


def group_out(group: StackingGroup) -> GroupOut:
    return GroupOut(**{name: getattr(group, name) for name in GroupOut.__struct_fields__})
