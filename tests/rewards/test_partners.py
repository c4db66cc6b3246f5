"""Partners: points given and taken under their own keys, what is agreed, and prepaid money."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.errors import PartnerContractState, PartnerOfferClosed
from rewards.models import LedgerEntry, Partner, PartnerAccount, PartnerOperation, Wallet
from rewards.rules import partners as rules
from rewards.services.demo import coalition
from rewards.services.partners import contracts, funds, offers
from rewards.services.partners.settling import tie_out
from tests.api import Integrator
from tests.concurrency import race
from tests.factories.members import CardFactory
from tests.factories.promotions import make_programme
from tests.rewards.ledger_tools import owner_did
from tests.rewards.partner_tools import ANNA, Mall, agree, today, usd

pytestmark = pytest.mark.django_db


@pytest.fixture
def mall():
    make_programme()
    return Mall("cafe", events={"policy_renewed": 500})


@pytest.fixture
def card(mall):
    return CardFactory()


def posted(card):
    return Wallet.objects.get(member=card.member).posted


def ties(mall):
    return tie_out(mall.partner).difference == 0


def test_a_purchase_at_a_partner_earns_against_its_account(mall, card):
    done = mall.earn(card, 123_99)

    assert (done["balance"], done["operation"]["points"]) == (123, 123)
    # 123 points at 10.00 for 1 000.
    assert done["operation"]["due"] == usd(1_23)
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.contra, entry.partner) == ("earn", "partner", mall.partner)
    assert ties(mall)


def test_points_pay_at_a_partner(mall, card):
    mall.earn(card, 500_00)
    done = mall.burn(card, 200)
    assert done["balance"] == 300
    assert done["operation"]["worth"] == usd(2_00)
    assert done["operation"]["due"] == usd(-1_80)
    assert mall.burn(card, 301, status=422)["code"] == "insufficient_points"
    assert ties(mall)


def test_any_event_of_the_contract_earns(mall, card):
    done = mall.earn(card, 0, event="policy_renewed", store=None)
    assert (done["balance"], done["operation"]["event"]) == (500, "policy_renewed")
    assert mall.earn(card, 0, event="unheard_of", status=409)["code"] == "partner_not_allowed"
    neither = mall.post("earn", member={"card": card.number}, reference="x")
    assert neither.status_code == 400


def test_a_document_happens_once(mall, card):
    first = mall.earn(card, 100_00, "R-1")
    again = mall.earn(card, 100_00, "R-1", status=200)
    assert again["duplicate_of_existing"] is True
    assert again["operation"] == first["operation"]
    assert mall.earn(card, 200_00, "R-1", status=409)["code"] == "source_ref_conflict"
    assert mall.burn(card, 100, "R-1", status=409)["code"] == "source_ref_conflict"
    assert mall.earn(CardFactory(), 100_00, "R-1", status=409)["code"] == "source_ref_conflict"
    assert posted(card) == 100


def test_an_operation_is_undone_in_parts_that_add_up(mall, card):
    earned = mall.earn(card, 333_00)
    parts = [mall.reverse(earned, points=111) for _ in range(3)]
    assert sum(one["operation"]["due"]["amount"] for one in parts) == -3_33
    assert posted(card) == 0
    assert mall.reverse(earned, status=422)["code"] == "partner_reversal_exceeds"
    assert ties(mall)


def test_points_that_were_taken_return_to_their_lots(mall, card):
    mall.earn(card, 500_00)
    taken = mall.burn(card, 200)
    back = mall.reverse(taken, "B-1")
    assert (back["balance"], back["operation"]["due"]) == (500, usd(1_80))
    again = mall.reverse(taken, "B-1", status=200)
    assert again["duplicate_of_existing"] is True
    assert set(LedgerEntry.objects.values_list("contra", flat=True)) == {"partner"}
    assert ties(mall)


def test_what_is_spent_already_is_borne_by_the_shop(mall, card):
    programme = mall.partner.programme
    programme.debt = "clip"
    programme.save()
    earned = mall.earn(card, 500_00)
    mall.burn(card, 400)
    mall.reverse(earned)
    assert posted(card) == 0
    assert LedgerEntry.objects.get(kind="adjust").contra == "adjustment"
    assert ties(mall)


def test_a_key_sees_its_own_partner_and_no_other(mall, card):
    other = Mall("books")
    mine = mall.earn(card, 100_00)
    at = f"operations/{mine['operation']['id']}/reverse"
    assert other.post(at, reference="x").status_code == 404
    assert other.get("/operations").json()["data"] == []
    assert len(mall.get("/operations").json()["data"]) == 1
    assert other.get().json()["code"] == "books"
    theirs = mall.post(
        "earn", member={"card": card.number}, reference="y", amount=usd(1_00),
        store=other.store.code,
    )  # fmt: skip
    assert theirs.status_code == 404


def test_a_key_of_nobody_is_no_partner(mall, api, card):
    stranger = api("partner:read", "partner:trade")
    assert stranger.get("/api/v1/partner").status_code == 404
    assert stranger.get("/api/v1/partner/operations").status_code == 404
    assert api("sales:write").get("/api/v1/partner").status_code == 403


def test_wrong_cards_are_counted(mall):
    body = {"member": {"card": "9999"}, "amount": usd(1_00), "reference": "x"}
    codes = [mall.post("earn", **body).json()["code"] for _ in range(7)]
    assert codes[0] == "member_unknown"
    assert codes[-1] == "too_many_requests"


def test_a_quote_tells_and_moves_nothing(mall, card):
    mall.earn(card, 300_00)
    told = mall.post("quotes", member={"card": card.number}, amount=usd(50_00), points=120)
    assert told.json() == {"earn": 50, "points": 120, "worth": usd(1_20), "available": 300}
    assert posted(card) == 300


def test_money_of_another_currency_or_none_is_refused(mall, card):
    euros = {"amount": 100, "currency": "EUR"}
    who = {"member": {"card": card.number}, "reference": "x"}
    assert mall.post("earn", amount=euros, **who).json()["code"] == "currency_mismatch"
    assert mall.post("earn", amount=usd(0), **who).status_code == 400
    assert mall.earn(card, 50, status=400)["code"] == "validation_failed"


# Contracts


def test_what_was_agreed_never_changes_and_a_new_version_counts(mall, card):
    mall.earn(card, 100_00)
    newer = agree(mall.partner, earn_points=3, starts_on=today())
    assert newer.number == 2
    assert mall.earn(card, 100_00)["operation"]["points"] == 300
    mall.contract.earn_points = 9
    with pytest.raises(IntegrityError), transaction.atomic():
        mall.contract.save()


def test_no_business_without_a_contract(mall, card):
    contracts.end_contract(
        contract=mall.contract, last_day=today() - timedelta(days=1), actor=SYSTEM
    )
    assert mall.earn(card, 100_00, status=409)["code"] == "partner_contract_missing"
    with pytest.raises(PartnerContractState):
        contracts.activate_contract(contract=mall.contract, actor=SYSTEM)


def test_a_contract_says_who_may_do_what(card):
    insurer = Mall("insurer", may_burn=False)
    insurer.earn(card, 100_00)
    assert insurer.burn(card, 10, status=409)["code"] == "partner_not_allowed"


def test_shares_of_the_price_are_kept():
    rates = rules.Rates(
        earn_points=1, earn_minor=100, earn_price_minor=1_000, earn_share_percent=50,
        burn_price_minor=1_000, burn_share_percent=95,
    )  # fmt: skip
    assert (rules.points_for(399, rates), rules.earn_due(333, rates)) == (3, 167)
    assert rules.burn_due(200, rates) == 190


# Prepaid


def prepaid(minor):
    mall = Mall("prepaid", mode="prepaid")
    funds.deposit(partner=mall.partner, amount_minor=minor, reference="wire 1", actor=ANNA)
    return mall


def left(mall):
    return PartnerAccount.objects.get(partner=mall.partner).prepaid_minor


def test_prepaid_points_stop_with_the_money(mall, card):
    shop = prepaid(1_50)
    shop.earn(card, 100_00)
    assert left(shop) == 50
    assert shop.earn(card, 100_00, status=409)["code"] == "partner_funds_short"
    assert posted(card) == 100
    shop.earn(card, 50_00)
    assert left(shop) == 0
    assert ties(shop)


def test_money_comes_in_once_per_document_and_goes_out_while_there_is_some(mall):
    shop = prepaid(1_00)
    again = funds.deposit(partner=shop.partner, amount_minor=1_00, reference="wire 1", actor=ANNA)
    assert (again.amount_minor, left(shop)) == (1_00, 1_00)
    for amount, reference in ((2_00, "wire 1"), (-1_01, "out"), (0, "none")):
        with pytest.raises(Exception, match=r".+"):
            funds.deposit(
                partner=shop.partner, amount_minor=amount, reference=reference, actor=ANNA
            )
    assert left(shop) == 1_00


def test_nobody_moves_the_account_by_hand(mall):
    shop = prepaid(1_00)
    with pytest.raises(Exception, match=r"denied|only through"), transaction.atomic():
        PartnerAccount.objects.filter(partner=shop.partner).update(prepaid_minor=10**6)
    with pytest.raises(Exception, match=r"denied|append-only"), transaction.atomic():
        PartnerOperation.objects.update(points=1)


@pytest.mark.django_db(transaction=True)
def test_tills_that_meet_spend_the_prepaid_money_exactly(mall):
    shop = prepaid(3_00)
    cards = [CardFactory() for _ in range(8)]
    found = race([partial(status_of, shop.api.token, one.number) for one in cards])
    assert found.errors == []
    assert found.overlap > 1
    assert sorted(found.results) == [201] * 3 + [409] * 5
    assert left(shop) == 0
    assert ties(shop)


def status_of(token, number):
    body = {"member": {"card": number}, "amount": usd(100_00), "reference": f"R-{number}"}
    return Integrator(token).post("/api/v1/partner/earn", body, key=f"k-{number}").status_code


@pytest.mark.django_db(transaction=True)
def test_without_the_condition_there_would_be_more(mall):
    """The control: with the account's condition taken out the same race gives too many points."""
    shop = prepaid(3_00)
    cards = [CardFactory() for _ in range(8)]
    text = "OR prepaid_minor >= NEW.due_minor"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('partner_operation_apply'::regproc)")
        (source,) = cursor.fetchone()
    assert text in source
    with owner_did(before=source.replace(text, "OR true"), after=source):
        found = race([partial(status_of, shop.api.token, one.number) for one in cards])
    assert found.results.count(201) == 8
    assert left(shop) == -5_00


