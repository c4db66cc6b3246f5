"""Gift cards over the API: sold, paid with, given back; and two tills that want the last money."""

from __future__ import annotations

import itertools
from dataclasses import fields
from datetime import date, timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry, IdempotencyRecord
from rewards.errors import GiftCardShortage
from rewards.models import GiftCard, LedgerEntry, Wallet
from rewards.rules import gift_numbers
from rewards.services import gift_cards
from rewards.services.gift_cards import moving
from rewards.services.gift_cards.liability import liability
from rewards.services.ledger import WalletState
from tests.concurrency import race
from tests.factories.rewards import ProgrammeFactory, WalletFactory
from tests.staff import at_desk

pytestmark = pytest.mark.django_db

_refs = itertools.count(1)


@pytest.fixture
def shop(api):
    ProgrammeFactory(is_default=True, currency="USD")
    return api("gift:activate", "gift:redeem", "adjustments:request", "holds:write")


def usd(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "USD"}


def call(shop, path, key=None, **body):
    return shop.post(f"/api/v1/gift-cards{path}", body, key=key or f"k{next(_refs)}")


def new(shop, **body):
    return call(shop, "", **body).json()["data"][0]


def sold(shop, amount=5_000, **body):
    """A card without PIN that was sold for so much."""
    card = new(shop, with_pin=False, **body)
    done = call(shop, f"/{card['id']}/activate", amount=usd(amount), source_ref="sale")
    assert done.status_code == 200, done.content
    return done.json()["card"]


def do(shop, card, action, **body):
    return call(shop, f"/{card['id']}/{action}", **body)


def pay(shop, card, amount, ref="pay", **more):
    return do(shop, card, "redeem", amount=usd(amount), source_ref=ref, **more)


def test_a_card_is_worth_nothing_until_it_is_sold(shop):
    card = new(shop, with_pin=False)
    assert (card["state"], card["balance"]) == ("pending", usd(0))

    assert pay(shop, card, 1).json()["code"] == "gift_card_state"

    bought = do(shop, card, "activate", amount=usd(5_000), source_ref="r1").json()
    assert (bought["card"]["state"], bought["card"]["balance"]) == ("active", usd(5_000))


def test_it_is_activated_once(shop):
    card = sold(shop)

    again = do(shop, card, "activate", amount=usd(5_000), source_ref="sale")
    other = do(shop, card, "activate", amount=usd(5_000), source_ref="another sale")
    dearer = do(shop, card, "activate", amount=usd(9_000), source_ref="sale")

    assert again.json()["duplicate_of_existing"] is True
    assert again.json()["card"]["balance"] == usd(5_000)
    assert other.json()["code"] == "gift_card_state"
    assert dearer.json()["code"] == "source_ref_conflict"


def test_it_pays_in_parts_and_never_more_than_it_has(shop):
    card = sold(shop, 5_000)

    assert pay(shop, card, 3_000, "a").json()["card"]["balance"] == usd(2_000)
    short = pay(shop, card, 2_001, "b").json()
    assert short["code"] == "gift_card_shortage"
    rest = pay(shop, card, 9_999, "c", partly=True).json()

    assert (rest["amount"], rest["card"]["balance"]) == (usd(-2_000), usd(0))
    assert pay(shop, card, 1, "d", partly=True).json()["code"] == "gift_card_shortage"


def test_the_same_payment_again_takes_nothing(shop):
    card = sold(shop)
    assert pay(shop, card, 700, "a").json()["duplicate_of_existing"] is False
    assert pay(shop, card, 700, "a").json()["duplicate_of_existing"] is True
    assert pay(shop, card, 800, "a").json()["code"] == "source_ref_conflict"
    assert LedgerEntry.objects.filter(kind="redeem").count() == 1


def test_more_money_is_loaded(shop):
    card = sold(shop, 1_000)
    loaded = do(shop, card, "load", amount=usd(500), source_ref="top-up").json()
    assert loaded["card"]["balance"] == usd(1_500)


