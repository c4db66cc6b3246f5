"""Retroactive batches: counted by hand, moved once, taken back exactly, never by one person."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry, Job, OutboxEvent
from rewards.errors import OwnApproval, RetroBatchState
from rewards.models import LedgerEntry, LedgerTx, LimitCounter, LimitUse, RetroBatch, Wallet
from rewards.services import ledger
from rewards.services.checkout.asks import RefundAsk
from rewards.services.checkout.refunding import refund_purchase
from rewards.services.tryout import retro, retro_count, retro_post
from rewards.services.tryout.sides import VersionRef
from rewards.services.tryout.work import Pace
from tests.rewards.limit_tools import books
from tests.rewards.tryout_shop import AUTHOR, BOSS, DOUBLE, TryoutShop

pytestmark = pytest.mark.django_db(transaction=True)
State = RetroBatch.State


@pytest.fixture
def shop():
    return TryoutShop()


def asked_for(shop, *refs, reason="Double last January", **options):
    return retro.create(
        programme=shop.programme,
        versions=[VersionRef(code, number) for code, number in refs],
        period=shop.period,
        reason=reason,
        actor=AUTHOR,
        **options,
    )


def counted(shop, *refs, **options):
    batch = asked_for(shop, *refs, **options)
    while retro_count.run_next(pace=Pace(turn=1000.0, keep=0.0)):
        pass
    return fresh(batch)


def fresh(batch):
    return RetroBatch.objects.with_jobs().get(pk=batch.pk)


def applied(batch):
    retro.approve(batch=batch, actor=BOSS)
    retro.apply(batch=batch, actor=BOSS)
    post()
    return fresh(batch)


def post(**options):
    while retro_post.run_next(pace=Pace(turn=1000.0), **options):
        pass


def balances():
    return {wallet.member_id: wallet.posted for wallet in Wallet.objects.all()}


def test_two_hundred_receipts_come_to_what_a_hand_counts(shop):
    """Receipt n of 200 costs n.00 and earned n points: doubling them gives 1 + … + 200."""
    for n in range(1, 201):
        card = (shop.anna, shop.boris)[n % 2]
        shop.sell(("tea", 100 * n), card=card, days_ago=30 - n // 10)
    shop.sell(("tea", 5000), days_ago=3)  # nobody's
    shop.draft("double", DOUBLE)
    was = balances()

    batch = counted(shop, ("double", 1))

    assert batch.state == State.COUNTED
    assert (batch.items_count, batch.members_count) == (200, 2)
    assert (batch.points_given, batch.points_taken) == (20_100, 0)
    assert balances() == was
    batch = applied(batch)
    assert batch.state == State.APPLIED
    even, odd = sum(range(2, 201, 2)), sum(range(1, 201, 2))
    assert balances() == {
        shop.anna.member_id: was[shop.anna.member_id] + even,
        shop.boris.member_id: was[shop.boris.member_id] + odd,
    }


def test_applying_twice_is_once(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("double", DOUBLE)
    batch = applied(counted(shop, ("double", 1)))

    assert retro.apply(batch=batch, actor=BOSS).state == State.APPLIED
    post()

    assert balances() == {shop.anna.member_id: 20}
    # Even a second worker with a job of its own finds every item posted.
    RetroBatch.objects.filter(pk=batch.pk).update(state=State.APPROVED)
    batch.items.update(state="planned")
    retro.apply(batch=fresh(batch), actor=BOSS)
    post()
    assert balances() == {shop.anna.member_id: 20}
    assert list(batch.items.values_list("state", "moved")) == [("applied", 10)]


class Killed(BaseException):
    """As if the process had died: nothing is tidied up."""


@pytest.mark.parametrize("step", ["apply", "undo"])
def test_killed_in_the_middle_and_taken_over(shop, monkeypatch, step):
    for n in range(10):
        shop.sell(("tea", 1000), card=(shop.anna, shop.boris)[n % 2], days_ago=20 - n)
    shop.draft("double", DOUBLE)
    batch = counted(shop, ("double", 1))
    retro.approve(batch=batch, actor=BOSS)
    retro.apply(batch=batch, actor=BOSS)
    if step == "undo":
        post()
        retro.undo(batch=batch, actor=BOSS)
    real, calls = retro_post.post_many, []

    def dies_within_a_transaction(earns):
        calls.append(1)
        done = real(earns)
        if len(calls) == 3:
            raise Killed
        return done

    monkeypatch.setattr(retro_post, "post_many", dies_within_a_transaction)
    with pytest.raises(Killed):
        retro_post.run_next(pace=Pace(turn=1000.0), together=2)
    monkeypatch.setattr(retro_post, "post_many", real)
    half = sum(balances().values())
    assert half == {"apply": 100 + 40, "undo": 200 - 40}[step]
    Job.objects.filter(state="running").update(heartbeat_at="2020-01-01T00:00Z")

    post(together=2)

    whole = {"apply": 100, "undo": 50}[step]
    assert balances() == {shop.anna.member_id: whole, shop.boris.member_id: whole}
    assert LedgerTx.objects.filter(op="retro").count() == 10


def test_undo_restores_every_balance_once(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.sell(("soap", 500), card=shop.boris)
    shop.draft("double", DOUBLE)
    was = balances()
    batch = applied(counted(shop, ("double", 1)))
    assert balances() != was

    retro.undo(batch=batch, actor=BOSS)
    post()
    assert retro.undo(batch=batch, actor=BOSS).state == State.UNDONE
    post()

    assert balances() == was
    undone = LedgerTx.objects.filter(op="retro_undo")
    assert {tx.reverses_id for tx in undone} == set(batch.items.values_list("tx", flat=True))
    assert {item.state for item in batch.items.all()} == {"undone"}


@pytest.mark.parametrize(
    ("settings", "left"), [({}, -10), ({"debt": "clip", "debt_limit_points": 0}, 0)]
)
def test_what_is_spent_already_goes_by_the_debt_policy(settings, left):
    shop = TryoutShop(**settings)
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("double", DOUBLE)
    batch = applied(counted(shop, ("double", 1)))
    wallet = Wallet.objects.get()
    ledger.adjust(wallet=wallet, points=-20, reason="spent", reference="x", actor=SYSTEM)

    retro.undo(batch=batch, actor=BOSS)
    post()

    assert balances() == {shop.anna.member_id: left}
    assert batch.items.get().back == left


def test_a_version_instead_of_another_takes_the_difference(shop):
    """Half a point per 1.00 should have been given, not one: five points go back of ten."""
    shop.sell(("tea", 1000), card=shop.anna)
    base = shop.programme.promotions.get()
    shop.draft("half", {"effects": [{"kind": "earn_rate", "points": 1, "per_minor": 200}]})

    batch = counted(shop, ("half", 1), without=[base.code])
    assert (batch.points_given, batch.points_taken) == (0, 5)

    batch = applied(batch)
    assert balances() == {shop.anna.member_id: 5}
    retro.undo(batch=batch, actor=BOSS)
    post()
    assert balances() == {shop.anna.member_id: 10}


def test_prices_stand_and_goods_that_came_back_do_not_count(shop):
    """A discount on trial changes nothing; of two teas one came back: ten points, not twenty."""
    sold = shop.sell(("tea", 1000, 2), card=shop.anna, days_ago=2)
    refund_purchase(
        public_id=sold.id,
        ask=RefundAsk(store="", number="B-1", occurred_at=shop.today, amount_minor=None,
                      lines=(one_tea(),)),
        programme=shop.programme, now=shop.today, actor=SYSTEM,
    )  # fmt: skip
    shop.draft("double", DOUBLE)
    shop.draft("tea10", {"effects": [{"kind": "percent_off", "basis_points": 1000}]})

    batch = counted(shop, ("double", 1), ("tea10", 1))

    assert (batch.points_given, batch.items_count) == (10, 1)


def one_tea():
    from rewards.services.checkout.asks import AskedReturn  # noqa: PLC0415

    return AskedReturn(line_no=1, quantity_milli=1000)


def test_an_account_that_is_not_open_is_left_out(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.sell(("tea", 1000), card=shop.boris)
    shop.draft("double", DOUBLE)
    batch = counted(shop, ("double", 1))
    Wallet.objects.filter(member=shop.boris.member).update(status="frozen")

    batch = applied(batch)

    assert balances() == {shop.anna.member_id: 20, shop.boris.member_id: 10}
    assert batch.job.result == {"applied": 1, "skipped": 1}


def test_the_statement_says_why(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("double", DOUBLE)
    batch = applied(counted(shop, ("double", 1)))

    entry = LedgerEntry.objects.get(tx__op="retro")

    assert entry.tx.reason == f"Double last January (#{batch.pk})"
    assert (entry.kind, entry.amount, entry.tx.actor) == ("earn", 10, BOSS.label)


def test_the_author_does_not_approve(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("double", DOUBLE)
    batch = counted(shop, ("double", 1))

    with pytest.raises(OwnApproval):
        retro.approve(batch=batch, actor=AUTHOR)

    assert fresh(batch).state == State.COUNTED


@pytest.mark.parametrize("approver", [AUTHOR.label, ""])
def test_the_database_wants_two_people_whoever_writes(shop, approver):
    shop.draft("double", DOUBLE)
    batch = asked_for(shop, ("double", 1))

    with pytest.raises(IntegrityError, match="retro_"), transaction.atomic():
        RetroBatch.objects.filter(pk=batch.pk).update(
            state=State.APPROVED, approved_by=approver, approved_at=shop.today
        )


def test_no_step_out_of_order(shop):
    shop.draft("double", DOUBLE)
    batch = asked_for(shop, ("double", 1))

    for step in (retro.approve, retro.apply, retro.undo):
        with pytest.raises(RetroBatchState):
            step(batch=batch, actor=BOSS)
    retro.cancel(batch=batch, actor=AUTHOR)
    assert not retro_count.run_next()
    with pytest.raises(RetroBatchState):
        retro.approve(batch=batch, actor=BOSS)


def test_every_step_leaves_a_trace(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("double", DOUBLE)
    batch = applied(counted(shop, ("double", 1)))
    retro.undo(batch=batch, actor=BOSS)

    trail = AuditEntry.objects.filter(object_id=str(batch.public_id)).order_by("pk")

    assert [one.action for one in trail] == [
        "retro.asked", "retro.approved", "retro.applying", "retro.undoing",
    ]  # fmt: skip


def test_work_that_broke_off_is_taken_up_again(shop, monkeypatch):
    for n in range(4):
        shop.sell(("tea", 1000), card=shop.anna, days_ago=9 - n)
    shop.draft("double", DOUBLE)
    batch = counted(shop, ("double", 1))
    retro.approve(batch=batch, actor=BOSS)
    retro.apply(batch=batch, actor=BOSS)
    real, calls = retro_post.post_many, []

    def breaks(earns):
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError
        return real(earns)

    monkeypatch.setattr(retro_post, "post_many", breaks)
    with pytest.raises(ZeroDivisionError):
        retro_post.run_next(pace=Pace(turn=1000.0), together=2)
    assert (fresh(batch).state, fresh(batch).job.state) == (State.APPLYING, "failed")
    assert balances() == {shop.anna.member_id: 40 + 20}

    retro.apply(batch=batch, actor=BOSS)
    post()

    assert fresh(batch).state == State.APPLIED
    assert balances() == {shop.anna.member_id: 40 + 40}


# Limits


def budget(most, per="total", **parts):
    """Five points a receipt, as far as the promotion's budget goes."""
    limits = [{"per": per, "what": "points", "max": most, **parts}]
    return {"effects": [{"kind": "fixed_points", "points": 5}], "limits": limits}


