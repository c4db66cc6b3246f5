"""A play that is undone: the prize comes back, and the member has the turn again."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit, outbox
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import PlayState
from rewards.models import AwardMove, GamePlay, GamePlayReversal, PrizeKind
from rewards.services.games.claiming import give_back
from rewards.services.ledger import lock_wallet, wallet_for
from rewards.services.prizes import cancel_prize


@transaction.atomic
def cancel_play(*, play: GamePlay, reason: str, actor: Actor) -> GamePlayReversal:
    """Undo a play, once. Locks the member's wallet, then the prize that was won.

    Refused when the prize cannot come back (``PrizeState``): a coupon that was used.
    """
    if not reason.strip():
        raise ValidationFailed(_("Say why."), pointer="/reason")
    lock_wallet(wallet_for(play.member_id, play.game.programme).pk)
    undone = _written(play, reason, actor)
    if play.win:
        cancel_prize(win=play.win, programme=play.game.programme, reason=reason, actor=actor)
    if play.prize and play.win:
        give_back(play.game, play.prize, play.win.detail.get("cost_minor", 0))
    AwardMove.objects.create(
        member_id=play.member_id, kind=PrizeKind.PLAYS, code=play.game.code, amount=1,
        reason=f"unplay:{play.public_id}",
    )  # fmt: skip
    outbox.emit("game.play_cancelled", object_type="play", object_id=str(play.public_id))
    audit.record(
        action="game.play_cancelled",
        object_type="play",
        object_id=str(play.public_id),
        reason=reason,
        actor=actor,
    )
    return undone


def _written(play: GamePlay, reason: str, actor: Actor) -> GamePlayReversal:
    try:
        with transaction.atomic():
            return GamePlayReversal.objects.create(
                play=play, reason=reason.strip(), actor=actor.label
            )
    except IntegrityError as twice:
        raise PlayState(state="undone") from twice
