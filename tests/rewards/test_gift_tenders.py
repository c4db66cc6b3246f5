"""Gift cards among the tenders of a sale: held, captured, released, and given back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import time_machine

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt
from rewards.models import GiftCard, Hold, LedgerEntry, Programme, Wallet
from rewards.services import gift_cards, ledger
from rewards.services.gift_cards import issuing, moving, paying
from tests.concurrency import race
from tests.factories.members import CardFactory, MemberFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.till_client import ALL, Till, basket, line, purchase, usd

pytestmark = pytest.mark.django_db
SCOPES = [*ALL, "holds:write", "wallets:read"]


@pytest.fixture
def store():
    make_programme()
    return StoreFactory(code="S1")


@pytest.fixture
def till(store):
    return Till(*SCOPES)


def sold_card(amount=50_00, **terms):
    """A card that was sold for so much, and its number."""
    terms = {"with_pin": False, **terms}
    (card,) = gift_cards.issue(programme=Programme.objects.get(), actor=SYSTEM, **terms)
    gift_cards.activate(card=card, amount=amount, source_ref=f"sale {card.pk}", actor=SYSTEM)
    return GiftCard.objects.select_related("wallet").get(pk=card.pk)


def number(card):
    return issuing.number_of(card.public_id)


def paid_by(card, amount, **shown):
    return {
        "kind": "gift_card", "amount": usd(amount), "gift_card": {"number": number(card), **shown},
    }  # fmt: skip


def cash(amount):
    return {"kind": "cash", "amount": usd(amount)}


def sell(till, store, *tenders, price=80_00, number="R-1", status=201, **details):
    body = purchase(store, number, line("tea", price), tenders=list(tenders), **details)
    answer = till.post("purchases", body)
    assert answer.status_code == status, answer.content
    return answer.json()


def reserve(till, store, *cards, price=80_00, key="q1", status=200, **details):
    shown = [{"number": number(card)} for card in cards]
    body = basket(store, line("tea", price), gift_cards=shown, reserve=True, **details)
    answer = till.post("quotes", body, key=key)
    assert answer.status_code == status, answer.content
    return answer.json()


def balance(card):
    wallet = Wallet.objects.get(pk=card.wallet_id)
    return wallet.posted, wallet.held


def test_cards_and_money_share_a_receipt(till, store):
    first, second = sold_card(30_00), sold_card(20_00)

    done = sell(till, store, paid_by(first, 30_00), paid_by(second, 15_00), cash(35_00))

    assert balance(first) == (0, 0)
    assert balance(second) == (5_00, 0)
    assert [one["amount"] for one in done["gift_cards"]] == [usd(30_00), usd(15_00)]
    assert [one["offer_enrolment"] for one in done["gift_cards"]] == [True, True]
    assert till.get(f"purchases/{done['id']}").json()["gift_cards"] == done["gift_cards"]
    assert {one.contra for one in LedgerEntry.objects.filter(kind="redeem")} == {"redemption"}


def test_a_sale_that_is_sent_again_takes_nothing_more(till, store):
    card = sold_card(50_00)
    body = purchase(store, "R-1", line("tea", 20_00), tenders=[paid_by(card, 20_00)])

    first, again = till.post("purchases", body, key="a"), till.post("purchases", body, key="a")
    other_key = till.post("purchases", body, key="b")

    assert first.content == again.content
    assert other_key.json()["duplicate_of_existing"] is True
    assert balance(card) == (30_00, 0)


def test_points_are_earned_as_with_any_other_money(till, store):
    card, member = sold_card(80_00), CardFactory()
    by_gift = sell(till, store, paid_by(card, 80_00), card=member)
    by_cash = sell(till, store, cash(80_00), card=CardFactory(), number="R-2")

    assert by_gift["points"]["earned"] == by_cash["points"]["earned"] > 0
    assert by_gift["totals"] == by_cash["totals"]


def test_a_sold_card_is_no_revenue_and_earns_nothing(till, store):
    sold_card(50_00)
    assert not Receipt.objects.exists()
    assert set(LedgerEntry.objects.values_list("kind", "contra")) == {("load", "sale")}


def test_a_quote_tells_what_the_cards_would_pay(till, store):
    card = sold_card(30_00)
    shown = [{"number": number(card)}]
    told = till.post("quotes", basket(store, line("tea", 80_00), gift_cards=shown), key=None).json()

    assert [(one["available"], one["amount"]) for one in told["gift_cards"]] == [
        (usd(30_00), usd(30_00))
    ]
    assert told["due"] == usd(50_00)
    assert balance(card) == (30_00, 0)


def test_money_is_held_by_the_quote_and_captured_by_the_sale(till, store):
    card = sold_card(50_00)
    quote = reserve(till, store, card)
    hold = quote["hold"]["id"]
    assert (quote["due"], balance(card)) == (usd(30_00), (50_00, 50_00))
    other = sell(till, store, paid_by(card, 10_00), price=10_00, number="R-0", status=422)
    assert other["code"] == "gift_card_shortage"

    # The basket got smaller on the way: the rest of the hold is free again.
    sell(till, store, paid_by(card, 20_00), cash(60_00), hold_id=hold)

    assert balance(card) == (30_00, 0)
    again = sell(
        till, store, paid_by(card, 10_00), cash(70_00), hold_id=hold, number="R-2", status=409
    )
    assert again["code"] == "hold_resolved"


def test_a_sale_takes_no_more_than_is_held(till, store):
    card = sold_card(50_00)
    hold = reserve(till, store, card, price=20_00)["hold"]["id"]
    answer = sell(till, store, paid_by(card, 30_00), price=30_00, hold_id=hold, status=422)
    assert answer["code"] == "capture_exceeds_hold"
    assert balance(card) == (50_00, 20_00)


def test_a_sale_that_leaves_the_card_out_lets_go_of_it(till, store):
    card = sold_card(50_00)
    hold = reserve(till, store, card)["hold"]["id"]
    sell(till, store, cash(80_00), hold_id=hold)
    assert balance(card) == (50_00, 0)


def test_what_a_quote_holds_is_released_by_hand_and_by_the_clock(till, store):
    card = sold_card(50_00)
    hold = reserve(till, store, card)["hold"]["id"]
    assert till.post(f"holds/{hold}/void", {}).status_code == 200
    assert balance(card) == (50_00, 0)

    hold_cards = partial(paying.hold_cards, handle=card.public_id, actor=SYSTEM)
    hold_cards(charges=[paying.Charge(card, 1_00)], ttl=timedelta(0))
    assert balance(card) == (50_00, 1_00)
    assert ledger.expire_due_holds() == 1
    assert balance(card) == (50_00, 0)


def test_the_same_quote_again_holds_once(till, store):
    card = sold_card(50_00)
    assert reserve(till, store, card) == reserve(till, store, card)
    assert Hold.objects.count() == 1


def test_the_hold_of_another_caller_is_nobody_s(till, store):
    card = sold_card(50_00)
    hold = reserve(till, store, card)["hold"]["id"]
    stranger = Till(*SCOPES)
    answer = sell(stranger, store, paid_by(card, 50_00), price=50_00, hold_id=hold, status=409)
    assert answer["code"] == "hold_resolved"


def test_a_block_lets_go_of_what_is_held_and_stops_the_sale(till, store):
    card = sold_card(50_00)
    hold = reserve(till, store, card)["hold"]["id"]
    gift_cards.block(card=card, reason="chargeback", actor=SYSTEM)
    assert balance(card) == (50_00, 0)
    answer = sell(till, store, paid_by(card, 50_00), cash(30_00), hold_id=hold, status=409)
    assert answer["code"] == "hold_resolved"
    answer = sell(till, store, paid_by(card, 50_00), cash(30_00), number="R-2", status=409)
    assert answer["code"] == "gift_card_state"


def test_wrong_pins_and_numbers_are_counted_however_the_sale_ends(till, store):
    card = sold_card(50_00, with_pin=True)
    for no in range(5):
        tender = paid_by(card, 80_00, pin="wrong")
        sell(till, store, tender, number=f"R-{no}", status=422)
    card.refresh_from_db()
    assert card.is_locked
    refused = sell(till, store, paid_by(card, 80_00), number="R-9", status=429)
    assert refused["code"] == "too_many_requests"


def test_what_does_not_fit_together_is_refused(till, store):
    card = sold_card(50_00)
    wrong = {**paid_by(card, 80_00), "kind": "cash"}
    assert sell(till, store, wrong, status=400)["errors"][0]["pointer"] == "/tenders/0/kind"
    assert sell(till, store, paid_by(card, 0), status=400)["code"] == "validation_failed"
    twice = sell(till, store, paid_by(card, 40_00), paid_by(card, 40_00), status=400)
    assert twice["code"] == "validation_failed"
    short = sell(till, store, paid_by(card, 80_00), status=422)
    assert short["code"] == "gift_card_shortage"
    assert not Receipt.objects.exists()


def test_past_its_last_day_a_card_pays_nothing_but_takes_money_back(till, store):
    card = sold_card(50_00, expires_on=clock.now().date() + timedelta(days=1))
    done = sell(till, store, paid_by(card, 50_00), price=50_00)
    with time_machine.travel(clock.now() + timedelta(days=3), tick=False):
        late = sell(till, store, paid_by(card, 1_00), price=1_00, number="R-2", status=409)
        assert late["code"] == "gift_card_expired"
        give_back(till, done)
    assert balance(card) == (50_00, 0)


def give_back(till, done, status=201, **part):
    number = f"B-{Receipt.objects.get(public_id=done['id']).refunds.count()}-{done['source_ref']}"
    answer = till.post(f"purchases/{done['id']}/refunds", {"number": number, **part})
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_return_goes_to_the_cards_before_the_drawer(till, store):
    first, second = sold_card(30_00), sold_card(20_00)
    done = sell(till, store, paid_by(first, 30_00), paid_by(second, 20_00), cash(30_00))

    part = give_back(till, done, amount=usd(25_00))["refund"]
    rest = give_back(till, done)["refund"]

    assert [(one["id"], one["amount"]) for one in part["gift_cards"]] == [
        (str(first.public_id), usd(5_00)), (str(second.public_id), usd(20_00)),
    ]  # fmt: skip
    assert part["to_pay"] == usd(0)
    assert (rest["money"], rest["to_pay"]) == (usd(55_00), usd(30_00))
    assert (balance(first), balance(second)) == ((30_00, 0), (20_00, 0))


def test_a_void_puts_all_of_it_back_once(till, store):
    card = sold_card(80_00)
    done = sell(till, store, paid_by(card, 80_00))
    for _ in range(2):
        assert till.post(f"purchases/{done['id']}/void", {}).status_code in (200, 201)
    assert balance(card) == (80_00, 0)


def test_a_blocked_card_stops_the_return_and_a_closed_one_is_paid_out(till, store):
    blocked, closed = sold_card(40_00), sold_card(40_00)
    done = sell(till, store, paid_by(blocked, 40_00), price=40_00)
    other = sell(till, store, paid_by(closed, 40_00), price=40_00, number="R-2")
    gift_cards.block(card=blocked, reason="stolen", actor=SYSTEM)
    gift_cards.deactivate(card=closed, reason="lost", actor=SYSTEM)

    assert give_back(till, done, status=409)["code"] == "gift_card_state"
    back = give_back(till, other)["refund"]

    assert back["to_pay"] == usd(40_00)
    assert [one["to_card"] for one in back["gift_cards"]] == [False]
    assert balance(closed) == (0, 0)


def test_who_pays_first_becomes_the_holder(till, store):
    card, member = sold_card(80_00), CardFactory(member=MemberFactory())
    sell(till, store, paid_by(card, 30_00), price=30_00, card=member)
    sell(till, store, paid_by(card, 30_00), price=30_00, card=CardFactory(), number="R-2")
    card.refresh_from_db()
    assert card.holder == member.member
    assert card.linked_at


def test_an_offline_batch_pays_with_cards_as_well(till, store):
    card = sold_card(50_00)
    sale = purchase(store, "R-1", line("tea", 50_00), tenders=[paid_by(card, 50_00)])
    again = {**sale, "number": "R-2"}
    operations = [
        {"kind": "purchase", "key": f"k{no}", "purchase": body}
        for no, body in enumerate([sale, again])
    ]
    told = till.post("sync/batches", {"operations": operations}, key=None)
    assert told.status_code == 200, told.content
    assert [one["status"] for one in told.json()["results"]] == [201, 422]
    assert balance(card) == (0, 0)


# Races


@pytest.mark.django_db(transaction=True)
def test_two_tills_never_spend_the_same_money(till, store):
    card = sold_card(50_00)
    found = race([partial(try_to_sell, till.token, number(card), no) for no in range(6)])
    assert found.errors == []
    assert found.overlap > 1
    assert sorted(found.results) == [201, *[422] * 5]
    assert balance(card) == (0, 0)


def try_to_sell(token, shown, no):
    class Here:
        code = "S1"

    tender = {"kind": "gift_card", "amount": usd(50_00), "gift_card": {"number": shown}}
    body = purchase(Here, f"R-{no}", line("tea", 50_00), tenders=[tender])
    return Till(token=token).post("purchases", body).status_code


@pytest.mark.django_db(transaction=True)
@pytest.mark.allow_broken_books
def test_without_the_lock_the_database_still_refuses(till, store, monkeypatch):
    """The control: the check reads what is not locked, and the ledger itself says no."""
    monkeypatch.setattr(paying, "lock_wallets", unlocked)
    told = []
    # They meet nearly always: one round of ten has to show it, and none may overspend.
    for turn in range(10):
        card = sold_card(50_00)
        tries = range(10 * turn, 10 * turn + 6)
        found = race([partial(try_to_sell, till.token, number(card), no) for no in tries])
        assert balance(card) == (0, 0)
        told.append(sorted(found.results) != [201, *[422] * 5] or bool(found.errors))
        if told[-1]:
            break
    assert any(told)


def unlocked(ids):
    wallets = Wallet.objects.filter(pk__in=list(ids))
    return {
        one.pk: moving.WalletState(
            one.pk, one.public_id, one.programme_id, None, one.unit, one.kind, one.status,
            one.posted, one.held, one.debt_limit, one.last_seq,
        )
        for one in wallets
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_a_capture_beside_a_release_ends_the_hold_once(till, store):
    for no in range(5):
        card = sold_card(50_00)
        hold = reserve(till, store, card, price=50_00, key=f"q{no}")["hold"]["id"]
        found = race([
            partial(capture, till.token, number(card), hold, no),
            partial(release, till.token, hold),
        ])  # fmt: skip
        assert found.errors == []
        sold, freed = found.results
        assert (sold, freed) in [(201, 409), (409, 200), (201, 404), (201, 200)]
        assert balance(card) == ((0 if sold == 201 else 50_00), 0)


def capture(token, shown, hold, no):
    class Here:
        code = "S1"

    tender = {"kind": "gift_card", "amount": usd(50_00), "gift_card": {"number": shown}}
    body = purchase(Here, f"C-{no}", line("tea", 50_00), tenders=[tender], hold_id=hold)
    return Till(token=token).post("purchases", body).status_code


def release(token, hold):
    return Till(token=token).post(f"holds/{hold}/void", {}).status_code
