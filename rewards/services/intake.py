"""Many sales in one transaction: what a batch of receipts needs, set by set.

The same rules and the same rows as one by one; only the round trips are shared.
It takes sales that cannot fail for lack of points, and leaves out those that
somebody knows already or that the single way must look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction

from loyalty_crm.kernel import wire as kernel_wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.idempotency import StoredResponse, claim_many, store_many
from members.services.purchases import Recorded, record_purchases
from rewards.services.awards import give_awards
from rewards.services.awards.reading import AwardView
from rewards.services.checkout.asks import Sale
from rewards.services.checkout.committing import (
    PointsWritten,
    check,
    digest_of,
    event_of,
    purchase_row,
    receipt_of,
    sold_for_awards,
    view_of_sale,
    write_purchases,
)
from rewards.services.checkout.facts import (
    Facts,
    WalletFacts,
    read_facts_of_many,
    refuse_unknown,
)
from rewards.services.checkout.guessing import is_guessable
from rewards.services.checkout.limiting import Tally, count
from rewards.services.checkout.pricing import Priced, price, refuse_impossible
from rewards.services.checkout.views import Committed
from rewards.services.checkout.wire import committed_out
from rewards.services.ledger import Earn, WalletState, lock_wallets, post_many, wallet_for
from rewards.services.rule_sets import Compiled

#: A till that waits for one of these wallets waits for so many receipts at most.
MOST_TOGETHER = 100


class Keyed(msgspec.Struct, frozen=True):
    """A sale under its key, with the fingerprint of its request."""

    key: str
    fingerprint: bytes
    sale: Sale


class _NotTogetherError(Exception):
    """Something is not as it was when the batch was looked at: go one by one."""


def is_simple(sale: Sale) -> bool:
    """Whether nothing about the sale depends on a balance."""
    by_gift_card = any(tender.gift_card or tender.card for tender in sale.tenders)
    return not (sale.ask.redeem_points or sale.hold_id or sale.ask.coupons or by_gift_card)


def sell_many(
    *, sales: Sequence[Keyed], compiled: Compiled, now: datetime, actor: Actor
) -> dict[str, StoredResponse]:
    """Sell what can be sold together, in the order given; answers by key.

    Sales whose key is missing from the answers have to be run one by one: they
    are known, refused, or something else came between. Locks their wallets.
    """
    try:
        with transaction.atomic():
            return _sell(sales, compiled, now, actor)
    except (_NotTogetherError, DomainError, IntegrityError, OperationalError):
        return {}


def _sell(
    sales: Sequence[Keyed], compiled: Compiled, now: datetime, actor: Actor
) -> dict[str, StoredResponse]:
    known = _with_facts(sales, compiled, now)
    scope = f"api:{actor.id}"
    mine = claim_many(scope, {one.key: one.fingerprint for one, _ in known})
    taken = [(one, facts) for one, facts in known if one.key in mine]
    if not taken:
        return {}
    wallets = _locked(taken, compiled)
    priced = _priced(taken, wallets, compiled, now, actor)
    answers = _written(priced, wallets, now, actor)
    store_many(scope, answers)
    # A key that was claimed and not answered would stay taken without an answer.
    if answers.keys() != mine:
        raise _NotTogetherError
    return {key: StoredResponse(*answer, replayed=False) for key, answer in answers.items()}


def _with_facts(
    sales: Sequence[Keyed], compiled: Compiled, now: datetime
) -> list[tuple[Keyed, Facts]]:
    """The sales that look possible and new, once per key and receipt number."""
    asks = [(one.sale.ask, one.sale.number) for one in sales]
    read = read_facts_of_many(asks, compiled)
    strangers = sum(
        f.member is None and is_guessable(ask) for (ask, _), f in zip(asks, read, strict=True)
    )
    if strangers >= settings.GUESSES_PER_MINUTE:
        # A batch is no way around the throttle: its sales are looked up one by one, until it locks.
        raise _NotTogetherError
    found: list[tuple[Keyed, Facts]] = []
    seen: set[tuple[str, str]] = set()
    for one, facts in zip(sales, read, strict=True):
        names = {("key", one.key), (one.sale.ask.store, one.sale.number)}
        if facts.receipt is None and not names & seen and _is_possible(one, facts, compiled, now):
            found.append((one, facts))
        seen |= names
    return found


def _is_possible(one: Keyed, facts: Facts, compiled: Compiled, now: datetime) -> bool:
    try:
        refuse_impossible(one.sale.ask, compiled, now)
        refuse_unknown(one.sale.ask, facts)
    except DomainError:
        return False
    return True


def _locked(taken: Sequence[tuple[Keyed, Facts]], compiled: Compiled) -> dict[int, WalletState]:
    """The members' wallets under our lock, by member; opened where they are missing."""
    wallet_of = {
        facts.member.id: facts.wallet.id
        if facts.wallet
        else wallet_for(facts.member.id, compiled.programme).pk
        for _, facts in sorted(taken, key=lambda pair: pair[1].member.id if pair[1].member else 0)
        if facts.member
    }
    states = lock_wallets(wallet_of.values())
    if any(state.status != "active" for state in states.values()):
        raise _NotTogetherError
    return {member: states[wallet] for member, wallet in wallet_of.items()}


