"""Pieces of rewards: counted, set aside, handed out and put back. One conditional update each.

Stock is locked last of all, so that a popular reward makes nobody wait for another's ledger.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Count, F
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ValidationFailed
from members.models import StockLevel, Store
from rewards.errors import RewardUnavailable
from rewards.models import Redemption, Reward, RewardCode, RewardStock

MOST_CODES = 10_000
Mode = Reward.Stock

_TAKE_CODE = """
    UPDATE rewards_rewardcode SET redemption_id = %s
     WHERE id = (SELECT id FROM rewards_rewardcode
                  WHERE reward_id = %s AND redemption_id IS NULL
                  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING code
"""


def free_pieces(rewards: Sequence[Reward], store: Store | None) -> dict[int, int]:
    """What may still be taken, of rewards whose number is bounded; at most three queries.

    A store's own row counts before the row of all stores; without a store, the best row.
    """
    free: dict[int, int] = {}
    free |= _of_rows([one.pk for one in rewards if one.stock_mode == Mode.COUNTED], store)
    free |= _of_levels([one for one in rewards if one.stock_mode == Mode.WAREHOUSE], store)
    free |= _of_codes([one.pk for one in rewards if one.kind == Reward.Kind.PARTNER_CODE])
    return free


def _of_rows(rewards: list[int], store: Store | None) -> dict[int, int]:
    if not rewards:
        return {}
    rows = RewardStock.objects.filter(reward__in=rewards).values_list(
        "reward_id", "store_id", F("on_hand") - F("held")
    )
    own: dict[int, int] = {}
    shared: dict[int, int] = {}
    for reward, at, free in rows:
        if at is None:
            shared[reward] = free
        elif store is None:
            own[reward] = max(free, own.get(reward, 0))
        elif at == store.pk:
            own[reward] = free
    if store is None:
        return {pk: max(own.get(pk, 0), shared.get(pk, 0)) for pk in rewards}
    return {pk: own.get(pk, shared.get(pk, 0)) for pk in rewards}


def _of_levels(rewards: list[Reward], store: Store | None) -> dict[int, int]:
    """A product without a row of stock is not counted."""
    if not rewards or store is None:
        return {}
    levels = StockLevel.objects.filter(store=store, product__in=[one.product_id for one in rewards])
    pieces = dict(levels.values_list("product_id", "quantity"))
    return {
        one.pk: pieces[one.product_id] // one.quantity
        for one in rewards
        if one.product_id in pieces
    }


def _of_codes(rewards: list[int]) -> dict[int, int]:
    if not rewards:
        return {}
    pools = RewardCode.objects.filter(reward__in=rewards, redemption=None)
    left = dict(pools.values_list("reward_id").annotate(n=Count("pk")).order_by())
    return {pk: left.get(pk, 0) for pk in rewards}


def row_for(reward: Reward, store: Store | None) -> RewardStock | None:
    """The row that a redemption at the store counts in; none unless the reward is counted."""
    if reward.stock_mode != Mode.COUNTED:
        return None
    rows = {row.store_id: row for row in RewardStock.objects.filter(reward=reward)}
    return rows.get(store.pk if store else None, rows.get(None))


def level_for(reward: Reward, store: Store | None) -> StockLevel | None:
    if reward.stock_mode != Mode.WAREHOUSE or store is None:
        return None
    return StockLevel.objects.filter(store=store, product=reward.product_id or 0).first()


def claim(redemption: Redemption, *, at_once: bool) -> None:
    """Set one piece aside, or with ``at_once`` take it out. Refused when none is free."""
    if redemption.reward.stock_mode == Mode.COUNTED:
        free = RewardStock.objects.filter(pk=redemption.stock_id or 0, on_hand__gt=F("held"))
        change = {"on_hand": F("on_hand") - 1} if at_once else {"held": F("held") + 1}
        _refuse_none(free.update(**change))
    if redemption.stock_level_id:
        pieces = redemption.issued["quantity"]
        level = StockLevel.objects.filter(pk=redemption.stock_level_id, quantity__gte=pieces)
        _refuse_none(level.update(quantity=F("quantity") - pieces))


def hand_out(redemption: Redemption) -> None:
    """The piece that was set aside leaves the shelf."""
    if redemption.stock_id:
        RewardStock.objects.filter(pk=redemption.stock_id).update(
            on_hand=F("on_hand") - 1, held=F("held") - 1
        )


def put_back(redemption: Redemption, *, was_handed_out: bool) -> None:
    """The piece is free again, and on the shelf again if it had left it."""
    if redemption.stock_id:
        change = {"on_hand": F("on_hand") + 1} if was_handed_out else {"held": F("held") - 1}
        RewardStock.objects.filter(pk=redemption.stock_id).update(**change)
    if redemption.stock_level_id:
        StockLevel.objects.filter(pk=redemption.stock_level_id).update(
            quantity=F("quantity") + redemption.issued["quantity"]
        )


def take_code(redemption: Redemption) -> str:
    """One code of the partner's pool; codes that others are taking are passed by."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_CODE, [redemption.pk, redemption.reward_id])
        row = cursor.fetchone()
    _refuse_none(row is not None)
    return str(row[0])


def _refuse_none(changed: int | bool) -> None:
    if not changed:
        raise RewardUnavailable(_("None left"), reasons=["none_left"])


@transaction.atomic
def count_stock(*, reward: Reward, store: Store | None, on_hand: int, actor: Actor) -> RewardStock:
    """Write down how many pieces lie there. Never fewer than are set aside. Locks the row."""
    RewardStock.objects.get_or_create(reward=reward, store=store)
    row = RewardStock.objects.select_for_update().get(reward=reward, store=store)
    if on_hand < row.held:
        raise ValidationFailed(
            _("%(held)s pieces are set aside for members.") % {"held": row.held},
            pointer="/on_hand",
        )
    before, row.on_hand = row.on_hand, on_hand
    row.save(update_fields=["on_hand"])
    audit.record(
        action="reward.stock_counted",
        object_type="reward",
        object_id=str(reward.public_id),
        before={"on_hand": before},
        after={"on_hand": on_hand},
        store=store.code if store else "",
        actor=actor,
    )
    return row


@transaction.atomic
def add_codes(*, reward: Reward, codes: Sequence[str], actor: Actor) -> int:
    """Put a partner's codes into the pool; those that are there already are passed by."""
    if reward.kind != Reward.Kind.PARTNER_CODE:
        raise ValidationFailed(_("Only a partner's code has a pool."), pointer="/codes")
    fresh = list(dict.fromkeys(code.strip() for code in codes if code.strip()))
    if len(fresh) > MOST_CODES or any(len(code) > 80 for code in fresh):
        raise ValidationFailed(
            _("At most 10,000 codes of up to 80 characters at once."), pointer="/codes"
        )
    known = set(
        RewardCode.objects.filter(reward=reward, code__in=fresh).values_list("code", flat=True)
    )
    rows = [RewardCode(reward=reward, code=code) for code in fresh if code not in known]
    RewardCode.objects.bulk_create(rows, ignore_conflicts=True)
    audit.record(
        action="reward.codes_added",
        object_type="reward",
        object_id=str(reward.public_id),
        after={"codes": len(rows)},
        actor=actor,
    )
    return len(rows)
