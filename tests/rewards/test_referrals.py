"""Referrals: both sides are rewarded once, past the return window; self-dealing is not (bar 94)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from members.services import households
from rewards.errors import ReferralRefused
from rewards.models import Bonus, Referral, ReferralCode
from rewards.rules import referrals as rules
from rewards.rules.bonuses import Reward
from rewards.services import referrals
from rewards.services.programmes import default_programme
from rewards.services.wallets import freeze_wallet
from tests.concurrency import race
from tests.factories.members import CardFactory, MemberFactory, ProductFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.portal import Phone
from tests.rewards.beyond_tools import Caller, balance
from tests.rewards.shop import Shop
from tests.rewards.till_client import line

pytestmark = pytest.mark.django_db

WEEKS_LATER = timedelta(days=15)


def newcomer(**more):
    return MemberFactory(enrolled_at=clock.now() - timedelta(hours=1), **more)


def open_referrals(**terms):
    programme = make_programme()
    referrals.save_terms(
        programme=programme,
        referrer_reward=Reward(kind="points", amount=200),
        friend_reward=Reward(kind="points", amount=100),
        actor=SYSTEM,
        **{"is_on": True, "min_total_minor": 1_000, **terms},
    )
    return programme


def attach(friend, referrer, **more):
    return referrals.attach(
        programme=default_programme(),
        friend=friend,
        code=referrals.code_of(referrer).code,
        now=clock.now(),
        actor=SYSTEM,
        **more,
    )


class Story:
    """A referrer, a friend with a card, and the shop where the friend buys."""

    def __init__(self):
        self.referrer = MemberFactory()
        self.friend = newcomer()
        self.shop = Shop(card=CardFactory(member=self.friend))
        ProductFactory(sku="A", name="A")

    def buys(self, price=1_500, pieces="1", **details):
        sold = self.shop.sell(line("A", price, pieces), **details)
        outbox.drain()
        return sold

    def brings_back(self, sold, **lines):
        self.shop.take_back(sold, **lines)
        outbox.drain()

    def paid(self, after=WEEKS_LATER):
        return referrals.pay_due(now=clock.now() + after)

    @property
    def referral(self):
        return Referral.objects.get(friend=self.friend)

    @property
    def bonuses(self):
        return list(Bonus.objects.order_by("amount").values_list("member_id", "amount"))


@pytest.fixture
def story():
    open_referrals()
    return Story()


@pytest.fixture
def caller(api):
    return Caller(api("referrals:read", "referrals:write"))


def test_the_whole_way(story, caller):
    code = caller.post(f"members/{story.referrer.public_id}/referral-code")
    assert code["link"].endswith(f"/invited/{code['code']}/")
    again = caller.post(f"members/{story.referrer.public_id}/referral-code")
    assert again == code

    friend = {"id": str(story.friend.public_id)}
    typed = f"{code['code'][:4]}-{code['code'][4:].lower()}"
    joined = caller.post("referrals", 201, code=typed, friend=friend)
    assert joined["state"] == "enrolled"

    story.buys()
    assert caller.get(f"referrals/{joined['id']}")["state"] == "qualified"
    assert story.paid(after=timedelta(days=13)) == 0, "the return window is open"
    assert (story.paid(), story.paid()) == (1, 0)

    done = caller.get(f"referrals?friend={story.friend.public_id}")["data"][0]
    assert done["state"] == "rewarded"
    assert story.bonuses == [(story.friend.pk, 100), (story.referrer.pk, 200)]


def test_a_small_purchase_does_not_count_and_the_first_one_is_the_one(story):
    attach(story.friend, story.referrer)
    story.buys(price=999)
    story.buys(price=5_000)

    assert story.referral.state == "enrolled"


def test_a_later_purchase_counts_when_the_terms_say_so():
    open_referrals(first_purchase_only=False)
    story = Story()
    attach(story.friend, story.referrer)
    story.buys(price=999)
    story.buys(price=5_000)

    assert story.referral.state == "qualified"


def test_goods_brought_back_in_the_window_take_the_claim_back(story):
    attach(story.friend, story.referrer)
    sold = story.buys(price=600, pieces="2")
    story.brings_back(sold, line_1="1")

    assert story.referral.state == "enrolled"
    assert story.paid() == 0


def test_a_refund_after_the_reward_takes_both_back(story, caller):
    attach(story.friend, story.referrer)
    sold = story.buys()
    story.paid()

    story.brings_back(sold, line_1="1")

    assert (story.referral.state, story.referral.reason) == ("clawed_back", "refund")
    assert (balance(story.referrer), balance(story.friend)) == (0, 0)
    again = caller.post(f"referrals/{story.referral.public_id}/claw-back", 409, reason="once more")
    assert (again["code"], again["params"]["state"]) == ("referral_state", "clawed_back")


# Self-dealing


def one_household(story):
    stay = households.open_household(
        member=story.referrer, share_percent=0, agrees=True, now=clock.now(), actor=SYSTEM
    )
    _, code = households.invite(
        household=stay.household, by=story.referrer, may_spend=True, now=clock.now(), actor=SYSTEM
    )
    households.join(
        code=code, member=story.friend, share_percent=0, agrees=True, now=clock.now(), actor=SYSTEM
    )


def one_card(story):
    CardFactory(member=story.referrer, status="replaced", replaced_by=story.shop.card)


def one_device(story):
    referrals.see_device(story.referrer, "device-0001")
    referrals.see_device(story.friend, "device-0001")


def one_name(story):
    for number, who in enumerate((story.referrer, story.friend)):
        who.name, who.birth_date = ["Anna Lee", "LEE  anna"][number], date(1990, 1, 1)
        who.save()


def one_mailbox(story):
    for who, value in ((story.referrer, "an.na@gmail.com"), (story.friend, "anna+2@gmail.com")):
        who.identities.create(kind="email", value=value)


@pytest.mark.parametrize(
    ("arrange", "sign"),
    [
        (one_household, "household"),
        (one_card, "card"),
        (one_device, "device"),
        (one_name, "person"),
        (one_mailbox, "person"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_looks_like_one_person_gets_nothing(story, arrange, sign, when):
    """Seen at once, or at the second look before the reward; the reason is kept."""
    if when == "before":
        arrange(story)
    attach(story.friend, story.referrer)
    story.buys()
    if when == "after":
        assert story.referral.state == "qualified"
        arrange(story)
    story.paid()

    assert (story.referral.state, story.referral.reason) == ("refused", sign)
    assert story.bonuses == []


def test_circles_are_refused():
    open_referrals()
    one, two, three = newcomer(), newcomer(), newcomer()
    attach(two, one)
    attach(three, two)

    closed = attach(one, three)

    assert (closed.state, closed.signals) == ("refused", [rules.CHAIN])


def test_a_crowd_at_one_till_is_looked_into(caller):
    open_referrals(same_till_a_day=3)
    referrer = MemberFactory()
    states = [attach(newcomer(), referrer, place="S1/T1").state for _ in range(4)]
    other_till = attach(newcomer(), referrer, place="S1/T2").state

    assert states == ["enrolled", "enrolled", "held", "held"]
    assert other_till == "enrolled"
    held = caller.get("referrals?state=held")["data"]
    assert held[0]["signs"] == ["same_till"]


def test_a_person_may_find_it_fine(caller):
    open_referrals(on_suspicion="review")
    story = Story()
    one_name(story)
    attach(story.friend, story.referrer)
    assert story.referral.state == "held"
    story.buys()
    assert story.paid() == 0
    at = f"referrals/{story.referral.public_id}"

    assert caller.post(f"{at}/approve", reason="Father and son")["state"] == "qualified"
    story.paid()

    assert story.referral.state == "rewarded"
    assert caller.post(f"{at}/refuse", 409, reason="x")["code"] == "referral_state"
    assert caller.post(f"{at}/claw-back", reason="Found out")["state"] == "clawed_back"
    assert story.bonuses
    assert balance(story.referrer) == 0


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [
        (lambda s: {"code": "WRONGCODE"}, "code"),
        (lambda s: {"friend": s.referrer}, "self"),
        (lambda s: {"friend": MemberFactory()}, "too_late"),
    ],
)
def test_who_is_no_friend(story, caller, arrange, reason):
    asked = {"code": referrals.code_of(story.referrer).code, "friend": story.friend}
    asked |= arrange(story)
    asked["friend"] = {"id": str(asked["friend"].public_id)}

    refused = caller.post("referrals", 422, **asked)

    assert (refused["code"], refused["params"]["reason"]) == ("referral_refused", reason)
    assert not Referral.objects.exists()


def test_who_has_bought_before_was_not_brought(story):
    story.buys()
    with pytest.raises(ReferralRefused):
        attach(story.friend, story.referrer)


def test_closed_until_a_marketer_opens_it(caller):
    make_programme()
    friend, referrer = newcomer(), MemberFactory()
    with pytest.raises(ReferralRefused) as refusal:
        attach(friend, referrer)
    assert refusal.value.detail == {"reason": "off"}


def test_beyond_the_limit_the_friend_alone_is_rewarded():
    open_referrals(most_per_period=2, min_total_minor=1)
    referrer = MemberFactory()
    story = Story()
    friends = []
    for _ in range(3):
        story.friend = newcomer()
        story.shop.card = CardFactory(member=story.friend)
        friends.append(story.friend)
        attach(story.friend, referrer)
        story.buys()

    assert referrals.pay_due(now=clock.now() + WEEKS_LATER) == 3

    assert balance(referrer) == 400
    assert Bonus.objects.filter(member__in=friends).count() == 3
    assert Referral.objects.filter(reason="limit", referrer_bonus=None).count() == 1


def test_a_frozen_account_is_looked_into_and_stops_nobody_else(story):
    attach(story.friend, story.referrer)
    story.buys()
    wallet = WalletFactory(programme=default_programme(), member=story.referrer)
    freeze_wallet(wallet=wallet, reason="looked into", actor=SYSTEM)

    assert story.paid() == 1

    assert (story.referral.state, story.referral.signals) == ("held", ["frozen"])


def test_the_link_counts_looks_and_tells_nothing_of_codes(client):
    open_referrals()
    code = referrals.code_of(MemberFactory()).code

    real = client.get(f"/invited/{code}/")
    false = client.get("/invited/ABCDEFGH/")

    assert (real.status_code, false.status_code) == (200, 200)
    shown = f"{code[:4]}-{code[4:]}"
    assert shown in real.content.decode()
    assert len(real.content) - len(false.content) in range(-40, 40)
    assert ReferralCode.objects.get().opened == 1


def test_codes_are_hard_to_guess_and_easy_to_type():
    codes = {referrals.code_of(MemberFactory()).code for _ in range(50)}

    assert len(codes) == 50
    assert {len(code) for code in codes} == {8}
    assert not set("".join(codes)) & set("01ILO")


# Races


@pytest.mark.django_db(transaction=True)
def test_two_who_claim_the_same_friend_at_once():
    open_referrals()
    friend, claimants = newcomer(), [MemberFactory() for _ in range(4)]
    for one in claimants:
        referrals.code_of(one)

    ran = race([partial(attach, friend, one) for one in claimants])

    assert ran.overlap > 1
    assert len(ran.results) == Referral.objects.count() == 1
    assert {type(one) for one in ran.errors} == {ReferralRefused}


def test_negative_control_the_database_knows_one_referrer_alone(story):
    attach(story.friend, story.referrer)
    twin = story.referral
    twin.pk, twin.public_id, twin.referrer = None, MemberFactory().public_id, MemberFactory()

    with pytest.raises(IntegrityError, match="friend_id"), transaction.atomic():
        twin.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_payers_side_by_side_pay_once():
    open_referrals(min_total_minor=1)
    story = Story()
    for _ in range(4):
        story.friend = newcomer()
        story.shop.card = CardFactory(member=story.friend)
        attach(story.friend, story.referrer)
        story.buys()
    pay = partial(referrals.pay_due, now=clock.now() + WEEKS_LATER, limit=2)

    ran = race([pay] * 4)

    assert ran.errors == []
    while referrals.pay_due(now=clock.now() + WEEKS_LATER):
        pass
    assert balance(story.referrer) == 800
    assert Bonus.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_for_payers_at_once():
    open_referrals(min_total_minor=1, most_ever=1)
    story = Story()
    for _ in range(4):
        story.friend = newcomer()
        story.shop.card = CardFactory(member=story.friend)
        attach(story.friend, story.referrer)
        story.buys()
    pay = partial(referrals.pay_due, now=clock.now() + WEEKS_LATER, limit=1)

    race([pay] * 4)

    assert balance(story.referrer) == 200


def test_mailboxes():
    assert rules.mailbox("An.Na+x@googlemail.com") == "anna@gmail.com"
    assert rules.mailbox("an.na+x@example.org") == "an.na@example.org"
    assert not rules.is_same_person(("", None), ("", None))
    assert not rules.is_same_person(("A", None), ("A", None))


def test_on_the_members_own_page():
    """No code until it is asked for; a friend's code may be named by those who have just joined."""
    open_referrals()
    referrer = MemberFactory()
    code = referrals.code_of(referrer).code
    phone, friend = Phone(), newcomer(phone="+79990000011")
    phone.sign_in("+79990000011")
    assert "Show my code" in phone.get("home").content.decode()
    assert not ReferralCode.objects.filter(member=friend).exists()

    phone.post("friend-code")
    phone.post("friend-name", code="NOCODE22")
    assert not Referral.objects.exists()
    phone.post("friend-name", code=code)

    own = ReferralCode.objects.get(member=friend).code
    assert f"{own[:4]}-{own[4:]}" in phone.get("home").content.decode()
    assert Referral.objects.get().referrer == referrer
