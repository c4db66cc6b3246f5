"""From what a promotion is to what its file says, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET

from rewards.models import Promotion, PromotionVersion
from rewards.services.config.shapes import PromotionFile


@dataclass(frozen=True)
class Known:
    """A promotion of the shop: the version that matters most, and all that are not over."""

    promotion: Promotion
    in_force: PromotionVersion | None
    versions: Sequence[PromotionVersion]

    def worded(self, asked: PromotionFile) -> PromotionVersion | None:
        """The newest version that says what the file says and is not over."""
        same = (
            one
            for one in self.versions
            if (one.priority, one.definition) == (asked.priority, asked.definition)
        )
        return next(same, None)


#: What leads from the state of a version to the state that is wanted. A draft in the files
#: never stops what runs: files say "paused" or "ended" for that.
_WAYS: dict[tuple[str, str], list[str]] = {
    ("draft", "in_review"): ["submit"],
    ("draft", "scheduled"): ["schedule"],
    ("draft", "live"): ["live"],
    ("draft", "paused"): ["live", "pause"],
    ("in_review", "draft"): ["withdraw"],
    ("in_review", "scheduled"): ["schedule"],
    ("in_review", "live"): ["live"],
    ("in_review", "paused"): ["live", "pause"],
    ("scheduled", "draft"): ["withdraw"],
    ("scheduled", "in_review"): ["withdraw", "submit"],
    ("scheduled", "live"): ["live"],
    ("scheduled", "paused"): ["live", "pause"],
    ("live", "paused"): ["pause"],
    ("paused", "live"): ["resume"],
}


def promotion_steps(
    asked: PromotionFile, one: Known | None, now: datetime, *, as_drafts: bool, review: bool
) -> list[str]:
    """The steps in their order; none when the shop is as the file says already."""
    goal = wanted_state(asked, now)
    if one is None:
        return [] if goal == "ended" else ["create", *_new_wording(goal, as_drafts, review)]
    renamed = ["rename"] if one.promotion.name != asked.name and not as_drafts else []
    if goal == "ended":
        return [*renamed, *_ending(one, as_drafts)]
    version = one.worded(asked)
    if version is None or (version.state, goal) in (("live", "scheduled"), ("paused", "scheduled")):
        return [*renamed, *_new_wording(goal, as_drafts, review)]
    return [*renamed, *([] if as_drafts else _moved(version, asked, goal, now, review))]


def wanted_state(asked: PromotionFile, now: datetime) -> str:
    """The state that the file means by the clock: what was scheduled then may run by now."""
    state: str = asked.state
    if state == "scheduled" and asked.starts_at is not UNSET and asked.starts_at <= now:
        state = "live"
    if state == "live" and asked.ends_at is not UNSET and asked.ends_at <= now:
        state = "ended"
    return state


def _new_wording(goal: str, as_drafts: bool, review: bool) -> list[str]:
    if as_drafts or goal == "draft":
        return ["draft"]
    if review:
        return ["draft", "submit"]
    return ["draft", *_WAYS[("draft", goal)]]


def _ending(one: Known, as_drafts: bool) -> list[str]:
    runs = any(version.state in ("live", "paused", "scheduled") for version in one.versions)
    return ["end"] if runs and not as_drafts else []


def _moved(
    version: PromotionVersion, asked: PromotionFile, goal: str, now: datetime, review: bool
) -> list[str]:
    state = version.state_at(now)
    if state == goal:
        return _other_times(version, asked, state)
    steps = _WAYS.get((state, goal), [])
    needs_yes = review and not version.approved_by and {"live", "schedule", "resume"} & set(steps)
    if needs_yes:
        return ["submit"] if state == "draft" else []
    return steps


def _other_times(version: PromotionVersion, asked: PromotionFile, state: str) -> list[str]:
    """Times that the file names and that differ. Files that name none leave them."""
    ends = asked.ends_at is not UNSET and asked.ends_at != version.ends_at
    starts = asked.starts_at is not UNSET and asked.starts_at != version.starts_at
    if state == "scheduled" and (starts or ends):
        return ["schedule"]
    return ["end_at"] if state == "live" and ends else []
