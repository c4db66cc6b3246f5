"""Bodies and answers of games."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from loyalty_crm.kernel.api.shapes import Body
from rewards.api.prize_base import Code, Label, Minor, Pieces, Positive, Reference, Slug, Weight
from rewards.models import Game, GamePeriod, GamePlay, PrizeWin
from rewards.services.games import Checked, PrizePlan, SetPlan
from rewards.services.games.odds import SetPicture, chances_of, pictures
from rewards.services.prizes import prize_settings

Kind = Literal[
    "points", "coupon", "gift", "gift_card", "other", "game_plays", "draw_tickets", "nothing"
]
Moment = Annotated[datetime, Meta(tz=True)]
Nonce = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{1,64}$(?!\n)")]
Question = Annotated[str, Meta(min_length=1, max_length=300)]


class PrizeBody(Body, kw_only=True):
    """``what``: SKU, or the code of a promotion, game or draw. ``stock`` null: as many as won.

    ``amount``: points in their smallest unit, money of a gift card in minor units, else pieces.
    """

    code: Slug
    label: Label
    kind: Kind
    what: Annotated[str, Meta(max_length=80)] = ""
    amount: Positive = 1
    weight: Weight = 1
    stock: Pieces | None = None
    cost_minor: Minor = 0
    value_minor: Minor = 0
    is_consolation: bool = False


class SetBody(Body, kw_only=True):
    """Prizes for members with the tag and of the tier; exactly one set names neither."""

    code: Slug = "all"
    tag: Annotated[str, Meta(max_length=80)] = ""
    tier: Annotated[str, Meta(max_length=40)] = ""
    prizes: Annotated[list[PrizeBody], Meta(min_length=1, max_length=24)]


class QuestionBody(Body, kw_only=True):
    """``right`` is the number of the right option, from 0."""

    text: Question
    options: Annotated[list[Question], Meta(min_length=2, max_length=6)]
    right: Annotated[int, Meta(ge=0, le=5)]


class GameBody(Body, kw_only=True):
    """A game as a whole. Prizes are known by their codes."""

    code: Code
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    sets: Annotated[list[SetBody], Meta(min_length=1, max_length=10)]
    form: Literal["wheel", "scratch", "slot", "quiz"] = "wheel"
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    on_empty: Literal["substitute", "pause"] = "substitute"
    budget_minor: Minor | None = None
    expected_plays: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    period_days: Annotated[int, Meta(ge=1, le=366)] = 7
    terms: Annotated[str, Meta(max_length=4_000)] = ""
    questions: Annotated[list[QuestionBody], Meta(max_length=10)] = []


class PlayBody(Body, kw_only=True):
    """``nonce`` is the player's own number, ``reference`` names the play: once for ever."""

    member: UUID
    nonce: Nonce
    reference: Reference
    answers: Annotated[list[Annotated[int, Meta(ge=0, le=5)]], Meta(max_length=10)] = []
    store: str | None = None


class LinkBody(Body, kw_only=True):
    member: UUID


class LinkOut(msgspec.Struct, kw_only=True):
    """The address where the member plays in a browser, without a log-in."""

    url: str
    expires_at: datetime


class PrizeOut(msgspec.Struct, kw_only=True):
    code: str
    label: str
    kind: str
    what: str
    amount: int
    weight: int
    stock: int | None
    given: int
    cost_minor: int
    value_minor: int
    is_consolation: bool


class SetOut(msgspec.Struct, kw_only=True):
    """``win_basis_points``: the chance to win. Money per play and for the plays to expect."""

    code: str
    tag: str
    tier: str
    win_basis_points: int
    cost_per_play_minor: int
    expected_cost_minor: int
    prizes: list[PrizeOut]


class GameOut(msgspec.Struct, kw_only=True):
    id: UUID
    code: str
    name: str
    form: str
    state: str
    starts_at: datetime | None
    ends_at: datetime | None
    on_empty: str
    budget_minor: int | None
    spent_minor: int
    expected_plays: int
    period_days: int
    terms: str
    questions: list[dict[str, Any]]
    sets: list[SetOut] | UnsetType = UNSET


class TurnsOut(msgspec.Struct, kw_only=True):
    """One game as a member sees it. ``closed``: why it cannot be played now, or empty."""

    game: UUID
    code: str
    name: str
    form: str
    turns: int
    closed: str


class TurnsListOut(msgspec.Struct, kw_only=True):
    data: list[TurnsOut]


class WinOut(msgspec.Struct, kw_only=True):
    """A prize. ``due``: it waits to be handed over. Values in minor units."""

    id: UUID
    kind: str
    code: str
    amount: int
    label: str
    value_minor: int
    state: str
    source: str
    won_at: datetime
    handed_at: datetime | None
    proof: str
    coupons: list[str]


class PlayOut(msgspec.Struct, kw_only=True):
    """``drawn`` is what the numbers said, ``prize`` what was given; null: no draw, no prize."""

    id: UUID
    game: str
    sequence: int
    nonce: str
    drawn: str | None
    prize: str | None
    label: str
    win: WinOut | None
    door: str
    played_at: datetime
    verify_url: str


