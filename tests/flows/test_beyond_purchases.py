"""Rows 41, 55 and 56 of the requirements, and birthdays, from the marketer's form to the ledger.

Each ends with its reversal; after each test the ledger's checks are zero.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from loyalty_crm.kernel import clock, outbox
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import ActionEvent, Bonus, Referral
from rewards.services import referrals
from rewards.services.audit_ledger import audit_ledger
from rewards.services.demo.beyond import go_beyond
from rewards.tasks import give_occasions, pay_referrals
from tests.factories.members import CardFactory, MemberFactory, ProductFactory
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.rewards.beyond_tools import Caller, balance
from tests.rewards.shop import Shop
from tests.rewards.till_client import line
from tests.staff import at_desk
from tests.till import Till

pytestmark = pytest.mark.django_db


def books_agree():
    assert {one.check: one.count for one in audit_ledger() if one.count} == {}


def saved(desk, address, **said):
    """A form of the admin, filled in and sent."""
    answer = desk.post(f"/admin/rewards/{address}", said)
    errors = getattr(answer, "context", None) and answer.context.get("errors")
    assert answer.status_code == 302, errors


def decided(desk, row, verb, reason="Looked at"):
    model = row._meta.model_name
    answer = desk.post(f"/admin/rewards/{model}/{row.pk}/do/{verb}/", {"reason": reason})
    assert answer.status_code == 302
    row.refresh_from_db()
    return row


REWARD = {
    "reward_kind": "points",
    "reward_amount": "150",
    "reward_code": "",
    "reward_valid_days": "",
}


def test_row_41_a_firm_without_a_shop_earns_by_renewed_policies(api):
    """An insurer: a policy renewed earns once per policy and year; a cancellation takes it back."""
    make_programme()
    marketer, insurer = at_desk("marketer"), Caller(api("actions:write", "actions:decide"))
    saved(
        marketer, "eventkind/add/", name="Policy renewed", code="policy-renewed", once="object",
        is_active="on", **REWARD,
    )  # fmt: skip
    saved(
        marketer, "eventkind/add/", name="Claim-free year", code="claim-free", once="year",
        is_active="on", **REWARD | {"reward_amount": "500"},
    )  # fmt: skip
    member = MemberFactory()

    def told(number, kind, **more):
        body = {"source": "policies", "id": number, "kind": kind, **more}
        who = {"member": {"id": str(member.public_id)}, "occurred_at": clock.now().isoformat()}
        return insurer.post("events", 201, **body, **who)

    renewed = told("p-1", "policy-renewed", object="POL-7/2026")
    assert told("p-2", "policy-renewed", object="POL-7/2026")["state"] == "over_limit"
    told("p-3", "policy-renewed", object="POL-8/2026")
    told("c-1", "claim-free")
    assert balance(member) == 800

    insurer.post(f"events/{renewed['id']}/reverse", reason="The policy was cancelled")

    assert balance(member) == 650
    books_agree()


def test_row_55_a_review_is_looked_at_by_a_person(api):
    make_programme()
    marketer, site = at_desk("marketer"), Caller(api("actions:write"))
    saved(
        marketer, "eventkind/add/", name="Review", code="review", once="object",
        needs_approval="on", needs_proof="on", is_active="on", **REWARD,
    )  # fmt: skip
    member = MemberFactory()
    for number, words in (("r-1", "Best coffee in town"), ("r-2", "asdf")):
        site.post(
            "events", 201, source="site", id=number, kind="review", object=number,
            member={"id": str(member.public_id)}, occurred_at=clock.now().isoformat(),
            proof_url=f"https://example.org/{number}", proof_text=words,
        )  # fmt: skip
    queue = marketer.get("/admin/rewards/actionevent/?state__exact=pending").content.decode()
    assert "2 wait for a decision" in queue
    good, bad = ActionEvent.objects.order_by("pk")
    page = marketer.get(f"/admin/rewards/actionevent/{good.pk}/change/").content.decode()
    assert "Best coffee in town" in page

    assert decided(marketer, good, "approve").state == "granted"
    assert decided(marketer, bad, "reject", "No words").state == "rejected"
    assert balance(member) == 150

    assert decided(marketer, good, "reverse", "Bought review").state == "reversed"
    assert balance(member) == 0
    books_agree()


def test_row_55_many_are_approved_at_once(api):
    make_programme()
    marketer, site = at_desk("marketer"), Caller(api("actions:write"))
    saved(
        marketer, "eventkind/add/", name="Review", code="review", once="always",
        needs_approval="on", is_active="on", **REWARD,
    )  # fmt: skip
    members = [MemberFactory() for _ in range(3)]
    for member in members:
        site.post(
            "events", 201, source="site", id=str(member.pk), kind="review",
            member={"id": str(member.public_id)}, occurred_at=clock.now().isoformat(),
        )  # fmt: skip
    chosen = list(ActionEvent.objects.values_list("pk", flat=True))

    for _ in range(2):  # a double click
        marketer.post(
            "/admin/rewards/actionevent/",
            {"action": "approve_chosen", "_selected_action": chosen},
        )

    assert [balance(member) for member in members] == [150, 150, 150]


def test_row_56_a_client_brings_a_friend():
    """Terms in the admin, the code at the till, the purchase, the wait, rewards, the refund."""
    shop = Shop()
    ProductFactory(sku="A", name="A")
    marketer, till = at_desk("marketer"), Till()
    saved(
        marketer, "referralterms/add/", is_on="on", min_total_minor="10.00",
        first_purchase_only="on", return_days="14", attach_days="7", most_per_period="10",
        period_days="30", most_ever="100", same_till_a_day="3", on_suspicion="refuse",
        referrer_kind="points", referrer_amount="200", friend_kind="points", friend_amount="100",
    )  # fmt: skip
    referrer = shop.card.member
    code = referrals.code_of(referrer).code
    friend = MemberFactory(enrolled_at=clock.now(), home_store=till.terminal.store)

    refused = till.client.post(
        f"/till/friend/{friend.public_id}/", {"code": "ABCD2345", "key": KEY}
    )
    assert refused.status_code == 422
    assert "No member has this code" in refused.content.decode()
    noted = till.client.post(
        f"/till/friend/{friend.public_id}/", {"code": code.lower(), "key": KEY[:-1] + "1"}
    )
    assert noted.status_code == 200
    shop.card = CardFactory(member=friend)
    sold = shop.sell(line("A", 1_500))
    outbox.drain()
    assert pay_referrals() == 0
    with time_machine.travel(clock.now() + timedelta(days=15)):
        assert pay_referrals() == 1
    assert (balance(referrer), balance(friend)) == (200, 115)
    report = marketer.get("/admin/rewards/referral/report/").content.decode()
    assert "One friend who was rewarded has cost" in report

    shop.take_back(sold, line_1="1")
    outbox.drain()

    assert Referral.objects.get().state == "clawed_back"
    assert (balance(referrer), balance(friend)) == (0, 0)
    books_agree()


KEY = "018f0000-0000-7000-8000-000000000000"


def test_a_birthday_from_the_form_to_the_ledger():
    make_programme()
    marketer = at_desk("marketer")
    saved(
        marketer, "occasion/add/", kind="birthday", is_active="on", days_before="0",
        days_after="3", leap="earlier", **REWARD | {"reward_valid_days": "14"},
    )  # fmt: skip
    today = clock.now().date()
    born = today.replace(year=1992) if (today.month, today.day) != (2, 29) else today
    member = MemberFactory(birth_date=born)

    assert (give_occasions(), give_occasions()) == (1, 0)

    assert balance(member) == 150
    lot = member.wallets.get().lots.get()
    assert timedelta(days=14) < lot.expires_at - clock.now() <= timedelta(days=15)
    shown = marketer.get("/admin/rewards/bonus/").content.decode()
    assert "birthday" in shown
    assert Bonus.objects.get().member == member
    books_agree()


def test_a_form_that_gives_nothing_is_refused_in_words():
    make_programme()
    marketer = at_desk("marketer")

    answer = marketer.post(
        "/admin/rewards/eventkind/add/",
        {"name": "X", "code": "x", "once": "ever", **REWARD, "reward_amount": "0"},
    )

    assert answer.status_code == 200
    assert "Give at least one" in answer.content.decode()


def test_the_demo_shows_all_of_it_and_repeats_nothing():
    programme = make_programme()
    now = clock.now()
    for _ in range(34):
        WalletFactory(programme=programme, points=1_000, member=MemberFactory(enrolled_at=now))

    go_beyond(now, SYSTEM)
    before = (ActionEvent.objects.count(), Bonus.objects.count(), Referral.objects.count())
    go_beyond(now, SYSTEM)

    assert before == (24, 19, 4)
    assert (ActionEvent.objects.count(), Bonus.objects.count(), Referral.objects.count()) == before
    books_agree()