def used():
    return dict(LimitCounter.objects.order_by("pk").values_list("pk", "used"))


def test_a_budget_is_claimed_and_given_back_when_it_is_undone(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.sell(("tea", 1000), card=shop.boris)
    shop.draft("five", budget(100))

    batch = applied(counted(shop, ("five", 1)))
    assert list(used().values()) == [10]
    assert books() == []

    retro.undo(batch=batch, actor=BOSS)
    post()
    assert list(used().values()) == [0]
    assert books() == []


def test_what_a_budget_has_no_room_for_is_left_out(shop):
    for card in (shop.anna, shop.boris, shop.anna):
        shop.sell(("tea", 1000), card=card)
    version = shop.draft("five", budget(100))
    batch = counted(shop, ("five", 1))
    # Between the count and the posting others used most of it.
    LimitCounter.objects.create(
        promotion=version.promotion, per="total", what="points", used=88, most=100
    )

    applied(batch)

    states = list(batch.items.order_by("pk").values_list("state", flat=True))
    assert states == ["applied", "applied", "full"]
    assert list(used().values()) == [98]
    assert sum(item.moved for item in batch.items.all()) == 10


def test_a_members_own_limit_is_that_of_their_wallet(shop):
    for _ in range(2):
        shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("five", budget(5, per="member"))

    applied(counted(shop, ("five", 1)))

    counter = LimitCounter.objects.get()
    assert (counter.used, counter.holder) == (5, Wallet.objects.get(member=shop.anna.member).pk)


def test_a_budget_that_is_nearly_used_up_tells_of_it(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("five", budget(6))

    applied(counted(shop, ("five", 1)))

    told = OutboxEvent.objects.filter(kind="promotion.budget_threshold")
    assert {one.data["percent"] for one in told} == {50, 80}


def test_undoing_twice_gives_back_once(shop):
    shop.sell(("tea", 1000), card=shop.anna)
    shop.draft("five", budget(100))
    batch = applied(counted(shop, ("five", 1)))
    for _ in range(2):
        retro.undo(batch=batch, actor=BOSS)
        post()

    assert list(used().values()) == [0]
    assert LimitUse.objects.filter(kind="release").count() == 1