def test_goods_that_come_back_put_the_money_back_and_never_more(shop):
    card = sold(shop, 5_000)
    pay(shop, card, 3_000, "p")

    part = do(shop, card, "restore", payment_ref="p", amount=usd(1_000), source_ref="x").json()
    too_much = do(shop, card, "restore", payment_ref="p", amount=usd(2_001), source_ref="y")
    rest = do(shop, card, "restore", payment_ref="p", source_ref="z").json()
    nothing = do(shop, card, "restore", payment_ref="p", source_ref="w")

    assert part["card"]["balance"] == usd(3_000)
    assert too_much.json()["code"] == "gift_card_shortage"
    assert (rest["amount"], rest["card"]["balance"]) == (usd(2_000), usd(5_000))
    assert nothing.json()["code"] == "gift_card_shortage"
    unknown = do(shop, card, "restore", payment_ref="never", source_ref="v")
    assert unknown.json()["code"] == "gift_payment_unknown"


def test_a_returned_card_pays_back_only_what_is_unspent(shop):
    # 50.00 sold, 30.00 spent: 20.00 are paid back, the card is empty and closes.
    card = sold(shop, 5_000)
    pay(shop, card, 3_000)

    told = do(shop, card, "refund", sale_ref="sale", source_ref="back", dry_run=True).json()
    assert (told["amount"], told["card"]["balance"]) == (usd(-2_000), usd(2_000))
    done = do(shop, card, "refund", sale_ref="sale", source_ref="back").json()

    assert (done["amount"], done["card"]["balance"]) == (usd(-2_000), usd(0))
    assert done["card"]["state"] == "deactivated"
    entry = LedgerEntry.objects.get(kind="unload")
    assert (entry.amount, entry.contra) == (-2_000, "sale")


def test_a_returned_load_leaves_the_sale_alone(shop):
    # 10.00 sold + 5.00 loaded, 7.00 spent: of the load all 5.00 are still there.
    card = sold(shop, 1_000)
    do(shop, card, "load", amount=usd(500), source_ref="top-up")
    pay(shop, card, 700)

    done = do(shop, card, "refund", sale_ref="top-up", source_ref="back").json()

    assert (done["amount"], done["card"]["balance"]) == (usd(-500), usd(300))
    assert done["card"]["state"] == "active"
    rest = do(shop, card, "refund", sale_ref="sale", source_ref="back 2").json()
    assert rest["amount"] == usd(-300)


def test_a_blocked_card_pays_nothing_until_it_is_unblocked(shop):
    card = sold(shop)
    assert do(shop, card, "block", reason="chargeback").json()["state"] == "blocked"
    assert pay(shop, card, 100, "a").json()["code"] == "gift_card_state"
    assert do(shop, card, "unblock", reason="a mistake").json()["state"] == "active"
    assert pay(shop, card, 100, "b").status_code == 200
    reasons = AuditEntry.objects.filter(object_id=card["id"], action__endswith="blocked")
    assert list(reasons.values_list("reason", flat=True)) == ["chargeback"]


def test_only_an_empty_card_is_closed(shop):
    card = sold(shop, 500)
    assert do(shop, card, "deactivate", reason="lost").json()["code"] == "gift_card_state"
    pay(shop, card, 500)
    assert do(shop, card, "deactivate", reason="lost").json()["state"] == "deactivated"
    assert do(shop, card, "load", amount=usd(1), source_ref="x").json()["code"] == "gift_card_state"


def test_money_moves_to_another_card(shop):
    old, fresh = sold(shop, 1_500), new(shop, with_pin=False)
    do(shop, fresh, "activate", amount=usd(100), source_ref="second sale")

    moved = do(shop, old, "transfer", to=fresh["id"], source_ref="t").json()

    assert (moved["amount"], moved["card"]["state"]) == (usd(-1_500), "deactivated")
    assert shop.get(f"/api/v1/gift-cards/{fresh['id']}").json()["balance"] == usd(1_600)
    again = do(shop, old, "transfer", to=fresh["id"], source_ref="t").json()
    assert again["duplicate_of_existing"] is True
    itself = do(shop, fresh, "transfer", to=fresh["id"], source_ref="u")
    assert itself.json()["code"] == "gift_card_state"


def test_past_its_last_day_it_buys_nothing_but_is_still_owed(shop):
    card = sold(shop, 1_000, expires_on="2030-05-31")
    pay(shop, card, 400, "p")
    with time_machine.travel("2030-05-31T12:00:00Z", tick=False):
        assert pay(shop, card, 100, "last day").status_code == 200
    with time_machine.travel("2030-06-02T12:00:00Z", tick=False):
        late = pay(shop, card, 100, "late").json()
        assert late["code"] == "gift_card_expired"
        assert do(shop, card, "restore", payment_ref="p", source_ref="r").status_code == 200
        paid = do(shop, card, "refund", sale_ref="sale", source_ref="b").json()
        assert paid["amount"] == usd(-900)


