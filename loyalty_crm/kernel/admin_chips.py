"""States as coloured labels in lists: the theme's decorator, with types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar, cast

from django.utils.functional import Promise
from unfold.decorators import display

Column = TypeVar("Column", bound=Callable[..., tuple[str, str]])
Colour = Literal["success", "danger", "warning", "info", "default"]


def chip(description: str | Promise, colours: Mapping[str, Colour]) -> Callable[[Column], Column]:
    """For a column that answers (value, title): the value chooses the colour, the title is read."""
    return cast("Callable[[Column], Column]", display(description=description, label=dict(colours)))
