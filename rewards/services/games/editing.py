"""A game is worded as a whole: its settings, its sets of prizes, their odds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.problems import fault
from rewards.errors import GameInvalid, GameState
from rewards.models import Game, GamePrize, GamePrizeSet, PrizeKind, Programme
from rewards.rules.odds import Chance, is_below, win_chance
from rewards.services.games.odds import chance_of
from rewards.services.prizes import What, prize_settings, what_faults

MOST_SETS, MOST_PRIZES, MOST_WEIGHT = 10, 24, 1_000_000
#: So many at the dearest prize are still a number that everybody can read.
MOST_PLAYS = 1_000_000
State, OnEmpty = Game.State, Game.OnEmpty


@dataclass(frozen=True, slots=True)
class PrizePlan:
    """One prize as somebody words it. ``stock`` None: as many as are won."""

    code: str
    label: str
    kind: str
    what: str = ""
    amount: int = 1
    weight: int = 1
    stock: int | None = None
    cost_minor: int = 0
    value_minor: int = 0
    is_consolation: bool = False

    @property
    def wins(self) -> bool:
        return self.kind != PrizeKind.NOTHING

    @property
    def chance(self) -> Chance:
        return chance_of(self.label, self.weight, self.kind, self.cost_minor, self.stock)


@dataclass(frozen=True, slots=True)
class SetPlan:
    """Prizes for members with the tag and of the tier; with neither for all the others."""

    prizes: tuple[PrizePlan, ...]
    code: str = "all"
    tag: str = ""
    tier: str = ""


@transaction.atomic
def save_game(*, game: Game, sets: Sequence[SetPlan], actor: Actor) -> Game:
    """Write a game that does not run, with its prizes. Locks the programme, then the game.

    Prizes are known by their codes; one that was won stays, and never has less
    stock than was given. Refused as a whole with every fault: ``GameInvalid``.
    """
    Programme.objects.select_for_update(no_key=True).get(pk=game.programme_id)
    if game.pk:
        _refuse_running(game)
    if errors := list(faults(game, sets)):
        raise GameInvalid(errors=errors)
    game.save()
    _write_sets(game, sets)
    audit.record(
        action="game.saved",
        object_type="game",
        object_id=str(game.public_id),
        after={one.code: {prize.code: prize.weight for prize in one.prizes} for one in sets},
        actor=actor,
    )
    return game


def _refuse_running(game: Game) -> None:
    held = Game.objects.select_for_update(no_key=True).get(pk=game.pk)
    game.state, game.spent_minor = held.state, held.spent_minor
    if held.state not in (State.DRAFT, State.PAUSED):
        raise GameState(_("Pause the game before you change its prizes."), state=held.state)


def faults(game: Game, sets: Sequence[SetPlan]) -> Iterator[dict[str, Any]]:
    """Whatever does not fit together, each with a pointer to it."""
    twins = Game.objects.filter(programme=game.programme_id, code=game.code).exclude(pk=game.pk)
    if twins.exists():
        yield fault("/code", "taken", _("A game with this code exists."))
    if game.starts_at and game.ends_at and game.ends_at <= game.starts_at:
        yield fault("/ends_at", "order", _("The end lies before the beginning."))
    if game.budget_minor is not None and game.budget_minor < game.spent_minor:
        yield fault("/budget_minor", "spent", _("More than this is spent already."))
    if not 1 <= game.expected_plays <= MOST_PLAYS:
        yield fault("/expected_plays", "range", _("Expect 1 to 1000000 plays."))
    if game.form == Game.Form.QUIZ and not game.questions:
        yield fault("/questions", "missing", _("A quiz has questions."))
    if any(one["right"] >= len(one["options"]) for one in game.questions):
        yield fault("/questions", "no_answer", _("A question has no right answer."))
    if not 1 <= len(sets) <= MOST_SETS or sum(not (one.tag or one.tier) for one in sets) != 1:
        yield fault(
            "/sets", "one_for_all",
            _("One set of prizes is for all the members that no other set names."),
        )  # fmt: skip
    if len({one.code for one in sets}) < len(sets):
        yield fault("/sets", "codes_differ", _("Two sets have the same code."))
    floor = prize_settings(game.programme).win_floor_basis_points
    for number, one in enumerate(sets):
        yield from _set_faults(game, one, floor, f"/sets/{number}")


def _set_faults(game: Game, one: SetPlan, floor: int, at: str) -> Iterator[dict[str, Any]]:
    if not 1 <= len(one.prizes) <= MOST_PRIZES:
        yield fault(f"{at}/prizes", "count", _("A set has 1 to 24 prizes."))
        return
    if len({prize.code for prize in one.prizes}) < len(one.prizes):
        yield fault(f"{at}/prizes", "codes_differ", _("Two prizes have the same code."))
    for number, prize in enumerate(one.prizes):
        yield from _prize_faults(game, prize, f"{at}/prizes/{number}")
    chances = [prize.chance for prize in one.prizes]
    if is_below(chances, floor):
        chance = win_chance(chances)
        text = _("The chance to win is %(chance)s %%, the least allowed is %(floor)s %%.")
        said = {"chance": f"{chance / 100:.2f}", "floor": f"{floor / 100:.2f}"}
        yield fault(f"{at}/prizes", "below_floor", text % said, chance=chance, floor=floor)
    if _may_run_dry(game, one) and not any(prize.is_consolation for prize in one.prizes):
        yield fault(
            f"{at}/prizes", "no_consolation",
            _("Prizes may run out here: name a consolation prize without a number of pieces."),
        )  # fmt: skip


def _may_run_dry(game: Game, one: SetPlan) -> bool:
    limited = game.budget_minor is not None or any(
        prize.wins and prize.stock is not None for prize in one.prizes
    )
    return game.on_empty == OnEmpty.SUBSTITUTE and limited


def _prize_faults(game: Game, prize: PrizePlan, at: str) -> Iterator[dict[str, Any]]:
    for text in what_faults(game.programme, What(prize.kind, prize.what, prize.amount)):
        yield fault(f"{at}/what", "unknown", f"{prize.label}: {text}")
    if not 0 <= prize.weight <= MOST_WEIGHT:
        yield fault(f"{at}/weight", "range", _("A weight is a number from 0 to 1000000."))
    if prize.is_consolation and (prize.stock is not None or not prize.wins):
        yield fault(
            f"{at}/is_consolation", "runs_out", _("A consolation prize wins and never runs out.")
        )


def _write_sets(game: Game, sets: Sequence[SetPlan]) -> None:
    """Consolation marks may trade places, so all are taken off first."""
    GamePrize.objects.filter(prize_set__game=game).update(is_consolation=False)
    for gone in game.prize_sets.exclude(code__in=[one.code for one in sets]):
        _drop(gone.prizes.all(), gone)
    # For a moment no set may be for all: which one is may change with the wording.
    for number, known in enumerate(game.prize_sets.all()):
        known.tag, known.tier = f"?{number}", ""
        known.save(update_fields=["tag", "tier"])
    for rank, one in enumerate(sets):
        values = {"rank": rank, "tag": one.tag, "tier": one.tier}
        held, _new = GamePrizeSet.objects.update_or_create(
            game=game, code=one.code, defaults=values
        )
        _write_prizes(held, one.prizes)


def _write_prizes(held: GamePrizeSet, prizes: Sequence[PrizePlan]) -> None:
    _drop(held.prizes.exclude(code__in=[one.code for one in prizes]))
    known = {prize.code: prize for prize in held.prizes.all()}
    for rank, one in enumerate(prizes):
        row = known.get(one.code) or GamePrize(prize_set=held, code=one.code)
        if one.stock is not None and one.stock < row.given:
            text = _("%(given)s pieces of “%(label)s” are given already.")
            told = text % {"given": row.given, "label": row.label}
            raise GameInvalid(errors=[fault("/sets", "given", told, given=row.given)])
        row.rank = rank
        for name in (
            "label", "kind", "what", "amount", "weight", "stock", "cost_minor", "value_minor",
            "is_consolation",
        ):  # fmt: skip
            setattr(row, name, getattr(one, name))
        row.save()


def _drop(prizes: Any, whole: GamePrizeSet | None = None) -> None:
    try:
        prizes.delete()
        if whole:
            whole.delete()
    except ProtectedError as won:
        text = _("A prize that was drawn stays: give it the weight 0 instead.")
        raise GameInvalid(errors=[fault("/sets", "was_drawn", text)]) from won
