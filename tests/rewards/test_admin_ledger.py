"""The books in the admin: read-only, cheap at any size; incidents, purchases and the first page."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt
from rewards.models import (
    Hold,
    LedgerEntry,
    LedgerIncident,
    LedgerTx,
    Lot,
    PendingGrant,
    Programme,
    Promotion,
    Purchase,
    PurchaseRefund,
    Wallet,
)
from rewards.services import ledger, rule_sets
from rewards.services.audit_ledger import open_incident
from rewards.services.checkout.asks import RefundAsk
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.refunding import refund_purchase
from rewards.services.rollups import rebuild_rollups
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import (
    TILL,
    ask_for,
    asked,
    make_programme,
    make_promotion,
    sale_of,
)
from tests.factories.rewards import WalletFactory
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db

BOOKS = [LedgerTx, LedgerEntry, Lot, PendingGrant, Hold, LedgerIncident, Wallet]
LISTS = [*BOOKS, Purchase, PurchaseRefund, Promotion]
numbers = count(1)


def trade(now):
    """One more row in every table of the books: a sale with pending points, a refund, a hold."""
    card, store, number = CardFactory(), StoreFactory(), next(numbers)
    ask = ask_for(store, asked(1, "a", 1000), card=card, occurred_at=now)
    compiled = rule_sets.current()
    sale = sale_of(ask, f"R-{number}", 1000)
    done = commit_purchase(sale=sale, compiled=compiled, now=now, actor=TILL)
    refund_purchase(
        public_id=done.view.id,
        ask=RefundAsk(store="", number=f"B-{number}", occurred_at=now, amount_minor=300),
        programme=compiled.programme,
        now=now,
        actor=TILL,
    )
    wallet = Wallet.objects.get(member=card.member)
    ledger.adjust(wallet=wallet, points=50, reason="x", reference=f"r-{number}", actor=SYSTEM)
    ledger.place_hold(
        wallet=wallet, amount=5, ttl=timedelta(hours=1), source="web",
        source_ref=f"{number}", actor=SYSTEM,
    )  # fmt: skip
    open_incident(wallet.pk, "A1", {"posted": 1})
    make_promotion(compiled.programme, f"p-{number}", {"kind": "fixed_points", "points": 1})
    return wallet


def listed(model):
    return reverse(f"admin:rewards_{model._meta.model_name}_changelist")


def test_lists_cost_the_same_for_five_rows_and_for_fifty_and_count_nothing():
    make_programme(activation_delay_days=1)
    desk, now = at_desk("admin"), clock.now()
    costs = []
    for more in (5, 45):
        for _ in range(more):
            trade(now)
        costs.append({model: cost_of(desk, listed(model)) for model in LISTS})

    for model in LISTS:
        few, many = (cost[model] for cost in costs)
        assert len(few) == len(many), model
        assert not any("COUNT(" in sql for sql in many), model


@pytest.mark.parametrize("model", [*BOOKS, Purchase, PurchaseRefund])
def test_the_books_can_not_be_edited(model):
    make_programme(activation_delay_days=1)
    trade(clock.now())
    row, desk = model.objects.first(), at_desk("admin")
    base = f"admin:rewards_{model._meta.model_name}"

    added = desk.post(reverse(f"{base}_add"), {})
    changed = desk.post(reverse(f"{base}_change", args=[row.pk]), {"reason": "x"})
    deleted = desk.post(reverse(f"{base}_delete", args=[row.pk]), {"post": "yes"})

    assert added.status_code == 403
    assert changed.status_code in {302, 200, 403}
    assert deleted.status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_a_marketer_sees_first_names_in_the_books_and_an_analyst_none():
    wallet = WalletFactory(points=5, member__name="Anna Petrova")

    for model in (Wallet, LedgerEntry, Lot):
        assert "Anna Petrova" in at_desk("admin").get(listed(model)).content.decode()
        assert "Anna P." in at_desk("marketer").get(listed(model)).content.decode()
        assert "Anna" not in at_desk("analyst").get(listed(model)).content.decode()
    row = wallet.entries.get()
    page = at_desk("analyst").get(reverse("admin:rewards_ledgerentry_change", args=[row.pk]))
    assert "Anna" not in page.content.decode()


def test_a_wallet_is_found_by_its_id_and_by_a_card():
    make_programme()
    wallet = trade(clock.now())
    WalletFactory()
    desk = at_desk("admin")

    for typed in (str(wallet.public_id), wallet.member.cards.get().number):
        assert desk.get(listed(Wallet), {"q": typed}).context["cl"].result_list == [wallet]
    assert desk.get(listed(Wallet), {"q": "nobody"}).context["cl"].result_list == []


def test_a_transaction_is_found_by_its_id_and_by_its_source():
    wallet = WalletFactory(points=5)
    tx, desk = wallet.entries.get().tx, at_desk("admin")

    for typed in (str(tx.public_id), f"{tx.source} {tx.source_ref}"):
        assert desk.get(listed(LedgerTx), {"q": typed}).context["cl"].result_list == [tx]
    assert desk.get(listed(LedgerTx), {"q": tx.source_ref}).context["cl"].result_list == []


@pytest.mark.parametrize(("role", "status"), [("store_manager", 403), ("admin", 302)])
def test_an_incident_is_closed_with_what_was_done_and_the_wallet_stays_frozen(role, status):
    wallet = WalletFactory(points=5)
    open_incident(wallet.pk, "A1", {"posted": 1})
    incident = LedgerIncident.objects.get()
    address = reverse("admin:rewards_incident_close", args=[incident.pk])

    answer = at_desk(role).post(address, {"reason": "Rebuilt from the entries"})

    incident.refresh_from_db()
    assert answer.status_code == status
    assert (incident.closed_at is not None) == (status == 302)
    assert Wallet.objects.get().status == "frozen"


def test_the_page_of_an_incident_leads_to_its_end_only_those_who_may():
    wallet = WalletFactory(points=5)
    open_incident(wallet.pk, "A1", {"posted": 1})
    page = reverse("admin:rewards_ledgerincident_change", args=[LedgerIncident.objects.get().pk])

    assert "/close/" in at_desk("admin").get(page).content.decode()
    assert "/close/" not in at_desk("analyst").get(page).content.decode()


def test_a_purchase_says_line_by_line_what_was_granted_and_why():
    programme = make_programme()
    make_promotion(
        programme, "Weekend", {"kind": "fixed_points", "points": 7},
        when={"all": [{"kind": "min_spend", "amount_minor": 100_00}]},
    )  # fmt: skip
    trade(clock.now())
    purchase = Purchase.objects.get()

    page = at_desk("analyst").get(reverse("admin:rewards_purchase_change", args=[purchase.pk]))

    text = page.content.decode()
    assert "+10 · Base earning rule, v1" in text
    assert "Base earning rule: 10 points" in text
    assert "Weekend" in text
    assert "returned $3.00" in text


FIRST_PAGE = ["today", "months", "latest", "attention"]


@pytest.mark.parametrize("panel", FIRST_PAGE)
def test_the_first_page_is_alive_in_an_empty_shop(panel):
    assert at_desk("admin").get(reverse(f"admin:rewards_{panel}")).status_code == 200


@pytest.mark.parametrize("panel", FIRST_PAGE)
def test_the_first_page_costs_the_same_on_a_busy_day(panel):
    make_programme()
    desk, address = at_desk("admin"), reverse(f"admin:rewards_{panel}")
    costs = []
    for more in (1, 12):
        for _ in range(more):
            trade(clock.now())
        rebuild_rollups()
        costs.append(len(cost_of(desk, address)))

    assert costs[0] == costs[1]


def test_today_is_what_was_bought_today_not_what_was_imported_today():
    make_programme()
    now = clock.now()
    trade(now)
    trade(now - timedelta(days=2))

    tiles = at_desk("admin").get(reverse("admin:rewards_today")).context["tiles"]

    shown = {str(tile["title"]): tile["value"] for tile in tiles}
    assert Receipt.objects.count() == 2
    assert shown["Receipts"] == "1"
    assert shown["Points earned"] == "10"


def test_the_months_add_up_to_the_roll_up():
    make_programme()
    trade(clock.now())
    rebuild_rollups()

    page = at_desk("admin").get(reverse("admin:rewards_months")).content.decode()

    assert "&quot;data&quot;: [10]" in page


def test_the_next_steps_lead_through_an_empty_shop_and_disappear_one_by_one():
    def steps():
        return at_desk("admin").get(reverse("admin:rewards_attention")).context["steps"]

    empty = len(steps())
    make_programme()

    assert empty == 6
    assert len(steps()) == 4


def test_an_open_incident_stands_on_the_first_page():
    open_incident(WalletFactory().pk, "A3", {"posted": 1})

    assert "A3" in at_desk("admin").get(reverse("admin:rewards_attention")).content.decode()


def test_the_only_programme_opens_at_once_and_several_are_listed():
    make_programme()
    assert at_desk("analyst").get(listed(Programme)).status_code == 302

    Programme.objects.create(code="second", name="Second")
    assert at_desk("analyst").get(listed(Programme)).status_code == 200
