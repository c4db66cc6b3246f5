"""Random lives of wallets against a model in plain Python, lot by lot (quality bar 9 and 13).

The model is written from the rules, not from the code: a list of lots, a debt,
and for each sale what it took out of which lot.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from loyalty_crm.kernel.actors import SYSTEM
from rewards.errors import InsufficientPoints, OpenHolds, WalletMerged
from rewards.models import Wallet
from rewards.services.audit_ledger import audit_ledger
from rewards.services.ledger import (
    capture_hold,
    expire_lots,
    lock_wallets,
    merge_wallets,
    place_hold,
    post_purchase,
    reverse_purchase,
    void_hold,
)
from tests.factories.members import MemberFactory
from tests.factories.rewards import ProgrammeFactory, WalletFactory, event

START = datetime(2030, 1, 1, tzinfo=UTC)
DEBT_LIMIT = 100
REVIVE_DAYS = 30
points = st.integers(1, 120)
_numbers = count(1)


class Model:
    """A wallet as the rules describe it."""

    def __init__(self):
        self.lots: dict[datetime, int] = {}
        self.debt = 0
        self.held = 0
        self.deepest = DEBT_LIMIT
        self.into: Model | None = None

    @property
    def now(self):
        """The wallet that took over, or this one."""
        return self.into.now if self.into else self

    @property
    def balance(self):
        return sum(self.lots.values()) - self.debt

    @property
    def available(self):
        return max(self.balance - self.held, 0)

    def put(self, day, amount):
        paid = min(self.debt, amount)
        self.debt -= paid
        if amount > paid:
            self.lots[day] = self.lots.get(day, 0) + amount - paid

    def take(self, amount, first=None):
        """From the lot ``first``, then by nearest expiry, then into debt; what left which lot."""
        taken = []
        days = [first, *sorted(self.lots)] if first in self.lots else sorted(self.lots)
        for day in days:
            part = min(self.lots.get(day, 0), amount)
            if part:
                self.lots[day] -= part
                amount -= part
                taken.append((day, part))
        self.lots = {day: left for day, left in self.lots.items() if left}
        self.debt += amount
        return taken


class Wallets(RuleBasedStateMachine):
    wallets = Bundle("wallets")
    sales = Bundle("sales")
    earns = Bundle("earns")
    holds = Bundle("holds")

    @initialize()
    def begin(self):
        self.programme = ProgrammeFactory(debt_limit_points=DEBT_LIMIT)
        self.today = START
        self.pairs: list[tuple[Model, Wallet]] = []

    @rule(target=wallets)
    @precondition(lambda self: len(self.pairs) < 4)
    def join(self):
        wallet = WalletFactory(member=MemberFactory(), programme=self.programme)
        self.pairs.append((Model(), wallet))
        return self.pairs[-1]

    def post(self, wallet, **fields):
        with transaction.atomic():
            state = lock_wallets([wallet.pk])[wallet.pk]
            given = {"earn": 0, "earn_expires_at": None, "redeem": 0, **fields}
            return post_purchase(wallet_id=state.id, event=event(), **given)

    @rule(target=earns, pair=wallets, amount=points, days=st.integers(1, 90))
    def earn(self, pair, amount, days):
        model, wallet = pair
        day = self.today + timedelta(days=days)
        self.post(wallet, earn=amount, earn_expires_at=day)
        model.now.put(day, amount)
        return {"pair": pair, "day": day, "left": amount}

    @rule(target=sales, pair=wallets, amount=points, earned=st.integers(0, 40))
    def buy(self, pair, amount, earned):
        """Points pay, and the sale earns; or it is refused and nothing happens."""
        model, wallet = pair
        if amount > model.now.available:
            with pytest.raises(InsufficientPoints):
                self.post(wallet, redeem=amount)
            return {"pair": pair, "tx": None, "taken": [], "back": 0}
        day = self.today + timedelta(days=60)
        done = self.post(wallet, redeem=amount, earn=earned, earn_expires_at=day)
        taken = model.now.take(amount)
        model.now.put(day, earned)
        return {"pair": pair, "tx": done.tx_id, "taken": taken, "back": 0}

    def give_or_take_back(self, wallet, **fields):
        asked = {
            "restore": 0,
            "restore_of_tx": None,
            "clawback": 0,
            "pending_id": None,
            "sale_lot_expires_at": None,
            "debt_policy": "allow",
            "expired_on_restore": "revive",
            "revive_days": REVIVE_DAYS,
            "now": self.today,
            **fields,
        }
        with transaction.atomic():
            takes_back = event("refund", reverses=asked["restore_of_tx"])
            return reverse_purchase(wallet_id=wallet.pk, event=takes_back, **asked)

    @rule(sale=sales, share=points)
    def return_a_purchase(self, sale, share):
        """Part by part, the last lot first; lots that are over live again for thirty days."""
        left = sum(part for _, part in sale["taken"]) - sale["back"]
        amount = min(share, left)
        if not amount:
            return
        self.give_or_take_back(sale["pair"][1], restore=amount, restore_of_tx=sale["tx"])
        parts, skip = [], sale["back"]
        sale["back"] += amount
        for day, taken in sorted(sale["taken"], reverse=True):
            units = taken - min(skip, taken)
            skip -= min(skip, taken)
            part = min(units, amount)
            amount -= part
            alive = day > self.today
            parts.append((day if alive else self.today + timedelta(days=REVIVE_DAYS + 1), part))
        model = sale["pair"][0].now
        for day, part in sorted(parts):
            model.put(day, part)

    @rule(earned=earns, share=points, clip=st.booleans())
    def take_back(self, earned, share, clip):
        amount = min(share, earned["left"])
        if not amount:
            return
        earned["left"] -= amount
        model = earned["pair"][0].now
        floor = 0 if clip else -model.deepest
        forgiven = max(0, amount - max(0, model.balance - floor))
        done = self.give_or_take_back(
            earned["pair"][1],
            clawback=amount,
            sale_lot_expires_at=earned["day"],
            debt_policy="clip" if clip else "allow",
        )
        model.take(amount - forgiven, first=earned["day"])
        assert done.written_off == forgiven

    @rule(target=holds, pair=wallets, amount=points)
    def hold(self, pair, amount):
        model, wallet = pair
        known = {
            "wallet": wallet,
            "amount": amount,
            "ttl": timedelta(hours=1),
            "source": "machine",
            "source_ref": str(next(_numbers)),
            "actor": SYSTEM,
        }
        if amount > model.now.available:
            with pytest.raises(InsufficientPoints):
                place_hold(**known)
            return {"open": False}
        model.now.held += amount
        return {"open": True, "hold": place_hold(**known), "pair": pair, "amount": amount}

    @rule(held=holds, captured=st.integers(0, 120))
    def end_hold(self, held, captured):
        if not held["open"]:
            return
        model = held["pair"][0].now
        captured = min(captured, held["amount"])
        if captured > model.balance - (model.held - held["amount"]):
            return  # a claw-back has eaten into the hold
        held["open"] = False
        model.held -= held["amount"]
        if not captured:
            void_hold(hold=held["hold"], actor=SYSTEM)
            return
        capture_hold(
            hold=held["hold"],
            amount=captured,
            source="machine",
            source_ref=str(next(_numbers)),
            effective_at=START,
            actor=SYSTEM,
        )
        model.take(captured)

    @rule(days=st.integers(1, 20))
    def night(self, days):
        """Lots past their day go, but for what is held."""
        self.today += timedelta(days=days)
        expire_lots(as_of=self.today)
        for model, _ in self.pairs:
            due = sum(amount for day, amount in model.lots.items() if day <= self.today)
            free = max(model.balance - model.held, 0)
            model.take(min(due, free))
        assert expire_lots(as_of=self.today).points == 0

    @rule(one=wallets, other=wallets)
    def merge(self, one, other):
        (giver, source), (taker, survivor) = one, other
        merge = lambda: merge_wallets(source=source, survivor=survivor, event=event("merge"))  # noqa: E731
        if giver.now is taker.now:
            with pytest.raises(WalletMerged):
                merge()
        elif giver.now.held:
            with pytest.raises(OpenHolds):
                merge()
        else:
            merge()
            giver, taker = giver.now, taker.now
            if giver.debt:  # debt moves whatever the limit
                taker.deepest = max(taker.deepest, giver.debt - taker.balance)
            for day, amount in sorted(giver.lots.items()):
                taker.put(day, amount)
            taker.take(giver.debt)
            giver.lots, giver.debt, giver.into = {}, 0, taker

    @invariant()
    def lots_are_those_of_the_model(self):
        for model, wallet in getattr(self, "pairs", []):
            found = {lot.expires_at: lot.remaining for lot in wallet.lots.unspent()}
            assert found == model.lots
            wallet.refresh_from_db()
            assert (wallet.posted, wallet.held) == (model.balance, model.held)

    def teardown(self):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        assert not any(finding.count for finding in audit_ledger())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lives", "steps"), [(12, 25), pytest.param(220, 50, marks=pytest.mark.long)]
)
def test_random_lives_of_wallets_match_the_model(lives, steps):
    """220 lives of 50 steps are 11 000 steps."""
    run_state_machine_as_test(
        Wallets,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            deadline=None,
            derandomize=lives < 100,
            suppress_health_check=list(HealthCheck),
        ),
    )