def _priced(
    taken: Sequence[tuple[Keyed, Facts]],
    wallets: Mapping[int, WalletState],
    compiled: Compiled,
    now: datetime,
    actor: Actor,
) -> list[tuple[Keyed, Priced]]:
    """The rules on every sale, remainders handed on from one to the next."""
    carries = _carries(wallets, compiled)
    tally = Tally()
    found = []
    for one, bare in taken:
        facts = tally.facts(_with_wallet(bare, wallets))
        owed = carries.setdefault(facts.wallet.id if facts.wallet else 0, {})
        priced = price(one.sale.ask, facts, compiled, carries=owed)
        check(one.sale, priced, now, actor)
        tally.add(priced)
        for version, units in priced.quote.carry_deltas.items():
            owed[version] = owed.get(version, 0) + units
        found.append((one, priced))
    return found


def _with_wallet(facts: Facts, wallets: Mapping[int, WalletState]) -> Facts:
    if facts.member is None:
        return facts
    state = wallets[facts.member.id]
    wallet = WalletFacts(state.id, state.public_id, state.status, state.posted, state.held)
    return msgspec.structs.replace(facts, wallet=wallet)


_CARRIES = "SELECT wallet_id, version_id, units FROM rewards_earncarry WHERE wallet_id = ANY(%s)"


def _carries(wallets: Mapping[int, WalletState], compiled: Compiled) -> dict[int, dict[int, int]]:
    carries: dict[int, dict[int, int]] = {}
    if not compiled.rules.carries:
        return carries
    with connection.cursor() as cursor:
        cursor.execute(_CARRIES, [[state.id for state in wallets.values()]])
        for wallet, version, units in cursor.fetchall():
            carries.setdefault(wallet, {})[version] = units
    return carries


def _written(
    priced: Sequence[tuple[Keyed, Priced]],
    wallets: Mapping[int, WalletState],
    now: datetime,
    actor: Actor,
) -> dict[str, tuple[int, bytes]]:
    """Receipts, points, purchases: a statement or two of each. Answers by key."""
    receipts = record_purchases(
        [receipt_of(one.sale, each, digest_of(one.sale)) for one, each in priced]
    )
    recorded = [receipt for receipt in receipts if receipt is not None]
    if len(recorded) != len(priced):
        raise _NotTogetherError
    points = _post(priced, now, actor)
    write_purchases(
        [
            purchase_row(one.sale, each, receipt, written)
            for (one, each), receipt, written in zip(priced, recorded, points, strict=True)
        ]
    )
    count([(each, receipt.id) for (_, each), receipt in zip(priced, recorded, strict=True)])
    sold = [
        sold_for_awards(one.sale, each, receipt)
        for (one, each), receipt in zip(priced, recorded, strict=True)
    ]
    return _answers(priced, recorded, points, wallets, give_awards(sold, actor=actor))


def _post(
    priced: Sequence[tuple[Keyed, Priced]], now: datetime, actor: Actor
) -> list[PointsWritten]:
    earns, at = [], []
    for position, (one, each) in enumerate(priced):
        wallet, life = each.facts.wallet, each.life
        if wallet is None or not each.quote.earned:
            continue
        waits = life.is_pending and life.active_at > now
        earns.append(
            Earn(
                wallet_id=wallet.id,
                event=event_of(one.sale, actor),
                amount=each.quote.earned,
                expires_at=life.expires_at,
                available_at=life.active_at if waits else None,
            )
        )
        at.append(position)
    posted = post_many(earns)
    if posted.skipped:
        raise _NotTogetherError
    points = [PointsWritten()] * len(priced)
    for position, tx_id, pending_id in zip(at, posted.tx_ids, posted.pending_ids, strict=True):
        points[position] = PointsWritten(tx_id=tx_id, pending_id=pending_id)
    return points


def _answers(
    priced: Sequence[tuple[Keyed, Priced]],
    receipts: Sequence[Recorded],
    points: Sequence[PointsWritten],
    wallets: Mapping[int, WalletState],
    awards: Mapping[int, tuple[AwardView, ...]],
) -> dict[str, tuple[int, bytes]]:
    """What each single request would have answered, the balance after it included."""
    balances = {state.id: state.posted for state in wallets.values()}
    answers = {}
    for (one, each), receipt, written in zip(priced, receipts, points, strict=True):
        wallet = each.facts.wallet
        if wallet and not written.pending_id:
            balances[wallet.id] += each.quote.earned
        done = Committed(
            view=view_of_sale(one.sale, each, receipt, awards.get(receipt.id, ())),
            balance=balances[wallet.id] if wallet else None,
            held=wallet.held if wallet else 0,
        )
        answers[one.key] = (201, kernel_wire.encode(committed_out(done)))
    return answers
