"""Rewards that members take: the books, the stock, the limits, and the way back from each state."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import SourceRefConflict
from loyalty_crm.kernel.models import OutboxEvent
from members.models import StockLevel
from rewards.errors import (
    InsufficientPoints,
    RedemptionElsewhere,
    RedemptionState,
    RedemptionUnknown,
    RewardUnavailable,
    RewardUsed,
)
from rewards.models import (
    AwardBalance,
    AwardMove,
    Coupon,
    GiftCard,
    Lot,
    Pledge,
    Redemption,
    RedemptionStep,
    Reward,
    RewardStock,
)
from rewards.services import benefits, catalogue, gift_cards, redemptions
from rewards.services.audit_ledger import audit_ledger
from tests.factories.catalogue import make_cause, make_reward, make_service
from tests.factories.members import StoreFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


@pytest.fixture
def member(programme):
    return WalletFactory(programme=programme, points=1_000).member


def wallet_of(member):
    return member.wallets.get(kind="points")


def take(reward, member, ref="1", **more):
    return redemptions.redeem(
        reward=reward,
        member=member,
        source="test",
        source_ref=ref,
        now=clock.now(),
        actor=SYSTEM,
        **more,
    )


def hand(redemption, **more):
    return redemptions.fulfil(redemption=redemption, now=clock.now(), actor=SYSTEM, **more)


def cancel(redemption, reason="changed my mind"):
    return redemptions.cancel(redemption=redemption, reason=reason, now=clock.now(), actor=SYSTEM)


def pieces(reward):
    row = RewardStock.objects.get(reward=reward)
    return row.on_hand, row.held


def books_agree():
    return not [finding for finding in audit_ledger() if finding.count]


def test_a_piece_is_set_aside_until_it_is_handed_over(programme, member):
    mug = make_reward(programme, stock=5)

    taken = take(mug, member)

    assert (taken.state, taken.points, pieces(mug)) == ("reserved", 100, (5, 1))
    assert wallet_of(member).posted == 900
    handed = hand(taken)
    assert (handed.state, pieces(mug)) == ("fulfilled", (4, 0))
    states = RedemptionStep.objects.filter(redemption=taken).order_by("pk")
    assert list(states.values_list("state", flat=True)) == ["reserved", "fulfilled"]
    kinds = set(OutboxEvent.objects.values_list("kind", flat=True))
    assert {"reward.redeemed", "reward.fulfilled", "points.spent"} <= kinds
    assert books_agree()


def test_points_that_come_back_keep_the_day_on_which_they_expire(programme):
    soon, later = clock.now() + timedelta(days=10), clock.now() + timedelta(days=90)
    member = WalletFactory(programme=programme, lots={soon: 60, later: 200}).member
    taken = take(make_reward(programme, stock=1), member)
    assert dict(Lot.objects.values_list("expires_at", "remaining")) == {soon: 0, later: 160}

    cancelled = cancel(taken)

    assert dict(Lot.objects.values_list("expires_at", "remaining")) == {soon: 60, later: 200}
    assert cancelled.restored_tx.reverses_id == taken.tx_id
    assert pieces(taken.reward) == (1, 0)
    assert cancel(taken).restored_tx_id == cancelled.restored_tx_id
    assert books_agree()


def test_the_same_reference_takes_once_and_for_the_same_member_alone(programme, member):
    mug = make_reward(programme)

    first, again = take(mug, member), take(mug, member)

    assert first.pk == again.pk
    assert wallet_of(member).posted == 900
    with pytest.raises(SourceRefConflict):
        take(mug, WalletFactory(programme=programme, points=500).member)


def test_no_more_than_there_are_pieces_and_points(programme, member):
    mug = make_reward(programme, stock=1)
    take(mug, member)

    with pytest.raises(RewardUnavailable) as refused:
        take(mug, member, "2")
    assert refused.value.detail["reasons"] == ["none_left"]
    with pytest.raises(InsufficientPoints) as short:
        take(make_reward(programme, "car", price_points=901), member, "3")
    assert short.value.detail == {"available": 900, "requested": 901}
    assert Redemption.objects.count() == 1


def test_a_store_gives_from_its_own_shelf(programme, member):
    here, there = StoreFactory(), StoreFactory()
    mug = make_reward(programme, stock={here: 1, None: 5})

    mine = take(mug, member, "1", store=here)
    with pytest.raises(RewardUnavailable):
        take(mug, member, "2", store=here)
    other = take(mug, member, "3", store=there)

    assert (mine.stock.store, other.stock.store) == (here, None)
    with pytest.raises(RedemptionElsewhere):
        hand(mine, store=there)
    assert hand(mine, store=here).state == "fulfilled"


def test_the_stock_of_the_store_gives_whole_quantities(programme, member):
    store, mugs = StoreFactory(), make_reward(programme, stock_mode="warehouse", quantity=2)
    level = StockLevel.objects.create(store=store, product=mugs.product, quantity=3)

    taken = take(mugs, member, store=store)
    with pytest.raises(RewardUnavailable):
        take(mugs, member, "2", store=store)
    with pytest.raises(RewardUnavailable, match="Choose a store"):
        take(mugs, member, "3")

    level.refresh_from_db()
    assert level.quantity == 1
    cancel(taken)
    level.refresh_from_db()
    assert level.quantity == 3


def test_a_limit_opens_again_when_one_is_cancelled(programme, member):
    mug = make_reward(programme, per_member=1)
    first = take(mug, member)

    with pytest.raises(RewardUnavailable) as refused:
        take(mug, member, "2")
    assert refused.value.detail["reasons"] == ["limit"]
    cancel(first)
    assert take(mug, member, "3").state == "reserved"


def test_a_code_finds_its_redemption_and_nothing_else(programme, member):
    taken = take(make_reward(programme), member)
    code = redemptions.code_of(taken)

    assert redemptions.by_code(code.lower().replace("-", " ")).pk == taken.pk
    wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
    for typed in (wrong, "", "2222-2222-2222", "ж" * 12):
        with pytest.raises(RedemptionUnknown):
            redemptions.by_code(typed)


def test_what_nobody_fetches_goes_back(programme, member):
    mug = make_reward(programme, stock=1, reserve_days=3)
    taken = take(mug, member)
    late = clock.now() + timedelta(days=3, minutes=1)

    with pytest.raises(RedemptionState):
        redemptions.fulfil(redemption=taken, now=late, actor=SYSTEM)
    assert redemptions.expire_due(now=clock.now(), limit=10) == 0
    assert redemptions.expire_due(now=late, limit=10) == 1
    assert redemptions.expire_due(now=late, limit=10) == 0

    taken.refresh_from_db()
    assert (taken.state, pieces(mug), wallet_of(member).posted) == ("expired", (1, 0), 1_000)
    with pytest.raises(RedemptionState):
        cancel(taken)
    assert books_agree()


def test_staff_confirm_before_it_is_set_aside(programme, member):
    tour = make_reward(programme, kind="experience", needs_confirmation=True)
    asked = take(tour, member)
    assert asked.state == "requested"

    with pytest.raises(RedemptionState):
        hand(asked)
    kept = redemptions.confirm(redemption=asked, now=clock.now(), actor=SYSTEM)
    assert kept.state == "reserved"
    assert hand(kept).state == "fulfilled"


def test_money_on_top_needs_its_receipt(programme, member):
    mug = make_reward(programme, price_money_minor=200)
    taken = take(mug, member)

    with pytest.raises(Exception, match="receipt"):
        hand(taken)
    assert hand(taken, payment_ref="R-7").payment_ref == "R-7"


# What is given at once, and taken back


def test_a_coupon_is_the_members_own_and_is_revoked_unless_it_was_used(programme, member):
    promotion = programme.promotions.get(code="base")
    off = make_reward(programme, kind="discount", promotion=promotion, valid_days=30)

    taken = take(off, member)

    coupon = Coupon.objects.get()
    assert (taken.state, coupon.member_id) == ("fulfilled", member.pk)
    assert redemptions.reveal(redemption=taken, actor=SYSTEM).code.replace("-", "") == coupon.code
    cancel(taken)
    coupon.refresh_from_db()
    assert coupon.revoked_at is not None
    used = take(off, member, "2")
    Coupon.objects.filter(source_ref=str(used.public_id)).update(uses=1)
    with pytest.raises(RewardUsed):
        cancel(used)
    assert books_agree()


def test_a_gift_card_has_its_money_and_is_taken_back_while_it_is_whole(programme, member):
    card_reward = make_reward(programme, kind="gift_card", value_minor=500)
    taken = take(card_reward, member)
    card = GiftCard.objects.get()
    assert (card.wallet.posted, card.holder_id, card.state) == (500, member.pk, "active")
    told = redemptions.reveal(redemption=taken, actor=SYSTEM)
    assert gift_cards.by_number(told.code).pk == card.pk
    gift_cards.check_pin(card, told.pin)

    cancel(taken)

    card.refresh_from_db()
    assert (card.state, card.wallet.posted) == ("deactivated", 0)
    spent = take(card_reward, member, "2")
    other = GiftCard.objects.get(state="active")
    gift_cards.redeem(card=other, amount=1, source_ref="x", actor=SYSTEM)
    with pytest.raises(RewardUsed):
        cancel(spent)
    assert books_agree()


@pytest.mark.parametrize(
    ("kind", "book"), [("game_play", "game_plays"), ("draw_ticket", "draw_tickets")]
)
def test_turns_and_tickets_stand_in_the_award_books(programme, member, kind, book):
    reward = make_reward(programme, kind=kind, award_code="spring", quantity=3)
    taken = take(reward, member)
    assert AwardBalance.objects.get(kind=book, code="spring").balance == 3

    cancel(taken)

    assert AwardBalance.objects.get().balance == 0
    played = take(reward, member, "2")
    AwardMove.objects.create(member=member, kind=book, code="spring", amount=-1, reason="played")
    with pytest.raises(RewardUsed):
        cancel(played)


def test_a_reward_worded_anew_takes_back_what_it_gave_before(programme, member):
    reward = make_reward(programme, kind="game_play", award_code="spring", quantity=3)
    card = make_reward(programme, "card", kind="gift_card", value_minor=500)
    turns, money = take(reward, member), take(card, member, "2")
    Reward.objects.filter(pk=reward.pk).update(quantity=1, award_code="autumn")
    Reward.objects.filter(pk=card.pk).update(value_minor=900)

    cancel(turns)
    cancel(money)

    assert AwardBalance.objects.get().balance == 0
    assert GiftCard.objects.get().wallet.posted == 0
    assert wallet_of(member).posted == 1_000


def test_a_partners_code_is_given_to_one_member_for_good(programme, member):
    spa = make_reward(programme, kind="partner_code")
    catalogue.add_codes(reward=spa, codes=["SPA-1", "SPA-1", " SPA-2 "], actor=SYSTEM)
    first, second = take(spa, member), take(spa, member, "2")
    told = [redemptions.reveal(redemption=one, actor=SYSTEM).code for one in (first, second)]

    assert told == ["SPA-1", "SPA-2"]
    with pytest.raises(RewardUnavailable):
        take(spa, member, "3")
    with pytest.raises(RewardUsed):
        cancel(first)


def test_a_donation_goes_to_the_cause_that_the_member_chose(programme, member):
    give = make_reward(programme, kind="donation", value_minor=100)
    with pytest.raises(RewardUnavailable) as refused:
        take(give, member)
    assert refused.value.detail["reasons"] == ["cause"]
    make_cause(programme, "trees", is_default=True)

    taken = take(give, member, "2")

    assert Pledge.objects.get().cause.code == "trees"
    cancel(taken)
    assert sorted(Pledge.objects.values_list("amount_minor", flat=True)) == [-100, 100]
    assert books_agree()


def test_a_service_may_be_used_and_is_taken_back_unused(programme, member):
    service = make_service(programme)
    wash = make_reward(programme, kind="service", service=service, quantity=2, valid_days=30)
    first, second = take(wash, member), take(wash, member, "2")
    shares = partial(benefits.shares_of, member=member, programme=programme, now=clock.now())
    assert [share.left for share in shares()] == [2, 2]

    cancel(first)
    assert [share.left for share in shares()] == [2]
    benefits.consume(
        service=service, member=member, store=None, reason="coat", source="t", source_ref="1",
        now=clock.now(), actor=SYSTEM,
    )  # fmt: skip
    with pytest.raises(RewardUsed):
        cancel(second)


# What the database holds, whoever writes


@pytest.mark.parametrize("state", ["requested", "fulfilled", "expired", "reserved"])
def test_a_cancelled_redemption_goes_nowhere(programme, member, state):
    taken = cancel(take(make_reward(programme), member))
    with pytest.raises(IntegrityError), transaction.atomic():
        Redemption.objects.filter(pk=taken.pk).update(state=state, ended_at=None)


def test_stock_does_not_fall_below_what_is_set_aside(programme, member):
    mug = make_reward(programme, stock=1)
    take(mug, member)
    with pytest.raises(IntegrityError), transaction.atomic():
        RewardStock.objects.filter(reward=mug).update(on_hand=0)
