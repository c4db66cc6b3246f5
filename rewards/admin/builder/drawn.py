"""What every drawn form says of its faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from rewards.admin.builder.nodes import Node, walk

if TYPE_CHECKING:
    from rewards.admin.builder.faults import Fault


class Drawn:
    """A form that has been drawn. ``strict``: what is merely unfinished is a fault already."""

    strict: bool = False

    @property
    def drawn(self) -> Sequence[Node]:
        """The form's parts, at the top."""
        raise NotImplementedError

    @property
    def known_faults(self) -> Sequence[Fault]:
        """Everything that is wrong or missing."""
        raise NotImplementedError

    @property
    def shown_faults(self) -> list[Fault]:
        return [one for one in self.known_faults if self.strict or not one.is_unfinished]

    def slots(self) -> list[Node]:
        """Places where faults are shown."""
        return list(walk(self.drawn))

    def unfinished(self) -> list[tuple[str, str]]:
        """What is still to be filled in: the id of the field, and its name."""
        known = {one.path: one for one in walk(self.drawn)}
        found = [known.get(one.field_path) for one in self.known_faults if one.is_unfinished]
        return [(one.id, one.label or _("choose")) for one in found if one]

    @property
    def loose(self) -> list[Fault]:
        """Faults that have no field of their own."""
        known = {one.path for one in walk(self.drawn)}
        return [one for one in self.shown_faults if one.field_path not in known]