# Offers


def pool(mall, codes=4, **terms):
    known = {"title": "A coffee", "per_member": 1, **terms}
    offer = offers.save_offer(partner=mall.partner, terms=known, actor=ANNA)
    offers.add_codes(offer=offer, codes=[f"C-{n}" for n in range(codes)], actor=ANNA)
    return offers.move_offer(offer=offer, to="live", actor=ANNA)


def take(offer, member):
    try:
        offers.take_code(offer=offer, member=member, actor=ANNA)
    except PartnerOfferClosed as refusal:
        return refusal.detail["reason"]
    return "ok"


def test_a_pool_ends_and_a_member_takes_as_many_as_allowed(mall):
    offer, greedy = pool(mall, per_member=2), CardFactory().member
    assert [take(offer, greedy) for _ in range(3)] == ["ok", "ok", "member_limit"]
    assert [take(offer, CardFactory().member) for _ in range(3)] == ["ok", "ok", "all_taken"]
    offers.move_offer(offer=offer, to="closed", actor=ANNA)
    assert take(offer, CardFactory().member) == "not_open"


@pytest.mark.django_db(transaction=True)
def test_members_that_meet_at_a_pool_take_each_code_once(mall):
    offer, members = pool(mall), [CardFactory().member for _ in range(8)]
    found = race([partial(take, offer, one) for one in members])
    assert found.errors == []
    assert found.overlap > 1
    assert found.results.count("ok") == offer.codes.filter(member__isnull=False).count() == 4


