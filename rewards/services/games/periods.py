"""Periods of a game: the seed and the odds are committed before, the seed published after."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from loyalty_crm.kernel import outbox
from rewards.models import Game, GamePeriod
from rewards.rules import fair


def table_of(game: Game) -> dict[str, Any]:
    """What is committed besides the seed: who plays for which prizes, at which weights."""
    sets = game.prize_sets.prefetch_related("prizes")
    return {
        "sets": [
            {
                "code": one.code,
                "tag": one.tag,
                "tier": one.tier,
                "prizes": [
                    {"id": prize.pk, "code": prize.code, "label": prize.label,
                     "weight": prize.weight, "wins": prize.wins}
                    for prize in one.prizes.all()
                ],
            }
            for one in sets
        ]
    }  # fmt: skip


@transaction.atomic
def current_period(game: Game, now: datetime) -> GamePeriod:
    """The period of the moment, opened when there is none. Locks the game only to open one."""
    if found := _open(game, now):
        return found
    Game.objects.select_for_update(no_key=True).get(pk=game.pk)
    return _open(game, now) or _begin(game, now)


def _open(game: Game, now: datetime) -> GamePeriod | None:
    return GamePeriod.objects.filter(game=game).open_at(now).order_by("-number").first()


def _begin(game: Game, now: datetime) -> GamePeriod:
    seed, table = fair.new_seed(), table_of(game)
    last: int | None = game.periods.aggregate(last=Max("number"))["last"]
    ends = now + timedelta(days=game.period_days)
    period = GamePeriod.objects.create(
        game=game,
        number=(last or 0) + 1,
        seed=seed,
        seed_hash=fair.commitment(seed),
        table=table,
        table_hash=fair.fingerprint(fair.canonical(table)),
        starts_at=now,
        ends_at=min(ends, game.ends_at) if game.ends_at and game.ends_at > now else ends,
    )
    told: dict[str, object] = {"game": game.code, "number": period.number}
    told |= {"seed_hash": period.seed_hash, "table_hash": period.table_hash}
    outbox.emit(
        "game.period_committed", object_type="game", object_id=str(game.public_id), data=told
    )
    return period


def close_period(game: Game, now: datetime) -> None:
    """End the open period before its time; what was played in it stays to be checked."""
    for period in GamePeriod.objects.filter(game=game).open_at(now):
        period.ends_at = max(now, period.starts_at)
        period.save(update_fields=["ends_at"])


def reveal_due(now: datetime) -> int:
    """Publish the seeds of the periods that are over; how many were. A repeat does nothing.

    A play of the last moment is waited for, or refused: the database keeps the order.
    """
    due = list(GamePeriod.objects.due(now).order_by("ends_at", "pk").select_related("game")[:200])
    return sum(_reveal(period, now) for period in due)


@transaction.atomic
def _reveal(period: GamePeriod, now: datetime) -> bool:
    if not GamePeriod.objects.due(now).filter(pk=period.pk).update(revealed_at=now):
        return False
    told: dict[str, object] = {"number": period.number, "seed": period.seed}
    outbox.emit(
        "game.seed_published",
        object_type="game",
        object_id=str(period.game.public_id),
        data=told,
    )
    return True
