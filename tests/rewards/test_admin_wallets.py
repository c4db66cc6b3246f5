"""Wallets in the admin: adjusted, frozen and released by the services, read with their causes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry
from members.models import Store
from rewards.models import HoldResolution, LedgerEntry, LedgerTx, Lot, Wallet
from rewards.services import ledger, rule_sets
from rewards.services.checkout.asks import RefundAsk
from rewards.services.checkout.committing import commit_purchase
from rewards.services.checkout.refunding import refund_purchase
from tests.factories.members import CardFactory, CategoryFactory, ProductFactory, StoreFactory
from tests.factories.promotions import (
    NOON,
    TILL,
    ask_for,
    asked,
    make_programme,
    make_promotion,
    sale_of,
)
from tests.factories.rewards import WalletFactory, earn_points
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db


def form(points="50", reason="Sorry", reference="admin:1", **more):
    return {"points": points, "reason": reason, "reference": reference, **more}


def adjust(role, wallet, **changes):
    address = reverse("admin:rewards_wallet_adjust", args=[wallet.pk])
    return at_desk(role).post(address, form(**changes))


def balance(wallet):
    return Wallet.objects.values_list("posted", flat=True).get(pk=wallet.pk)


@pytest.mark.parametrize(
    ("role", "status"),
    [("admin", 302), ("marketer", 302), ("store_manager", 302), ("analyst", 403), ("cashier", 302)],
)
def test_points_are_adjusted_by_those_who_may(role, status):
    wallet = WalletFactory(points=100)

    answer = adjust(role, wallet)

    assert answer.status_code == status
    booked = role in {"admin", "marketer", "store_manager"}
    assert balance(wallet) == (150 if booked else 100)
    assert AuditEntry.objects.filter(action="wallet.adjust").count() == booked
    if role == "cashier":
        assert "/admin/login/" in answer.url


def test_a_double_click_books_once():
    wallet = WalletFactory(points=100)

    answers = [adjust("marketer", wallet) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert balance(wallet) == 150
    entry = LedgerEntry.objects.get(kind="adjust")
    assert entry.tx.actor.startswith("user:")
    assert entry.tx.reason == "Sorry"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"reason": ""}, "required"),
        ({"points": "0"}, "Nothing would change"),
        ({"points": "many"}, "Write a number"),
        ({"points": "1.5"}, "Write a number"),
        ({"points": "1e3"}, "Write a number"),
        ({"points": "-101"}, "Available 100"),
        ({"points": "9" * 15}, ""),
        ({"expires_on": "yesterday"}, "valid date"),
    ],
)
def test_a_refusal_is_said_on_the_form_and_nothing_is_booked(changes, complaint):
    wallet = WalletFactory(points=100)

    answer = adjust("admin", wallet, **changes)

    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    assert balance(wallet) == 100
    assert not AuditEntry.objects.filter(action="wallet.adjust").exists()


def test_added_points_live_to_the_end_of_their_last_day_in_the_programme():
    wallet = WalletFactory(programme__time_zone="Asia/Tokyo")

    adjust("admin", wallet, expires_on="2030-01-31")

    assert Lot.objects.get().expires_at == datetime(2030, 1, 31, 15, tzinfo=UTC)


def test_points_with_decimal_places_are_booked_in_their_smallest_unit():
    wallet = WalletFactory(programme__points_scale=2)

    adjust("admin", wallet, points="+1.50")

    assert balance(wallet) == 150


@pytest.mark.parametrize(
    ("points", "said"), [("-40", "60"), ("25", "125"), ("-101", "will refuse"), ("x", "Write how")]
)
def test_the_preview_shows_before_and_after_and_writes_nothing(points, said):
    wallet = WalletFactory(points=100)
    address = reverse("admin:rewards_wallet_adjust_preview", args=[wallet.pk])

    page = at_desk("admin").get(address, {"points": points}).content.decode()

    assert said in page
    assert LedgerTx.objects.count() == 1


def test_a_double_click_freezes_and_does_not_thaw_again():
    wallet, desk = WalletFactory(points=10), at_desk("store_manager")
    address = reverse("admin:rewards_wallet_freeze", args=[wallet.pk])
    wanted = desk.get(address).context["form"].initial["wanted"]

    for _ in range(2):
        desk.post(address, {"reason": "Stolen phone", "wanted": wanted})

    assert Wallet.objects.get().status == "frozen"
    desk.post(address, {"reason": "Found", "wanted": "active"})
    assert Wallet.objects.get().status == "active"


@pytest.mark.parametrize(("role", "status"), [("marketer", 403), ("analyst", 403), ("admin", 302)])
def test_freezing_is_for_those_who_may(role, status):
    wallet = WalletFactory()
    address = reverse("admin:rewards_wallet_freeze", args=[wallet.pk])

    answer = at_desk(role).post(address, {"reason": "x", "wanted": "frozen"})

    assert answer.status_code == status
    assert (Wallet.objects.get().status == "frozen") == (status == 302)


@pytest.mark.parametrize(
    ("role", "status"), [("marketer", 403), ("analyst", 403), ("store_manager", 302)]
)
def test_held_points_are_released_by_those_who_may(role, status):
    wallet = WalletFactory(points=100)
    hold = ledger.place_hold(
        wallet=wallet, amount=40, ttl=timedelta(hours=1), source="web", source_ref="1", actor=SYSTEM
    )

    answer = at_desk(role).post(
        reverse("admin:rewards_hold_release", args=[hold.pk]), {"reason": "Order cancelled"}
    )

    assert answer.status_code == status
    assert HoldResolution.objects.filter(outcome="voided").exists() == (status == 302)


def sold(**details):
    """A receipt of milk and bread: 2 points a unit of money on milk by its own rule, 1 on bread."""
    programme, store = make_programme(), StoreFactory(name="Corner")
    dairy = CategoryFactory(code="dairy")
    ProductFactory(sku="milk", name="Milk", category=dairy)
    ProductFactory(sku="bread", name="Bread")
    effect = {"kind": "earn_rate", "points": 2, "per_minor": 100}
    make_promotion(programme, "Dairy days", effect, goods={"include": {"categories": ["dairy"]}})
    card = CardFactory()
    return card.member, sell(store, card, "R-77", **details)


def sell(store, card, number, **details):
    ask = ask_for(store, asked(1, "milk", 1000), asked(2, "bread", 500), card=card, **details)
    return commit_purchase(
        sale=sale_of(ask, number, 1500), compiled=rule_sets.current(), now=NOON, actor=TILL
    )


def entries_of(member, role="admin", **query):
    address = reverse("admin:rewards_member_entries", args=[member.pk])
    return at_desk(role).get(address, query).content.decode()


def test_every_entry_names_the_receipt_the_rule_and_the_line_that_caused_it():
    member, _ = sold()

    page = entries_of(member)

    for words in ("R-77", "Corner", "Dairy days, version 1", "Line 1, Milk", "Line 2, Bread"):
        assert words in page
    assert "+25" in page
    assert "+20" in page


def test_points_that_became_active_later_name_their_receipt_too():
    make_programme(activation_delay_days=3)
    member, _ = sold()
    assert ledger.activate_pending(as_of=NOON + timedelta(days=4)) == 1

    assert "R-77" in entries_of(member)
    assert "Dairy days" in entries_of(member)


def test_a_refund_names_its_receipt_and_the_goods_that_came_back():
    member, done = sold()
    refund_purchase(
        public_id=done.view.id,
        ask=RefundAsk(store="", number="B-1", occurred_at=NOON),
        programme=rule_sets.current().programme,
        now=NOON,
        actor=TILL,
    )

    page = entries_of(member)

    assert "refund B-1 of receipt R-77" in page
    assert "Taken back" in page


@pytest.mark.parametrize("panel", ["entries", "receipts", "wallets"])
def test_panels_cost_the_same_for_one_receipt_and_for_many(panel):
    member, _ = sold()
    desk, address = at_desk("admin"), reverse(f"admin:rewards_member_{panel}", args=[member.pk])
    few = cost_of(desk, address)
    for number in range(12):
        sell(Store.objects.get(), member.cards.get(), f"N-{number}")

    assert len(cost_of(desk, address)) == len(few)


def test_entries_are_turned_page_by_page_from_the_newest():
    wallet = WalletFactory()
    for points in range(1, 15):
        earn_points(wallet, points)

    first = entries_of(wallet.member)
    second = entries_of(wallet.member, before=5)

    assert first.count("lc-amount") == 10
    assert "+14" in first
    assert "before=5" in first
    assert second.count("lc-amount") == 4
    assert "before=" not in second


@pytest.mark.parametrize("panel", ["wallets", "entries", "receipts"])
@pytest.mark.parametrize(
    "query", ["", "?before=x", "?before=2026-13-45~1", "?before=~", "?wallet=0"]
)
def test_panels_bear_any_question_and_an_empty_member(panel, query):
    member = CardFactory().member
    address = reverse(f"admin:rewards_member_{panel}", args=[member.pk])

    assert at_desk("analyst").get(address + query).status_code == 200


def test_the_statement_adds_up():
    wallet = WalletFactory(lots={NOON + timedelta(days=4000): 60, NOON + timedelta(days=4100): 40})
    ledger.place_hold(
        wallet=wallet, amount=30, ttl=timedelta(hours=1), source="web", source_ref="1", actor=SYSTEM
    )

    address = reverse("admin:rewards_member_wallets", args=[wallet.member_id])
    (statement,) = at_desk("admin").get(address).context["statements"]

    assert (statement.balance, statement.available, statement.held) == ("100", "70", "30")
    assert [bar.amount for bar in statement.bars] == ["60", "40"]
    assert [bar.height for bar in statement.bars] == [100, 66]


def test_many_lots_become_few_bars():
    lots = {NOON + timedelta(days=3000 + 31 * month): 1 for month in range(20)}
    wallet = WalletFactory(lots=lots)

    address = reverse("admin:rewards_member_wallets", args=[wallet.member_id])
    (statement,) = at_desk("admin").get(address).context["statements"]

    assert len(statement.bars) == 8
    assert statement.bars[-1].amount == "13"


@pytest.mark.parametrize("panel", ["wallets", "entries", "receipts"])
def test_panels_are_closed_to_who_may_not_read_wallets(panel):
    wallet = WalletFactory(points=5)
    desk = at_desk("analyst")
    user = wallet._meta.apps.get_model("auth", "User").objects.get(username="analyst-desk")
    user.groups.clear()

    address = reverse(f"admin:rewards_member_{panel}", args=[wallet.member_id])

    assert desk.get(address).status_code == 403
