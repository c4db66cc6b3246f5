"""Households: joined by one's own word, shares to the last point, left with what the rule says."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from members.errors import HouseholdRefused
from members.models import Household, HouseholdInvitation, HouseholdMember
from members.services import households
from rewards.models import HouseholdPool, Lot, PoolMove, Wallet
from rewards.services import ledger, pools
from rewards.services.programmes import default_programme
from tests.concurrency import race
from tests.factories.members import MemberFactory, ProductFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.rewards.beyond_tools import Caller, balance, refs
from tests.rewards.shop import Shop
from tests.rewards.test_transfers import LATER, SOON
from tests.rewards.till_client import line
from tests.till import Till

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(api):
    make_programme()
    return Caller(api("households:read", "households:write"))


def by(member):
    return {"id": str(member.public_id)}


def rich(points=1_000, **kwargs):
    return WalletFactory(programme=default_programme(), points=points, **kwargs).member


def opened(shop, owner, **more):
    return shop.post("households", 201, member=by(owner), agrees=True, **more)


def joined(shop, home, owner, member, **more):
    code = shop.post(f"households/{home['id']}/invitations", 201, by=by(owner))["code"]
    return shop.post("households/join", code=code, member=by(member), agrees=True, **more)


def put(shop, home, member, points, status=200):
    body = {"member": by(member), "points": points, "source_ref": f"p-{next(refs)}"}
    return shop.post(f"households/{home['id']}/pool/put-in", status, **body)


def draw(shop, home, member, points, status=200):
    body = {"member": by(member), "points": points, "source_ref": f"d-{next(refs)}"}
    return shop.post(f"households/{home['id']}/pool/draw", status, **body)


def pool_of(home):
    return Wallet.objects.get(pool__household__public_id=home["id"]).posted


def test_a_code_and_a_yes_let_one_person_join(shop):
    owner, friend, other = MemberFactory(), MemberFactory(), MemberFactory()
    home = opened(shop, owner)
    code = shop.post(f"households/{home['id']}/invitations", 201, by=by(owner))["code"]
    join = partial(shop.post, "households/join", code=f" {code.lower()[:5]}-{code[5:]}")

    assert join(400, member=by(friend), agrees=False)["code"] == "validation_failed"
    assert len(join(member=by(friend), agrees=True)["members"]) == 2
    assert len(join(member=by(friend), agrees=True)["members"]) == 2, "a repeat is the same"
    assert join(422, member=by(other), agrees=True)["code"] == "invitation_unknown"
    assert shop.get(f"members/{friend.public_id}/household")["id"] == home["id"]
    shop.get(f"members/{other.public_id}/household", 404)


def test_codes_are_kept_as_hashes_and_end_after_a_week(shop):
    owner = MemberFactory()
    home = opened(shop, owner)
    code = shop.post(f"households/{home['id']}/invitations", 201, by=by(owner))["code"]
    assert code not in str(HouseholdInvitation.objects.values().get())

    with time_machine.travel(clock.now() + timedelta(days=8)):
        late = shop.post("households/join", 422, code=code, member=by(MemberFactory()), agrees=True)

    assert late["code"] == "invitation_unknown"


def test_rights(shop):
    owner, child = rich(), rich()
    home = opened(shop, owner)
    joined(shop, home, owner, child)
    put(shop, home, owner, 100)
    at = f"households/{home['id']}/members"

    refused = shop.post(at, 409, by=by(child), member=by(child), may_spend=True)
    assert refused["params"]["reason"] == "owner_only"
    refused = shop.post(at, 409, by=by(owner), member=by(child), share_percent=50)
    assert refused["params"]["reason"] == "no_right"
    shop.post(at, by=by(owner), member=by(child), may_spend=False)
    assert draw(shop, home, child, 10, 409)["params"]["reason"] == "no_right"
    refused = shop.post(f"households/{home['id']}/invitations", 409, by=by(child))
    assert refused["params"]["reason"] == "owner_only"
    assert put(shop, home, MemberFactory(), 1, 409)["params"]["reason"] == "not_in_household"
    again = shop.post("households", 409, member=by(child), agrees=True)
    assert again["params"]["reason"] == "in_household"


def test_points_go_in_and_out_with_their_expiry(shop):
    owner, spender = rich(lots={SOON: 100, LATER: 100}), MemberFactory()
    home = opened(shop, owner)
    joined(shop, home, owner, spender)

    put(shop, home, owner, 150)
    after = draw(shop, home, spender, 120)

    assert (after["points"], balance(owner), balance(spender)) == (30, 50, 120)
    lots = Lot.objects.filter(wallet__member=spender, remaining__gt=0).order_by("expires_at")
    assert list(lots.values_list("expires_at", "remaining")) == [(SOON, 100), (LATER, 20)]
    assert draw(shop, home, spender, 31, 422)["code"] == "insufficient_points"


@pytest.mark.parametrize(
    ("rule", "takes"), [("own", [160, 40]), ("equal", [100, 100]), ("nothing", [0, 200])]
)
def test_leaving(shop, rule, takes):
    owner, child = rich(), rich()
    home = opened(shop, owner, leaving=rule)
    joined(shop, home, owner, child)
    put(shop, home, owner, 260)
    put(shop, home, child, 40)
    draw(shop, home, owner, 100)
    told = shop.get(f"households/{home['id']}")["members"]

    first = shop.post(f"households/{home['id']}/leave", member=by(owner))["points"]
    last = shop.post(f"households/{home['id']}/leave", member=by(child))["points"]

    assert [first, last] == takes
    assert told[0]["takes_along"] == first
    assert pool_of(home) == 0
    assert Household.objects.get().closed_at
    assert balance(owner) + balance(child) == 2_000


def test_the_oldest_inherits_the_household(shop):
    owner, second, third = MemberFactory(), MemberFactory(), MemberFactory()
    home = opened(shop, owner)
    for member in (second, third):
        joined(shop, home, owner, member)

    shop.post(f"households/{home['id']}/leave", member=by(owner))

    heirs = {
        one["member"]: one["is_owner"] for one in shop.get(f"households/{home['id']}")["members"]
    }
    assert heirs == {str(second.public_id): True, str(third.public_id): False}


def test_a_share_of_what_is_earned_flows_in_and_home_with_returns():
    """30 % of 101 points is 30; three returns take all of it back, to the last point."""
    shop = Shop()
    member = shop.card.member
    ProductFactory(sku="A", name="A")
    programme = default_programme()
    pool = pools.open_pool(
        programme=programme,
        member=member,
        share_percent=30,
        agrees=True,
        now=clock.now(),
        actor=SYSTEM,
    )
    sold = shop.sell(line("A", 3_400, "3"))
    outbox.drain()
    pool.wallet.refresh_from_db()
    assert (pool.wallet.posted, balance(member)) == (30, 72)

    lefts = []
    for _ in range(3):
        shop.take_back(sold, line_1="1")
        outbox.drain()
        outbox.drain()
        pool.wallet.refresh_from_db()
        lefts.append((pool.wallet.posted, balance(member)))

    assert lefts == [(20, 48), (10, 24), (0, 0)]
    assert PoolMove.objects.filter(cause="share").count() == 1


def test_a_merged_account_draws_into_the_one_that_took_over(shop):
    owner = rich()
    home = opened(shop, owner)
    put(shop, home, owner, 100)
    survivor = WalletFactory(programme=default_programme(), points=5)
    source = ledger.wallet_for(owner.pk, default_programme())
    ledger.merge_wallets(
        source=source,
        survivor=survivor,
        event=ledger.Event("merge", "t", "m", clock.now(), "system:test"),
    )

    draw(shop, home, owner, 60)

    survivor.refresh_from_db()
    assert (survivor.posted, pool_of(home)) == (965, 40)


@pytest.mark.django_db(transaction=True)
def test_no_two_take_the_last_points():
    programme = make_programme()
    owner = rich()
    pool = pools.open_pool(
        programme=programme,
        member=owner,
        share_percent=0,
        agrees=True,
        now=clock.now(),
        actor=SYSTEM,
    )
    home = pool.household
    pools.put_in(household=home, member=owner, points=100, source_ref="x", actor=SYSTEM)
    calls = [
        partial(
            pools.draw, household=home, member=owner, points=60, source_ref=str(n), actor=SYSTEM
        )
        for n in range(4)
    ]

    ran = race(calls)

    assert ran.overlap > 1
    assert (len(ran.results), balance(owner)) == (1, 960)
    assert {type(one).__name__ for one in ran.errors} == {"InsufficientPoints"}


@pytest.mark.django_db(transaction=True)
def test_leaving_and_drawing_at_once():
    programme = make_programme()
    owner = rich()
    pool = pools.open_pool(
        programme=programme,
        member=owner,
        share_percent=0,
        agrees=True,
        now=clock.now(),
        actor=SYSTEM,
    )
    home = pool.household
    pools.put_in(household=home, member=owner, points=100, source_ref="x", actor=SYSTEM)

    race(
        [
            partial(pools.leave, household=home, member=owner, now=clock.now(), actor=SYSTEM),
            partial(
                pools.draw, household=home, member=owner, points=60, source_ref="y", actor=SYSTEM
            ),
        ]
    )

    assert balance(owner) == 1_000


@pytest.mark.django_db(transaction=True)
def test_a_member_enters_one_household_whoever_asks_at_once():
    make_programme()
    member = MemberFactory()
    enter = partial(
        pools.open_pool,
        programme=default_programme(),
        member=member,
        share_percent=0,
        agrees=True,
        now=clock.now(),
        actor=SYSTEM,
    )

    ran = race([enter] * 4)

    assert (len(ran.results), {type(one) for one in ran.errors}) == (1, {HouseholdRefused})
    assert HouseholdPool.objects.count() == 1


def test_negative_controls_the_database_itself_refuses(shop):
    owner = MemberFactory()
    home = opened(shop, owner)
    stay = HouseholdMember.objects.get()
    with pytest.raises(IntegrityError, match="one_household_at_a_time"), transaction.atomic():
        HouseholdMember.objects.create(
            household=Household.objects.create(), member=owner, agreed_at=clock.now()
        )
    put(shop, home, rich(member=owner), 5)
    with pytest.raises(Exception, match=r"it is history|permission"), transaction.atomic():
        PoolMove.objects.update(amount=1)
    assert households.current_stay(owner.pk) == stay


def test_at_the_till_those_with_the_right_take_points_out_once():
    programme = make_programme()
    owner, till = rich(points=100), Till()
    stranger = MemberFactory()
    pool = pools.open_pool(
        programme=programme,
        member=owner,
        share_percent=0,
        agrees=True,
        now=clock.now(),
        actor=SYSTEM,
    )
    pools.put_in(household=pool.household, member=owner, points=80, source_ref="x", actor=SYSTEM)
    assert "80 points are in the pool" in till.get("pool", owner.public_id).content.decode()
    assert till.get("pool", stranger.public_id).content == b""
    key = "018f0000-0000-7000-8000-000000000001"

    answers = [till.ask("pool", owner.public_id, points="30", key=key) for _ in range(2)]
    short = till.ask("pool", owner.public_id, points="51", key=key[:-1] + "2")

    assert [one.status_code for one in answers] == [200, 200]
    assert (short.status_code, balance(owner)) == (422, 50)
    assert "Available 50" in short.content.decode()
    HouseholdMember.objects.update(may_spend=False)
    assert till.get("pool", owner.public_id).content == b""