def test_another_currency_and_no_money_are_refused(shop):
    card = sold(shop)
    euros = {"amount": 100, "currency": "EUR"}
    refused = do(shop, card, "redeem", amount=euros, source_ref="a").json()
    assert refused["code"] == "currency_mismatch"
    for amount in (0, -5):
        answer = pay(shop, card, amount, f"n{amount}").json()
        assert answer["code"] == "validation_failed"
        assert answer["errors"][0]["pointer"] == "/amount/amount"


# Numbers and PINs


def test_the_number_is_shown_before_the_sale_alone_and_each_look_is_recorded(shop):
    card = new(shop)
    told = call(shop, f"/{card['id']}/reveal").json()
    number = gift_numbers.clean(told["number"])

    assert gift_numbers.is_sane(number)
    assert number.endswith(card["last4"])
    assert AuditEntry.objects.filter(action="gift_card.revealed", object_id=card["id"]).count() == 1
    found = call(shop, "/lookup", number=told["number"].lower(), pin=told["pin"]).json()
    assert found["id"] == card["id"]
    do(shop, card, "activate", amount=usd(100), source_ref="s")
    assert call(shop, f"/{card['id']}/reveal").json()["code"] == "gift_card_state"


def test_the_database_holds_neither_number_nor_pin(shop):
    card = new(shop)
    told = call(shop, f"/{card['id']}/reveal").json()
    number = gift_numbers.clean(told["number"])
    row = GiftCard.objects.values().get(public_id=card["id"])
    kept = repr(row) + repr(list(IdempotencyRecord.objects.values()))
    kept += repr(list(AuditEntry.objects.values()))
    assert number not in kept
    assert told["number"] not in kept
    assert told["pin"] not in kept.replace(str(row["id"]), "")


def test_five_wrong_pins_lock_the_card_even_for_the_right_one(shop):
    card = new(shop)
    told = call(shop, f"/{card['id']}/reveal").json()
    do(shop, card, "activate", amount=usd(100), source_ref="s")
    wrong = "000000" if told["pin"] != "000000" else "111111"

    for no in range(5):
        assert pay(shop, card, 10, f"w{no}", pin=wrong).json()["code"] == "gift_card_unknown"

    assert pay(shop, card, 10, "right", pin=told["pin"]).json()["code"] == "gift_card_locked"
    gift_cards.unlock(card=GiftCard.objects.get(), reason="the buyer came", actor=SYSTEM)
    assert pay(shop, card, 10, "right 2", pin=told["pin"]).status_code == 200


def test_a_right_pin_forgives_the_wrong_ones_before(shop):
    card = new(shop)
    told = call(shop, f"/{card['id']}/reveal").json()
    do(shop, card, "activate", amount=usd(100), source_ref="s")
    for no in range(12):
        pin = told["pin"] if no % 4 == 3 else "x"
        status = pay(shop, card, 1, f"w{no}", pin=pin).status_code
        assert status == (200 if no % 4 == 3 else 422)


def test_an_unknown_number_and_a_wrong_pin_look_alike(shop):
    card = new(shop)
    told = call(shop, f"/{card['id']}/reveal").json()
    answers = [
        call(shop, "/lookup", number="2222-3333-4444-5555", pin="123456").json(),
        call(shop, "/lookup", number=told["number"], pin="x").json(),
    ]
    for answer in answers:
        del answer["request_id"]
    assert answers[0] == answers[1]


def test_guesses_of_numbers_are_few_and_a_right_one_waits_too(shop):
    card = new(shop)
    told = call(shop, f"/{card['id']}/reveal").json()
    for no in range(5):
        guess = call(shop, "/lookup", number=f"2222-3333-4444-555{no}")
        assert guess.json()["code"] == "gift_card_unknown"
    right = call(shop, "/lookup", number=told["number"], pin=told["pin"])
    assert right.json()["code"] == "too_many_requests"
    assert int(right.headers["Retry-After"]) > 0


def test_numbers_printed_elsewhere_are_taken_and_once(shop):
    card = new(shop, numbers=["ABCD 1234-5678 90"])
    assert (card["last4"], card["has_pin"]) == ("7890", False)
    assert call(shop, "/lookup", number="abcd1234567890").json()["id"] == card["id"]
    assert call(shop, f"/{card['id']}/reveal").json()["code"] == "gift_card_state"
    for numbers in (["ABCD12345678-90"], ["ABCD12345679ÄÖ"]):
        assert call(shop, "", numbers=numbers).json()["code"] == "validation_failed"
    assert GiftCard.objects.count() == Wallet.objects.filter(kind="gift").count() == 1


