"""What stands on the member's pages beside points: a list, to which each noun adds its own.

A panel is a template and a function that reads what it needs in a fixed number of
queries. None means that there is nothing to say, and nothing is shown then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from members.models import Member

Read = Callable[[Member, datetime], dict[str, Any] | None]
Place = Literal["home", "offers"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One part of a page. Panels of a place stand in the order in which they are listed."""

    name: str
    place: Place
    template: str
    read: Read


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel with what it says; ``data`` is its template's."""

    name: str
    template: str
    data: dict[str, Any]


def draw(panels: list[Panel], place: Place, member: Member, now: datetime) -> list[Drawn]:
    """The panels of a page that have something to say."""
    read = [(one, one.read(member, now)) for one in panels if one.place == place]
    return [Drawn(one.name, one.template, data) for one, data in read if data is not None]
