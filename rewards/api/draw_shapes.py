"""Bodies and answers of prize draws."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty_crm.kernel.api.shapes import Body
from rewards.api.game_shapes import Kind, Moment, WinOut, win_out
from rewards.api.prize_base import Code, Label, Minor, Positive, Reason
from rewards.models import DrawWinner
from rewards.services import draws


class DrawPrizeBody(Body, kw_only=True):
    """Prizes stand with the dearest first. ``value_minor`` counts for tax, for each piece."""

    label: Label
    kind: Kind = "other"
    what: Annotated[str, Meta(max_length=80)] = ""
    amount: Positive = 1
    quantity: Annotated[int, Meta(ge=1, le=500)] = 1
    value_minor: Minor = 0


class DrawBody(Body, kw_only=True):
    """The terms of a draw. A draft may leave gaps; publishing asks for all of them."""

    code: Code
    title: Annotated[str, Meta(min_length=1, max_length=150)]
    prizes: Annotated[list[DrawPrizeBody], Meta(max_length=50)]
    organiser: Annotated[str, Meta(max_length=500)] = ""
    rules: Annotated[str, Meta(max_length=20_000)] = ""
    information: Annotated[str, Meta(max_length=300)] = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    draws_at: Moment | None = None
    hand_over_place: Annotated[str, Meta(max_length=300)] = ""
    hand_over_until: date | None = None
    hand_over_terms: Annotated[str, Meta(max_length=500)] = ""
    reserves: Annotated[int, Meta(ge=0, le=100)] = 3
    once_each: bool = True
    answer_days: Annotated[int, Meta(ge=1, le=90)] = 7
    beacon_source: Annotated[str, Meta(max_length=200)] = ""


class BeaconBody(Body, kw_only=True):
    """The public number of the day, when the rules name one."""

    beacon: Annotated[str, Meta(max_length=64)] = ""


class NoteBody(Body, kw_only=True):
    note: Reason


class DrawPrizeOut(msgspec.Struct, kw_only=True):
    label: str
    kind: str
    what: str
    amount: int
    quantity: int
    value_minor: int


class MissingOut(msgspec.Struct, kw_only=True):
    pointer: str
    detail: str


class DrawOut(msgspec.Struct, kw_only=True):
    """``seed`` is null until the draw. ``missing``: what publishing asks for yet."""

    id: UUID
    code: str
    title: str
    state: str
    organiser: str
    rules: str
    information: str
    starts_at: datetime | None
    ends_at: datetime | None
    draws_at: datetime | None
    hand_over_place: str
    hand_over_until: date | None
    hand_over_terms: str
    reserves: int
    once_each: bool
    answer_days: int
    beacon_source: str
    beacon: str
    seed_hash: str
    list_hash: str
    participants: int
    tickets: int
    frozen_at: datetime | None
    drawn_at: datetime | None
    seed: str | None
    verify_url: str
    prizes: list[DrawPrizeOut] | UnsetType = UNSET
    missing: list[MissingOut] | UnsetType = UNSET


class EntryOut(msgspec.Struct, kw_only=True):
    """One line of the frozen list, as it is published."""

    participant: str
    first: int
    last: int


class WinnerOut(msgspec.Struct, kw_only=True):
    """A place of the draw. Reserves have no prize yet."""

    place: int
    member: UUID
    participant: str
    ticket: int
    prize: str | None
    state: str
    answer_by: datetime | None
    note: str
    win: WinOut | None


class PlaceOut(msgspec.Struct, kw_only=True):
    """``value`` was drawn from 0 to below ``left``, the tickets that were left."""

    place: int
    left: int
    value: int
    ticket: int
    participant: str
    agrees: bool


class DrawCheckOut(msgspec.Struct, kw_only=True):
    """``list_fits`` null: the list is too long to hash here, take the file."""

    seed_hash: str
    seed: str
    list_hash: str
    message: str
    seed_fits: bool
    list_fits: bool | None
    agrees: bool
    places: list[PlaceOut]


class DrawPage(msgspec.Struct, kw_only=True):
    data: list[DrawOut]
    next: str | None
    has_more: bool


class EntryPage(msgspec.Struct, kw_only=True):
    data: list[EntryOut]
    next: str | None
    has_more: bool


class WinnerPage(msgspec.Struct, kw_only=True):
    data: list[WinnerOut]
    next: str | None
    has_more: bool


def winner_out(winner: DrawWinner) -> WinnerOut:
    return WinnerOut(
        place=winner.place,
        member=winner.entry.member.public_id,
        participant=winner.entry.participant,
        ticket=winner.ticket,
        prize=winner.prize.label if winner.prize else None,
        state=winner.state,
        answer_by=winner.answer_by,
        note=winner.note,
        win=win_out(winner.win) if winner.win else None,
    )


def check_out(checked: draws.CheckedDraw) -> DrawCheckOut:
    draw = checked.draw
    return DrawCheckOut(
        seed_hash=draw.seed_hash,
        seed=draw.seed,
        list_hash=draw.list_hash,
        message=checked.message,
        seed_fits=checked.seed_fits,
        list_fits=checked.list_fits,
        agrees=checked.agrees,
        places=[
            PlaceOut(
                place=one.place.place, left=one.place.left, value=one.place.value,
                ticket=one.place.ticket, participant=one.participant, agrees=one.written,
            )
            for one in checked.places
        ],
    )  # fmt: skip