def test_a_number_is_seventy_five_random_bits_and_one_check_character():
    secret = b"k" * 32
    numbers = {gift_numbers.number_of(secret, str(seed)) for seed in range(2_000)}
    assert len(numbers) == 2_000
    assert all(gift_numbers.is_sane(number) for number in numbers)
    # Each of the 15 places sees nearly all of the 32 characters.
    for place in range(gift_numbers.LENGTH - 1):
        assert len({number[place] for number in numbers}) == 32
    one = min(numbers)
    wrong = ("3" if one[0] != "3" else "4") + one[1:]
    assert not gift_numbers.is_sane(wrong)


# Doors and costs


def test_issuing_costs_the_same_for_one_and_for_three_hundred(shop):
    new(shop)  # the key's first use of a minute is noted
    costs = []
    for count in (1, 300):
        with CaptureQueriesContext(connection) as told:
            answer = call(shop, "", count=count)
        assert len(answer.json()["data"]) == count
        costs.append(len(told))
    assert costs[0] == costs[1]


def test_activities_tell_each_move(shop):
    card = sold(shop, 1_000)
    pay(shop, card, 300, "p")
    (paid, bought) = shop.get(f"/api/v1/gift-cards/{card['id']}/activities").json()["data"]
    assert (paid["op"], paid["amount"], paid["balance_after"]) == ("redeem", usd(-300), usd(700))
    assert (bought["op"], bought["source_ref"]) == ("activate", "sale")


def test_scopes(api, shop):
    card = sold(shop)
    payer, seller = api("gift:redeem"), api("gift:activate")
    assert do(payer, card, "load", amount=usd(1), source_ref="x").status_code == 403
    assert pay(seller, card, 1).status_code == 403
    assert pay(payer, card, 1).status_code == 200


def test_the_doors_of_points_do_not_open_gift_cards(shop):
    card = sold(shop)
    wallet = str(GiftCard.objects.get(public_id=card["id"]).wallet.public_id)
    gift = {"wallet": wallet, "points": 1, "reason": "kindness", "source_ref": "1"}
    assert shop.post("/api/v1/adjustments", gift, key="a").status_code == 404
    hold = {"wallet": wallet, "amount": 1, "source_ref": "1"}
    assert shop.post("/api/v1/holds", hold, key="h").status_code == 404


def test_the_database_keeps_states_and_money_honest(shop):
    card = sold(shop, 100)
    pay(shop, card, 60)
    known = GiftCard.objects.filter(public_id=card["id"])
    for change in ({"activated_at": None}, {"pin_failures": 6}):
        with pytest.raises(IntegrityError), transaction.atomic():
            known.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Wallet.objects.filter(pk=known.get().wallet_id).update(debt_limit=5)


# Races


def card_with(amount: int) -> GiftCard:
    programme = WalletFactory().programme
    (card,) = gift_cards.issue(programme=programme, with_pin=False, actor=SYSTEM)
    gift_cards.activate(card=card, amount=amount, source_ref="sale", actor=SYSTEM)
    return gift_cards.find(card.public_id)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(5))
def test_two_tills_take_the_last_fifty_once(round_):
    card = card_with(5_000)

    def till(no):
        return lambda: gift_cards.redeem(
            card=gift_cards.find(card.public_id), amount=5_000, source_ref=f"t{no}", actor=SYSTEM
        )

    met = race([till(no) for no in range(4)])

    assert met.overlap > 1
    assert len(met.results) == 1
    assert all(isinstance(error, GiftCardShortage) for error in met.errors)
    assert Wallet.objects.get(pk=card.wallet_id).posted == 0


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_only_the_database_stands_between(monkeypatch):
    """The control: the service's own check passes for all, and the ledger refuses the second."""
    card = card_with(5_000)

    def unlocked(wallet_id):
        rows = Wallet.objects.values_list(*(field.name for field in fields(WalletState)))
        return WalletState(*rows.get(pk=wallet_id))

    monkeypatch.setattr(moving, "lock_wallet", unlocked)

    def till(no):
        return lambda: gift_cards.redeem(
            card=gift_cards.find(card.public_id), amount=5_000, source_ref=f"t{no}", actor=SYSTEM
        )

    met = race([till(no) for no in range(6)])

    assert len(met.results) == 1
    assert any(not isinstance(error, GiftCardShortage) for error in met.errors)


