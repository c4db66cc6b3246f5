"""The programme's public rules, accepted with joining: told and kept by whoever publishes them.

Members know nothing of promises. Who publishes rules registers here, and what a
form says about them is recorded in the transaction of the enrolment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member


@dataclass(frozen=True, slots=True)
class PublishedRules:
    """A version that a form shows. ``path`` is its permanent public page."""

    version: int
    path: str


class Keeper(Protocol):
    def latest(self) -> PublishedRules | None:
        """The newest version, if any was ever published."""

    def accept(
        self, *, member: Member, version: int, source: str, accepted_at: datetime, actor: Actor
    ) -> bool:
        """Record it; False when there is no such version. A repeat keeps the first time."""


_keepers: list[Keeper] = []


def register(keeper: Keeper) -> None:
    """Called once, when the app that publishes rules is ready."""
    _keepers[:] = [keeper]


def latest_rules() -> PublishedRules | None:
    return _keepers[0].latest() if _keepers else None


def accept_rules(
    *, member: Member, version: int, source: str, accepted_at: datetime, actor: Actor
) -> None:
    """``ValidationFailed`` for a version that nobody published: its text was never shown."""
    said = {"version": version, "source": source, "accepted_at": accepted_at}
    if not any(one.accept(member=member, actor=actor, **said) for one in _keepers):  # type: ignore[arg-type]
        raise ValidationFailed(
            errors=[fault("/accepted_rules", "unknown_version", _("No such version of the rules"))]
        )