class StepOut(msgspec.Struct, kw_only=True):
    counter: int
    hmac: str
    number: str
    taken: bool


class CheckOut(msgspec.Struct, kw_only=True):
    """A play computed once more. Without a published seed only what was committed is told."""

    play: UUID
    period: UUID
    seed_hash: str
    table_hash: str
    revealed_at: datetime | None
    seed: str | None
    message: str
    total_weight: int
    steps: list[StepOut]
    value: int | None
    recorded_value: int | None
    drawn: str | None
    given: str | None
    agrees: bool | None


class PeriodOut(msgspec.Struct, kw_only=True):
    """``seed`` is null until the period is over."""

    id: UUID
    number: int
    starts_at: datetime
    ends_at: datetime
    seed_hash: str
    table_hash: str
    table: dict[str, Any]
    revealed_at: datetime | None
    seed: str | None


class GamePage(msgspec.Struct, kw_only=True):
    data: list[GameOut]
    next: str | None
    has_more: bool


class PlayPage(msgspec.Struct, kw_only=True):
    data: list[PlayOut]
    next: str | None
    has_more: bool


class PeriodPage(msgspec.Struct, kw_only=True):
    data: list[PeriodOut]
    next: str | None
    has_more: bool


def plans_of(body: GameBody) -> list[SetPlan]:
    return [
        SetPlan(
            tuple(PrizePlan(**msgspec.structs.asdict(prize)) for prize in one.prizes),
            one.code,
            one.tag,
            one.tier,
        )
        for one in body.sets
    ]


def fill(game: Game, body: GameBody) -> Game:
    for name in GameBody.__struct_fields__:
        if name not in ("sets", "questions"):
            setattr(game, name, getattr(body, name))
    game.questions = [msgspec.to_builtins(one) for one in body.questions]
    return game


def game_out(game: Game, *, whole: bool = False) -> GameOut:
    names = [name for name in GameOut.__struct_fields__ if name not in ("id", "sets")]
    told = {name: getattr(game, name) for name in names}
    return GameOut(id=game.public_id, **told, sets=_sets_out(game) if whole else UNSET)


def _sets_out(game: Game) -> list[SetOut]:
    floor = prize_settings(game.programme).win_floor_basis_points
    told = pictures(chances_of(game), plays=game.expected_plays, floor_basis_points=floor)
    shown = {one.code: one for one in told}
    return [_set_out(one, shown[one.code]) for one in game.prize_sets.prefetch_related("prizes")]


def _set_out(one: Any, told: SetPicture) -> SetOut:
    return SetOut(
        code=one.code,
        tag=one.tag,
        tier=one.tier,
        win_basis_points=told.picture.win_basis_points,
        cost_per_play_minor=told.picture.per_play_minor,
        expected_cost_minor=told.picture.total_minor,
        prizes=[
            PrizeOut(**{name: getattr(prize, name) for name in PrizeOut.__struct_fields__})
            for prize in one.prizes.all()
        ],
    )


def win_out(win: PrizeWin) -> WinOut:
    plain = [name for name in WinOut.__struct_fields__ if name not in ("id", "coupons")]
    told = {name: getattr(win, name) for name in plain}
    return WinOut(id=win.public_id, coupons=win.detail.get("coupons", []), **told)


def play_out(play: GamePlay, verify_url: str) -> PlayOut:
    return PlayOut(
        id=play.public_id,
        game=play.game.code,
        sequence=play.sequence,
        nonce=play.nonce,
        drawn=play.drawn.code if play.drawn else None,
        prize=play.prize.code if play.prize else None,
        label=play.prize.label if play.prize else "",
        win=win_out(play.win) if play.win else None,
        door=play.door,
        played_at=play.played_at,
        verify_url=verify_url,
    )


def check_out(checked: Checked) -> CheckOut:
    play, period = checked.play, checked.play.period
    return CheckOut(
        play=play.public_id,
        period=period.public_id,
        seed_hash=period.seed_hash,
        table_hash=period.table_hash,
        revealed_at=period.revealed_at,
        seed=checked.seed or None,
        message=checked.message,
        total_weight=checked.total,
        # Beyond 2^53 a JSON number is not read the same everywhere.
        steps=[
            StepOut(counter=one.counter, hmac=one.digest, number=str(one.number), taken=one.taken)
            for one in checked.steps
        ],
        value=checked.value,
        recorded_value=play.value,
        drawn=play.drawn.code if play.drawn else None,
        given=play.prize.code if play.prize else None,
        agrees=checked.agrees if checked.seed else None,
    )


def period_out(period: GamePeriod) -> PeriodOut:
    plain = [name for name in PeriodOut.__struct_fields__ if name not in ("id", "seed")]
    told = {name: getattr(period, name) for name in plain}
    return PeriodOut(id=period.public_id, seed=period.seed if period.revealed_at else None, **told)
