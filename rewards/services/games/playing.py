"""One play: a turn is used, the numbers decide, the prize is claimed and given. All or nothing.

Lock order: the member's wallet (so a member's plays come one after another), the
balance of turns, the game's budget, the prize's stock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import SourceRefConflict, ValidationFailed
from loyalty_crm.kernel.ids import uuid7
from members.errors import MemberNotActive
from members.models import Member, MemberTag, Store
from rewards.errors import GameClosed, NoTurnsLeft
from rewards.models import (
    AwardMove,
    Game,
    GamePeriod,
    GamePlay,
    GamePrize,
    PrizeKind,
    TierMembership,
)
from rewards.rules import fair
from rewards.services.games.claiming import claim, pause_when_empty
from rewards.services.games.periods import current_period
from rewards.services.ledger import lock_wallet, wallet_for
from rewards.services.prizes import What, give_prize, turns_of


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the numbers said: the value, and the prize that it means."""

    value: int | None
    prize: GamePrize | None


def play(
    *,
    game: Game,
    member: Member,
    nonce: str,
    reference: str,
    answers: Sequence[int] = (),
    door: str,
    store: Store | None = None,
    actor: Actor,
) -> GamePlay:
    """Use one turn of the member, once for each ``reference``; a repeat answers with the first.

    ``nonce`` is the player's own number, ``answers`` those of a quiz. Refused without
    using a turn: ``GameClosed``, ``NoTurnsLeft``, ``MemberNotActive``.
    """
    _refuse_shape(game, nonce, answers)
    try:
        with transaction.atomic():
            return _play(
                game, member, nonce=nonce, reference=reference, answers=list(answers),
                door=door, store=store, actor=actor,
            )  # fmt: skip
    except IntegrityError as refused:
        diag = getattr(refused.__cause__, "diag", None)
        if getattr(diag, "constraint_name", "") == "turns_never_overspent":
            raise NoTurnsLeft from refused
        raise


def _refuse_shape(game: Game, nonce: str, answers: Sequence[int]) -> None:
    if not fair.is_nonce(nonce):
        text = _("1 to 64 Latin letters, digits, “-” or “_”.")
        raise ValidationFailed(text, pointer="/nonce")
    questions = game.questions if game.form == Game.Form.QUIZ else []
    fits = len(answers) == len(questions) and all(
        0 <= given < len(question["options"])
        for given, question in zip(answers, questions, strict=True)
    )
    if not fits:
        raise ValidationFailed(_("Answer every question."), pointer="/answers")


def _play(
    game: Game,
    member: Member,
    *,
    nonce: str,
    reference: str,
    answers: list[int],
    door: str,
    store: Store | None,
    actor: Actor,
) -> GamePlay:
    lock_wallet(wallet_for(member.pk, game.programme).pk)
    if known := GamePlay.objects.filter(member=member, reference=reference).first():
        return _same(known, game)
    now, public_id = clock.now(), uuid7()
    game = Game.objects.select_related("programme").get(pk=game.pk)
    _refuse_closed(game, member, now)
    period = current_period(game, now)
    _spend_turn(game, member, str(public_id))
    sequence = GamePlay.objects.filter(period=period, member=member).count() + 1
    player = fair.player_code(str(period.public_id), str(member.public_id))
    prize_set = set_for(period.table, member, game)
    drawn = Drawn(None, None)
    if passed(game, answers):
        message = fair.play_message(
            str(period.public_id), player, sequence, nonce, prize_set["code"]
        )
        drawn = _draw(period, prize_set, message)
    prize = claim(game, drawn.prize) if drawn.prize else None
    made = GamePlay(
        public_id=public_id, period=period, game=game, member=member, sequence=sequence,
        nonce=nonce, player=player, prize_set=prize_set["code"], value=drawn.value,
        drawn=drawn.prize, prize=prize, answers=answers, door=door, store=store,
        actor=actor.label, reference=reference, played_at=now,
    )  # fmt: skip
    if prize and prize.wins:
        made.win = _give(made, prize, now, actor)
        pause_when_empty(game, prize)
    made.save(force_insert=True)
    outbox.emit(
        "game.played",
        object_type="play",
        object_id=str(public_id),
        data={"game": game.code, "prize": prize.code if prize else None, "door": door},
    )
    return made


def _same(known: GamePlay, game: Game) -> GamePlay:
    if known.game_id != game.pk:
        raise SourceRefConflict(source_ref=known.reference)
    return known


def _refuse_closed(game: Game, member: Member, now: datetime) -> None:
    if not Member.objects.filter(pk=member.pk, status=Member.Status.ACTIVE).exists():
        raise MemberNotActive
    if reason := closed_because(game, now):
        raise GameClosed(state=reason)


def closed_because(game: Game, now: datetime) -> str:
    """Why a game cannot be played at the moment; empty when it can."""
    if game.state != Game.State.RUNNING:
        return str(game.state)
    if game.starts_at and now < game.starts_at:
        return "not_begun"
    return "ended" if game.ends_at and now >= game.ends_at else ""


def _spend_turn(game: Game, member: Member, play_id: str) -> None:
    """The look tells a player kindly; the database's trigger is what no race gets past."""
    if not turns_of(member_id=member.pk, kind=PrizeKind.PLAYS, code=game.code):
        raise NoTurnsLeft
    AwardMove.objects.create(
        member=member, kind=PrizeKind.PLAYS, code=game.code, amount=-1, reason=f"play:{play_id}"
    )


def set_for(table: dict[str, Any], member: Member, game: Game) -> dict[str, Any]:
    """The first set that names the member's tags and tier, else the one for all."""
    tags = set(MemberTag.objects.in_force(clock.now()).filter(member=member).values_list("tag_id"))
    tiers = TierMembership.objects.filter(
        member=member, structure__programme=game.programme_id, structure__is_primary=True
    )
    tier = tiers.values_list("tier__code", flat=True).first() or ""
    named = [one for one in table["sets"] if one["tag"] or one["tier"]]
    rest = [one for one in table["sets"] if not (one["tag"] or one["tier"])]
    for one in named:
        if (not one["tag"] or (one["tag"],) in tags) and one["tier"] in ("", tier):
            return dict(one)
    return dict(rest[0])


def passed(game: Game, answers: Sequence[int]) -> bool:
    """Whether every answer of a quiz is right; other games ask nothing."""
    if game.form != Game.Form.QUIZ:
        return True
    return all(
        given == question["right"] for given, question in zip(answers, game.questions, strict=True)
    )


def _draw(period: GamePeriod, prize_set: dict[str, Any], message: str) -> Drawn:
    prizes = prize_set["prizes"]
    weights = [prize["weight"] for prize in prizes]
    value = fair.even(period.seed, message, sum(weights)).value
    chosen = prizes[fair.pick(weights, value)]
    return Drawn(value, GamePrize.objects.get(pk=chosen["id"]))


def _give(made: GamePlay, prize: GamePrize, now: datetime, actor: Actor) -> Any:
    return give_prize(
        programme=made.game.programme,
        member=made.member,
        what=What(prize.kind, prize.what, prize.amount),
        label=prize.label,
        value_minor=prize.value_minor,
        source=f"game:{made.game.public_id}",
        source_ref=str(made.public_id),
        detail={"cost_minor": prize.cost_minor},
        at=now,
        actor=actor,
    )
