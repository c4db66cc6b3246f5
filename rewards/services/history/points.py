"""Points for the receipts of a chunk: the same rules as at the till, written in sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import Actor
from members.imports.facts import NewReceipt, Written
from members.imports.problems import Problem
from members.imports.staging import copy_in
from rewards.rules.answers import Quote
from rewards.rules.basket import Basket, BasketLine, MemberFacts
from rewards.rules.expiry import Life, life_of
from rewards.rules.quote import quote
from rewards.services import rule_sets
from rewards.services.history.facts import Products, StoreGroups, StoreZones
from rewards.services.history.wallets import Account, accounts_of, carries_of, keep_carries
from rewards.services.ledger import Earn, Event, post_many
from rewards.services.ledger.batches import MOST_ENTRIES_PER_WALLET
from rewards.services.rule_sets import Compiled

LINE_FIELDS = (
    "receipt_id", "id", "line_no", "sku", "quantity_milli", "unit_price_minor", "gross_minor",
    "discount_minor",
)  # fmt: skip
PURCHASE = (
    "receipt_id", "wallet_id", "tx_id", "pending_id", "rules_version", "earned",
    "lots_expire_at", "terms", "decisions", "pins",
)  # fmt: skip
GRANT = ("line_id", "version_id", "base_minor", "points", "carry_in")
MEMBER = MemberFacts()
_json = msgspec.json.Encoder()


@dataclass
class Counted:
    """What the points of a chunk come to."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Rated:
    """A receipt that the rules have seen."""

    receipt: NewReceipt
    account: Account | None
    answer: Quote
    life: Life
    waits: bool
    line_ids: dict[int, int]


