"""Winners answer, drop out, get their prize; the next reserve moves up.

Lock order: the draw, the winner's wallet when points are won, then the prize's row.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import Store
from rewards.errors import DrawState
from rewards.models import Draw, DrawPrize, DrawWinner, PrizeWin
from rewards.services.draws.steps import locked, tell
from rewards.services.prizes import What, cancel_prize, give_prize, hand_over

State = DrawWinner.State


@transaction.atomic
def accept_win(*, winner: DrawWinner, actor: Actor) -> DrawWinner:
    """The winner wants the prize: points and coupons are given now, the rest is due."""
    draw, held = _held(winner, State.ASKED)
    prize = held.prize
    assert prize is not None
    held.win = give_prize(
        programme=draw.programme,
        member=held.entry.member,
        what=What(prize.kind, prize.what, prize.amount),
        label=prize.label,
        value_minor=prize.value_minor,
        source=f"draw:{draw.public_id}",
        source_ref=str(held.place),
        at=clock.now(),
        actor=actor,
    )
    given = held.win.state == PrizeWin.State.GIVEN
    held.state = State.ACCEPTED
    held.save(update_fields=["state", "win"])
    tell(draw, "draw.accepted", actor, {"place": held.place})
    if given:
        held.state = State.HANDED
        held.save(update_fields=["state"])
    return held


@transaction.atomic
def refuse_win(*, winner: DrawWinner, note: str, actor: Actor) -> DrawWinner | None:
    """The winner does not want the prize, or may not have it; the next reserve moves up."""
    if not note.strip():
        raise ValidationFailed(_("Say why."), pointer="/note")
    draw, held = _held(winner, State.ASKED, State.ACCEPTED)
    if held.win:
        cancel_prize(win=held.win, programme=draw.programme, reason=note, actor=actor)
    return _drop(draw, held, State.REFUSED, note.strip(), actor)


@transaction.atomic
def hand_over_win(
    *,
    winner: DrawWinner,
    proof: str,
    store: Store | None = None,
    gift_card: str = "",
    actor: Actor,
) -> DrawWinner:
    """The prize is in the winner's hands; ``proof`` says by which paper."""
    draw, held = _held(winner, State.ACCEPTED)
    assert held.win is not None
    hand_over(win=held.win, proof=proof, store=store, gift_card=gift_card, actor=actor)
    held.state = State.HANDED
    held.save(update_fields=["state"])
    tell(draw, "draw.prize_handed_over", actor, {"place": held.place})
    return held


def expire_answers(now: datetime) -> int:
    """Winners who did not answer in time drop out; how many did. A repeat finds them gone."""
    due = DrawWinner.objects.filter(state=State.ASKED, answer_by__lte=now)
    return sum(_expire(winner, now) for winner in list(due.order_by("answer_by", "pk")[:500]))


@transaction.atomic
def _expire(winner: DrawWinner, now: datetime) -> bool:
    try:
        draw, held = _held(winner, State.ASKED)
    except DrawState:
        return False
    if held.answer_by is None or held.answer_by > now:
        return False
    _drop(draw, held, State.SILENT, "", SYSTEM)
    return True


def _drop(
    draw: Draw, held: DrawWinner, state: DrawWinner.State, note: str, actor: Actor
) -> DrawWinner | None:
    held.state, held.note = state, note
    held.save(update_fields=["state", "note"])
    tell(draw, "draw.dropped_out", actor, {"place": held.place}, note)
    assert held.prize is not None
    return _move_up(draw, held.prize, actor)


def _move_up(draw: Draw, prize: DrawPrize, actor: Actor) -> DrawWinner | None:
    """The first reserve, in the order of the draw, is asked about the prize that is free."""
    reserve = draw.winners.filter(state=State.RESERVE).order_by("place").first()
    if reserve is None:
        return None
    reserve.state, reserve.prize = State.ASKED, prize
    reserve.answer_by = clock.now() + timedelta(days=draw.answer_days)
    reserve.save(update_fields=["state", "prize", "answer_by"])
    tell(draw, "draw.moved_up", actor, {"place": reserve.place})
    return reserve


def _held(winner: DrawWinner, *allowed: DrawWinner.State) -> tuple[Draw, DrawWinner]:
    """Under the lock of the draw: only one answer of all its winners is taken at a time."""
    draw = locked(winner.draw, Draw.State.DRAWN)
    held = DrawWinner.objects.select_related("entry__member", "prize", "win").get(pk=winner.pk)
    if held.state not in allowed:
        raise DrawState(state=held.state)
    return draw, held