@pytest.mark.django_db(transaction=True)
def test_a_card_is_activated_once_by_many_tills():
    programme = WalletFactory().programme
    (card,) = gift_cards.issue(programme=programme, with_pin=False, actor=SYSTEM)

    def till(no):
        return lambda: gift_cards.activate(
            card=gift_cards.find(card.public_id), amount=100, source_ref=f"s{no}", actor=SYSTEM
        )

    met = race([till(no) for no in range(8)])

    assert met.overlap > 1
    assert len(met.results) == 1
    assert Wallet.objects.get(pk=card.wallet_id).posted == 100


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_of_a_pin_have_five_tries_together():
    programme = WalletFactory().programme
    (card,) = gift_cards.issue(programme=programme, expires_on=date(2035, 1, 1), actor=SYSTEM)

    met = race([lambda: gift_cards.check_pin(card, "nope") for _ in range(20)])

    codes = sorted(error.code for error in met.errors)
    assert codes == ["gift_card_locked"] * 15 + ["gift_card_unknown"] * 5


# The back office


def page(client, name, *args, **data):
    return client.get(reverse(f"admin:rewards_giftcard_{name}", args=args), data)


@pytest.fixture
def known(shop):
    """A card of 50.00 of which 30.00 are spent."""
    card = sold(shop, 5_000)
    pay(shop, card, 3_000, "receipt 7")
    return GiftCard.objects.select_related("wallet").get(public_id=card["id"])


def test_a_card_is_found_by_its_end_and_read(known):
    client = at_desk("store_manager")
    for term in (known.last4, str(known.public_id)):
        assert f"…{known.last4}" in page(client, "changelist", q=term).content.decode()
    assert f"…{known.last4}" not in page(client, "changelist", q="2222").content.decode()
    text = page(client, "change", known.pk).content.decode()
    assert "$20.00" in text
    assert "\N{MINUS SIGN}$30.00" in text
    assert "receipt 7" in text


def test_it_is_blocked_with_a_reason_by_those_who_may(known):
    address = reverse("admin:rewards_giftcard_verb", args=[known.pk, "block"])
    assert at_desk("marketer").post(address, {"reason": "x"}).status_code == 403
    manager = at_desk("store_manager")
    assert manager.post(address, {"reason": " "}).status_code == 422
    assert manager.post(address, {"reason": "chargeback"}).status_code == 302
    known.refresh_from_db()
    assert (known.state, known.wallet.__class__.objects.get(pk=known.wallet_id).status) == (
        "blocked",
        "frozen",
    )
    offered = page(manager, "change", known.pk).content.decode()
    assert "Unblock the gift card" in offered
    assert manager.get(address.replace("block", "dance")).status_code == 404


def test_what_is_owed_is_what_the_ledger_holds(shop, known):
    sold_too = new(shop, with_pin=False)
    do(shop, sold_too, "activate", amount=usd(700), source_ref="other")
    GiftCard.objects.filter(pk=known.pk).update(activated_at=known.activated_at - timedelta(400))

    text = page(at_desk("analyst"), "owed").content.decode()

    assert "$20.00" in text
    assert "$7.00" in text
    held = Wallet.objects.filter(kind="gift").aggregate(n=Sum("posted"))["n"]
    assert sum(row.owed_minor for row in liability()) == held == 2_700


def test_lists_and_pages_cost_a_fixed_number_of_queries(shop, known):
    client = at_desk("admin")
    costs = []
    for _ in range(2):
        page(client, "changelist")
        with CaptureQueriesContext(connection) as told:
            page(client, "changelist")
            page(client, "change", known.pk)
        costs.append(len(told))
        for no in range(10):
            pay(shop, {"id": str(known.public_id)}, 1, f"more {no}")
        new(shop, count=30)
    assert costs[0] == costs[1]


def test_the_points_pages_leave_gift_cards_alone(known):
    client = at_desk("admin")
    adjust = reverse("admin:rewards_wallet_adjust", args=[known.wallet_id])
    assert client.get(adjust).status_code == 404
    wallets = client.get(reverse("admin:rewards_wallet_changelist")).content.decode()
    assert str(known.wallet.public_id) not in wallets