class Points:
    """Rates receipts and posts what they earn. A rehearsal keeps its remainders to itself."""

    def __init__(self, *, rehearsal: bool, actor: Actor) -> None:
        self._rehearsal = rehearsal
        self._actor = actor
        self._products = Products()
        self._zones = StoreZones()
        self._groups = StoreGroups()
        self._carried: dict[tuple[int, int], int] = {}

    def forget(self) -> None:
        """What was made in a transaction that failed was not made."""
        self._products.forget()

    def post(self, written: Written) -> Counted:
        """Post for the receipts just written; call it in their transaction. Locks their wallets."""
        compiled = rule_sets.current()
        members = {one.member_id for one in written.new if one.member_id is not None}
        accounts = accounts_of(members, compiled.programme, lock=not self._rehearsal)
        rated = list(self._rate(written, compiled, accounts))
        if not self._rehearsal:
            self._write(rated, compiled)
        return counted(rated)

    def _rate(
        self, written: Written, compiled: Compiled, accounts: dict[int, Account]
    ) -> Iterator[Rated]:
        now = clock.now()
        carries = self._carries(compiled, accounts)
        lines_of = self._lines(written, compiled)
        for receipt in written.new:
            account = accounts.get(receipt.member_id or 0)
            earns = account is not None and account.may_earn
            lines = lines_of[receipt.id]
            basket = Basket(
                store=receipt.store,
                at=receipt.occurred_at.astimezone(self._zones[receipt.store]),
                lines=tuple(line for _id, line in lines),
                member=MEMBER if earns else None,
                final_prices=True,
                store_groups=self._groups.of(receipt.store, compiled.rules.needs),
            )
            own = carries[account.wallet_id] if account and earns else {}
            answer = quote(basket, compiled.rules, carries=own)
            for version, delta in answer.carry_deltas.items():
                own[version] = own.get(version, 0) + delta
            life = life_of(compiled.lifetime, receipt.occurred_at)
            waits = life.is_pending and life.active_at > now and answer.earned > 0
            ids = {line.line_no: line_id for line_id, line in lines}
            yield Rated(receipt, account, answer, life, waits, ids)
        self._keep(compiled, carries)

    def _carries(
        self, compiled: Compiled, accounts: dict[int, Account]
    ) -> dict[int, dict[int, int]]:
        """What each wallet is owed, by rule; a rehearsal adds what it would have kept itself."""
        wallets = [account.wallet_id for account in accounts.values()]
        owed: dict[int, dict[int, int]] = defaultdict(dict)
        if not compiled.rules.carries:
            return owed
        for wallet, version, units in carries_of(wallets):
            owed[wallet][version] = units
        for (wallet, version), units in self._carried.items():
            owed[wallet][version] = units
        return owed

    def _keep(self, compiled: Compiled, carries: dict[int, dict[int, int]]) -> None:
        if not compiled.rules.carries:
            return
        rows = [
            (wallet, version, units)
            for wallet, owed in sorted(carries.items())
            for version, units in sorted(owed.items())
        ]
        if self._rehearsal:
            self._carried = {(wallet, version): units for wallet, version, units in rows}
        else:
            keep_carries(rows)

    def _lines(
        self, written: Written, compiled: Compiled
    ) -> dict[int, list[tuple[int, BasketLine]]]:
        """Lines of the rules by receipt. Products come from the catalogue as it is now."""
        assert written.lines is not None
        columns = [written.lines[name].to_pylist() for name in LINE_FIELDS]
        facts = self._products.of(columns[3], compiled.categories, compiled.rules.needs)
        lines: dict[int, list[tuple[int, BasketLine]]] = defaultdict(list)
        for receipt_id, key, line_no, sku, quantity, price, gross, discount in zip(
            *columns, strict=True
        ):
            known = facts.get(sku)
            if known is None:  # the receipt was refused, so its products were not made
                continue
            lines[receipt_id].append((key, BasketLine(
                line_no=line_no, sku=sku, quantity_milli=quantity, unit_price_minor=price,
                gross_minor=gross, manual_discount_minor=discount, product_id=known.id,
                categories=known.categories, brand=known.brand, cost_minor=known.cost_minor,
                excluded_from_earning=known.no_earning,
                excluded_from_redemption=known.no_redemption,
                attributes=known.attributes, lists=known.lists,
            )))  # fmt: skip
        return lines

    def _write(self, rated: Sequence[Rated], compiled: Compiled) -> None:
        posted = self._post(rated)
        terms = _json.encode(compiled.rules.terms).decode()
        copy_in("rewards_purchase", PURCHASE, columns_of(PURCHASE, [
            (one.receipt.id, one.account.wallet_id if one.account else None, *posted[at],
             one.answer.rules_version, one.answer.earned,
             one.life.expires_at if one.answer.earned else None, terms,
             _json.encode(one.answer.decisions).decode(), _json.encode(one.answer.pins).decode())
            for at, one in enumerate(rated)
        ]))  # fmt: skip
        copy_in("rewards_grant", GRANT, columns_of(GRANT, [
            (one.line_ids[pin.line_no], pin.version_id, pin.base_minor, pin.points, pin.carry_in)
            for one in rated for pin in one.answer.grants
        ]))  # fmt: skip

    def _post(self, rated: Sequence[Rated]) -> list[tuple[int | None, int | None]]:
        """Transaction and promise of each receipt, by its place."""
        posted: list[tuple[int | None, int | None]] = [(None, None)] * len(rated)
        earning = [at for at, one in enumerate(rated) if one.answer.earned and one.account]
        for part in batches(rated, earning):
            done = post_many([self._earn(rated[at]) for at in part], announce=False)
            for at, tx, pending in zip(part, done.tx_ids, done.pending_ids, strict=True):
                posted[at] = (tx, pending)
        return posted

    def _earn(self, one: Rated) -> Earn:
        assert one.account is not None
        event = Event(
            op="purchase",
            source=f"store:{one.receipt.store}",
            source_ref=one.receipt.number,
            effective_at=one.receipt.occurred_at,
            actor=self._actor.label,
        )
        available_at = one.life.active_at if one.waits else None
        return Earn(
            one.account.wallet_id, event, one.answer.earned, one.life.expires_at, available_at
        )


def batches(rated: Sequence[Rated], earning: Sequence[int]) -> Iterator[list[int]]:
    """Places in batches in which no wallet stands more often than the ledger takes at once."""
    part: list[int] = []
    of_wallet: dict[int, int] = defaultdict(int)
    for at in earning:
        account = rated[at].account
        assert account is not None
        if of_wallet[account.wallet_id] == MOST_ENTRIES_PER_WALLET:
            yield part
            part, of_wallet = [], defaultdict(int)
        of_wallet[account.wallet_id] += 1
        part.append(at)
    if part:
        yield part


TYPES = {
    "lots_expire_at": pa.timestamp("us", "UTC"),
    "terms": pa.string(),
    "decisions": pa.string(),
    "pins": pa.string(),
}


def columns_of(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table({
        name: pa.array(column, TYPES.get(name, pa.int64()))
        for name, column in zip(names, columns, strict=True)
    })  # fmt: skip


def counted(rated: Sequence[Rated]) -> Counted:
    """Numbers for the report, and the receipts whose buyer may not earn."""
    barred = [one for one in rated if one.account and not one.account.may_earn]
    problems = [
        Problem(one.receipt.line, "member", one.receipt.number, BARRED, "note") for one in barred
    ]
    earned = sum(one.answer.earned for one in rated)
    earning = sum(1 for one in rated if one.answer.earned)
    return Counted({"points": earned, "earning_receipts": earning}, problems)


BARRED = _("a member whose points account is open: the receipt came through without points")
