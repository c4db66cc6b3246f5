"""Batches of tills that were offline: each operation once, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import DatabaseError

from loyalty_crm.kernel import wire as kernel_wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import DomainError, NotFound, TemporarilyUnavailable
from loyalty_crm.kernel.idempotency import StoredResponse, fingerprint, run_once
from loyalty_crm.kernel.problems import problem_bytes
from rewards.services.checkout.asks import RefundAsk, Sale
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.gift_tenders import recognised
from rewards.services.checkout.guessing import guarded_ask, is_guessable, is_locked
from rewards.services.checkout.refunding import refund_purchase
from rewards.services.checkout.sold import find_sale
from rewards.services.checkout.wire import committed_out, refunded_out
from rewards.services.intake import MOST_TOGETHER, Keyed, is_simple, sell_many
from rewards.services.rule_sets import Compiled


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a till did, under its own key. ``body`` is what its fingerprint is taken of.

    The key and the fingerprint are those of the single request, so a till may send
    an operation again by batch when it never heard the answer.
    """

    key: str
    store: str
    body: object
    occurred_at: datetime
    sale: Sale | None = None
    refund: RefundAsk | None = None
    #: Of which sale the goods come back: store and receipt number.
    of: tuple[str, str] | None = None


def run_batch(
    *, operations: Sequence[Operation], compiled: Compiled, now: datetime, actor: Actor
) -> list[StoredResponse]:
    """Run every operation once; answers in the order of the request.

    Sales that stand together in time share transactions, everything else has one
    of its own. A refused operation is an answer like any other: the rest goes
    on. Repeats, inside the batch or later, answer with the first result.
    """
    answers: dict[int, StoredResponse] = {}
    for positions in _runs(operations):
        together = _together([operations[one] for one in positions], compiled, now, actor)
        for position in positions:
            operation = operations[position]
            # Popped, so that a repeat inside the batch is answered as the repeat it is.
            answer = together.pop(operation.key, None)
            answers[position] = answer or _run(operation, compiled, now, actor)
    return [answers[position] for position in range(len(operations))]


def _runs(operations: Sequence[Operation]) -> Iterator[list[int]]:
    """Positions in the order of work: runs of simple sales, and everything else alone."""
    run: list[int] = []
    for position in in_order(operations):
        sale = operations[position].sale
        if sale is not None and is_simple(sale) and len(run) < MOST_TOGETHER:
            run.append(position)
            continue
        if run:
            yield run
        run = [position] if sale is not None and is_simple(sale) else []
        if not run:
            yield [position]
    if run:
        yield run


def _together(
    operations: Sequence[Operation], compiled: Compiled, now: datetime, actor: Actor
) -> dict[str, StoredResponse]:
    """Answers of the sales that could be written in one go; the others are missing."""
    sales = [
        Keyed(one.key, fingerprint("purchases.create", {}, one.store, one.body), one.sale)
        for one in operations
        if one.sale is not None and is_simple(one.sale) and actor.may_use_store(one.store)
    ]
    # Who has guessed too often is refused one by one, whoever the buyer is.
    guessed = {one.sale.ask.store for one in sales if is_guessable(one.sale.ask)}
    locked = {store for store in sorted(guessed) if is_locked(actor, store)}
    sales = [
        one for one in sales if not (one.sale.ask.store in locked and is_guessable(one.sale.ask))
    ]
    if len(sales) < 2:
        return {}
    return sell_many(sales=sales, compiled=compiled, now=now, actor=actor)


def in_order(operations: Sequence[Operation]) -> list[int]:
    """By time; but goods never come back before they were sold, whatever the clocks say."""
    sold_at = {
        (one.store, one.sale.number): one.occurred_at for one in operations if one.sale is not None
    }

    def when(position: int) -> tuple[datetime, bool, str, str]:
        one = operations[position]
        moment = one.occurred_at
        if one.of in sold_at:
            moment = max(moment, sold_at[one.of])
        return moment, one.sale is None, one.store, one.key

    return sorted(range(len(operations)), key=when)


def _run(operation: Operation, compiled: Compiled, now: datetime, actor: Actor) -> StoredResponse:
    guard = guarded_ask(operation.sale.ask, actor=actor) if operation.sale else nullcontext()
    try:
        with guard:
            return _once(_recognised(operation, actor), compiled, now, actor)
    except DomainError as refusal:
        return refused(refusal)
    except DatabaseError:
        # A lock that stayed busy, a connection that went: nothing is written, the till repeats.
        return refused(TemporarilyUnavailable(retry_after=1))


def _recognised(operation: Operation, actor: Actor) -> Operation:
    """With the gift cards looked up. The fingerprint stays that of what was sent."""
    if operation.sale is None:
        return operation
    return msgspec.structs.replace(operation, sale=recognised(operation.sale, actor=actor))


def refused(refusal: DomainError) -> StoredResponse:
    return StoredResponse(refusal.status, problem_bytes(refusal), replayed=False)


def _once(operation: Operation, compiled: Compiled, now: datetime, actor: Actor) -> StoredResponse:
    if not actor.may_use_store(operation.store):
        raise NotFound(pointer="/store")
    name, path, work = _work(operation, compiled, now, actor)

    def rendered() -> tuple[int, bytes]:
        status, body = work()
        return status, kernel_wire.encode(body)

    return run_once(
        scope=f"api:{actor.id}",
        key=operation.key,
        fingerprint=fingerprint(name, path, _fingerprinted_store(operation), operation.body),
        work=rendered,
    )


def _fingerprinted_store(operation: Operation) -> str:
    """As the single requests have it: a return names its sale by the path."""
    return operation.store if operation.sale else ""


def _work(
    operation: Operation, compiled: Compiled, now: datetime, actor: Actor
) -> tuple[str, dict[str, object], Callable[[], tuple[int, object]]]:
    """What to run, and the operation and path that the single request would have."""
    if operation.sale is not None:
        sale = operation.sale
        return "purchases.create", {}, lambda: _sell(sale, compiled, now, actor)
    assert operation.refund is not None
    assert operation.of is not None
    ask, found = operation.refund, find_sale(*operation.of)
    if found is None:
        raise NotFound(pointer="/of")
    path: dict[str, object] = {"purchase_id": found}
    return f"purchases.{ask.kind}", path, lambda: _give_back(found, ask, compiled, now, actor)


def _sell(sale: Sale, compiled: Compiled, now: datetime, actor: Actor) -> tuple[int, object]:
    done = commit_purchase(sale=sale, compiled=compiled, now=now, actor=actor)
    return (200 if done.is_duplicate else 201), committed_out(done)


def _give_back(
    public_id: UUID, ask: RefundAsk, compiled: Compiled, now: datetime, actor: Actor
) -> tuple[int, object]:
    done = refund_purchase(
        public_id=public_id, ask=ask, programme=compiled.programme, now=now, actor=actor
    )
    return (200 if done.is_duplicate else 201), refunded_out(done)


def counted(answers: Sequence[StoredResponse]) -> Iterator[tuple[str, int]]:
    """How the batch went: done now, known already, refused."""
    done = sum(one.status < 300 and not one.replayed for one in answers)
    known = sum(one.status < 300 and one.replayed for one in answers)
    yield from (("done", done), ("replayed", known), ("refused", len(answers) - done - known))