@pytest.mark.django_db(transaction=True)
def test_one_member_who_asks_six_times_at_once_takes_one(mall):
    offer, member = pool(mall, codes=9), CardFactory().member
    found = race([partial(take, offer, member) for _ in range(6)])
    assert found.errors == []
    assert found.results.count("ok") == offer.codes.filter(member=member).count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_place_one_member_would_take_more(mall):
    """The control: with the unique place taken away the same race gives several codes."""
    offer, member = pool(mall, codes=9), CardFactory().member
    table, name = "rewards_partnercode", "partner_code_place_once"
    with owner_did(
        before=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
        after=f"TRUNCATE {table}; ALTER TABLE {table} ADD CONSTRAINT {name}"
        " UNIQUE (offer_id, member_id, take_no)",
    ):
        race([partial(take, offer, member) for _ in range(6)])
        assert offer.codes.filter(member=member).count() > 1


def test_lists_cost_a_fixed_number_of_queries(mall, card, django_assert_max_num_queries):
    for _ in range(6):
        mall.earn(card, 10_00)
    for path in ("/operations", "/settlements"):
        with django_assert_max_num_queries(6):
            assert mall.get(path).status_code == 200
    first = mall.get("/operations?limit=4").json()
    rest = mall.get(f"/operations?limit=4&after={first['next']}").json()
    seen = [one["id"] for one in [*first["data"], *rest["data"]]]
    assert len(set(seen)) == 6


def test_the_directory_and_offers_are_for_apps(mall, api):
    pool(mall)
    app = api("offers:take")
    assert [one["code"] for one in app.get("/api/v1/partners").json()["data"]] == ["cafe"]
    assert [one["title"] for one in app.get("/api/v1/partner-offers").json()["data"]] == [
        "A coffee"
    ]


def test_the_demo_shop_has_partners_once():
    make_programme()
    for _ in range(5):
        CardFactory()
    for _ in range(2):
        coalition.bring_partners(clock.now(), ANNA)
    assert [one.code for one in Partner.objects.order_by("code")] == ["corner-cafe", "safe-road"]
    assert all(tie_out(one).difference == 0 for one in Partner.objects.all())
