"""What stands in the files, and how a fault in one of them is pointed at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty_crm.kernel.api.strict_json import shape
from loyalty_crm.kernel.errors import UnknownField, ValidationFailed
from loyalty_crm.kernel.problems import fault
from rewards.errors import ConfigInvalid
from rewards.rules import definitions

PROGRAMME, NAMES = "programme.json", "names.json"
MOST_FILES = 20_000

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$(?!\n)")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]
Stage = Literal["draft", "in_review", "scheduled", "live", "paused", "ended"]
Words = dict[Annotated[str, Meta(min_length=1, max_length=80)], Name]


class File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base of every file: what is not known is refused."""


class ProgrammeFile(File, kw_only=True):
    """The settings. ``code``, ``currency`` and ``points_scale`` count for a new shop only."""

    code: Annotated[str, Meta(min_length=1, max_length=40)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    points_scale: Annotated[int, Meta(ge=0, le=4)]
    settings: dict[str, Any]


class GroupFile(File, kw_only=True):
    code: Slug
    name: Name
    mode: Literal["all", "first", "best_member", "best_shop", "max_n"]
    n: Annotated[int, Meta(ge=1, le=100)] = 1


class PromotionFile(File, kw_only=True):
    """The wording in force and what it is meant to be: a draft, live, paused and so on.

    ``starts_at`` belongs to what is scheduled. ``since_ever`` says of a promotion that is
    new to the shop that receipts of the past count by it too.
    """

    code: Annotated[str, Meta(min_length=1, max_length=80)]
    name: Name
    state: Stage
    priority: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    starts_at: Moment | UnsetType = UNSET
    ends_at: Moment | UnsetType = UNSET
    since_ever: bool = False
    definition: dict[str, Any]


class NamesFile(File, kw_only=True):
    """Codes of lists, groups and tags that wordings name; what is in them is not configuration."""

    product_lists: Words = {}
    price_lists: Words = {}
    store_groups: Words = {}
    tags: Words = {}


class Wanted(msgspec.Struct, kw_only=True):
    """All files together. A part that has no file is left as it is."""

    programme: ProgrammeFile | None = None
    names: NamesFile | None = None
    groups: dict[str, GroupFile] = {}
    promotions: dict[str, PromotionFile] = {}


_FOLDER = re.compile(r"(groups|promotions)/([^/]+)\.json")


def read(files: Mapping[str, Any]) -> Wanted:
    """Documents by path; ``ConfigInvalid`` names every fault by file and place."""
    if len(files) > MOST_FILES:
        raise ConfigInvalid(errors=[fault("/files", "too_many", max=MOST_FILES)])
    wanted, errors = Wanted(), []
    for path in sorted(files):
        try:
            _take(wanted, path, files[path])
        except (ValidationFailed, UnknownField) as refused:
            found: Any = refused.detail["errors"]
            errors += [{**one, "pointer": _at(path) + one["pointer"]} for one in found]
    if errors:
        raise ConfigInvalid(errors=errors[:100])
    return wanted


def _take(wanted: Wanted, path: str, document: Any) -> None:
    if path == PROGRAMME:
        wanted.programme = shape(document, ProgrammeFile)
    elif path == NAMES:
        wanted.names = shape(document, NamesFile)
    elif found := _FOLDER.fullmatch(path):
        kind: Any = GroupFile if found[1] == "groups" else PromotionFile
        one = shape(document, kind)
        if one.code != found[2]:
            _refuse("/code", "not_the_file_name")
        if found[1] == "groups":
            wanted.groups[one.code] = one
        else:
            wanted.promotions[one.code] = _checked(one)
    else:
        _refuse("", "unknown_file")


def _checked(one: PromotionFile) -> PromotionFile:
    if one.state == "scheduled" and one.starts_at is UNSET:
        _refuse("/starts_at", "required")
    try:
        definitions.parse(one.definition)
    except definitions.InvalidDefinitionError as refused:
        raise ValidationFailed(
            errors=[
                fault(f"/definition{wrong['pointer']}", wrong["code"], **wrong["params"])
                for wrong in refused.errors
            ]
        ) from refused
    return one


def _refuse(pointer: str, code: str) -> None:
    raise ValidationFailed(errors=[fault(pointer, code)])


def _at(path: str) -> str:
    return "/files/" + path.replace("~", "~0").replace("/", "~1")
