"""Posting a retroactive batch, and taking it back: some items a transaction, each item once.

An item's entry in the ledger is named after it, so neither a crash nor a second
worker doubles it. Wallets are locked in the ledger's order before anything moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count

from loyalty_crm.kernel import jobs
from loyalty_crm.kernel.models import Job
from members.models import Receipt
from rewards.models import RetroBatch, RetroItem
from rewards.rules.expiry import NEVER
from rewards.services.history.wallets import Account, accounts_of
from rewards.services.ledger import Earn, Event, post_many
from rewards.services.tryout.retro import APPLY, UNDO
from rewards.services.tryout.retro_limits import Budget, give_back
from rewards.services.tryout.work import Pace

#: Items of one transaction: as long as it runs, the tills of these members wait.
TOGETHER = 200
State = RetroItem.State

_POSTED = """
    SELECT t.source_ref, t.id, coalesce(sum(e.amount), 0)::bigint
      FROM rewards_ledgertx t LEFT JOIN rewards_ledgerentry e ON e.tx_id = t.id
     WHERE t.source = %s AND t.op = %s AND t.source_ref = ANY(%s)
     GROUP BY t.source_ref, t.id
"""


def run_next(*, pace: Pace | None = None, together: int = TOGETHER) -> bool:
    """Do one turn of the oldest batch that waits to be posted or undone; False when none does."""
    job = jobs.claim(APPLY) or jobs.claim(UNDO)
    if job is None:
        return False
    batch = RetroBatch.objects.select_related("programme").get(pk=job.params["batch"])
    try:
        _turn(batch, job, pace or Pace(), together)
    except jobs.JobLost:
        pass
    except Exception as failure:
        jobs.fail(job, error=type(failure).__name__)
        raise
    return True


def _turn(batch: RetroBatch, job: Job, pace: Pace, together: int) -> None:
    stage, work = (State.PLANNED, _post) if job.kind == APPLY else (State.APPLIED, _take_back)
    while _some(batch, job, stage, together, work):
        if pace.is_over():
            jobs.release(job)
            return
    states = RetroBatch.State
    if job.kind == APPLY:
        _end(batch, job, states.APPLYING, states.APPLIED)
    else:
        _end(batch, job, states.UNDOING, states.UNDONE)


Work = Callable[[RetroBatch, Job, Sequence[RetroItem]], None]


@transaction.atomic
def _some(batch: RetroBatch, job: Job, state: str, together: int, work: Work) -> bool:
    """Work on the next items of a state, in order; False when there are none."""
    after = int(job.checkpoint.get("item", 0))
    waiting = RetroItem.objects.filter(batch=batch, state=state, pk__gt=after).order_by("pk")
    items = list(waiting[:together])
    if items:
        work(batch, job, items)
        jobs.advance(job, done=job.done + len(items), checkpoint={"item": items[-1].pk})
    return bool(items)


def _post(batch: RetroBatch, job: Job, items: Sequence[RetroItem]) -> None:
    """Post what the limits leave room for. Locks the wallets, then the counters."""
    accounts = _accounts(batch, items)
    budget = Budget([item for item in items if accounts[item.member_id].may_earn], accounts)
    fitting = [item for item in items if not budget.is_full_for(item)]
    posted = _move(batch, job, "retro", [(item, item.points, None) for item in fitting], accounts)
    budget.claim(posted)
    for item in items:
        left_out = State.FULL if budget.is_full_for(item) else State.SKIPPED
        item.state = State.APPLIED if item.pk in posted else left_out
        item.tx_id, item.moved = posted.get(item.pk, (None, 0))
    RetroItem.objects.bulk_update(items, ["state", "tx", "moved"])


def _take_back(batch: RetroBatch, job: Job, items: Sequence[RetroItem]) -> None:
    """The opposite of what moved. Items of accounts that are not open stay as they are."""
    accounts = _accounts(batch, items)
    moves = [(item, -item.moved, item.tx_id) for item in items]
    posted = _move(batch, job, "retro_undo", moves, accounts)
    give_back([item for item in items if item.pk in posted], accounts)
    for item in items:
        if item.pk in posted or not item.moved:
            item.state = State.UNDONE
            item.undo_tx_id, item.back = posted.get(item.pk, (None, 0))
    RetroItem.objects.bulk_update(items, ["state", "undo_tx", "back"])


def _accounts(batch: RetroBatch, items: Sequence[RetroItem]) -> dict[int, Account]:
    return accounts_of({item.member_id for item in items}, batch.programme, lock=True)


Move = tuple[RetroItem, int, int | None]


def _move(
    batch: RetroBatch, job: Job, op: str, moves: Sequence[Move], accounts: Mapping[int, Account]
) -> dict[int, tuple[int, int]]:
    """Post what can be posted; by item the transaction and what it moved. Wallets are locked.

    What is known already is found again: a repeat posts nothing.
    """
    items = [item for item, _points, _reverses in moves]
    # As of the receipt's day: points for an old purchase are no sign of life of their member.
    receipts = Receipt.objects.filter(pk__in=[item.receipt_id for item in items])
    moments = dict(receipts.values_list("pk", "occurred_at"))
    earns = []
    for item, points, reverses in moves:
        account = accounts[item.member_id]
        if points and account.may_earn:
            event = _event(batch, job, op, item, moments[item.receipt_id], reverses)
            earns.append(Earn(account.wallet_id, event, points, batch.expires_at or NEVER))
    post_many(earns)
    return _posted(batch, op, items)


def _event(
    batch: RetroBatch, job: Job, op: str, item: RetroItem, at: datetime, reverses: int | None
) -> Event:
    return Event(
        op=op,
        source=_source(batch),
        source_ref=str(item.pk),
        effective_at=at,
        actor=job.created_by,
        reason=f"{batch.reason} (#{batch.pk})",
        reverses=reverses,
    )


def _source(batch: RetroBatch) -> str:
    return f"retro:{batch.public_id}"


def _posted(batch: RetroBatch, op: str, items: Sequence[RetroItem]) -> dict[int, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_POSTED, [_source(batch), op, [str(item.pk) for item in items]])
        return {int(ref): (tx, moved) for ref, tx, moved in cursor.fetchall()}


@transaction.atomic
def _end(batch: RetroBatch, job: Job, was: str, is_now: str) -> None:
    RetroBatch.objects.filter(pk=batch.pk, state=was).update(state=is_now)
    counted = dict(
        RetroItem.objects.filter(batch=batch)
        .order_by()
        .values_list("state")
        .annotate(count=Count("pk"))
    )
    jobs.finish(job, result=counted)
