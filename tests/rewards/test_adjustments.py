"""Large adjustments wait for a second person, at both doors; small ones are booked at once."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel.actors import SYSTEM, Actor
from rewards.models import AdjustmentRequest
from rewards.services import adjustments
from rewards.services.programmes import default_programme
from tests.concurrency import race
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory
from tests.rewards.beyond_tools import Caller
from tests.staff import at_desk

pytestmark = pytest.mark.django_db

OTHER = Actor("user", "77")


def shop(alone_up_to=100, points=1_000):
    programme = make_programme()
    adjustments.save_terms(programme=programme, alone_up_to=alone_up_to, actor=SYSTEM)
    return WalletFactory(programme=programme, points=points)


def posted(wallet):
    wallet.refresh_from_db()
    return wallet.posted


def ask(wallet, points, reference="r"):
    return adjustments.adjust_or_ask(
        wallet=wallet, points=points, reason="sorry", reference=reference, actor=SYSTEM
    )


def test_over_the_api_a_large_one_waits_and_somebody_else_books_it(api):
    wallet = shop()
    clerk, boss = (
        Caller(api("adjustments:request", "adjustments:approve")),
        Caller(api("adjustments:approve", "wallets:read")),
    )
    body = {"wallet": str(wallet.public_id), "points": 500, "reason": "sorry", "source_ref": "a"}

    clerk.post("adjustments", 201, **body | {"points": 100, "source_ref": "small"})
    waits = clerk.post("adjustments", 202, **body)
    assert clerk.post("adjustments", 202, **body)["id"] == waits["id"]
    assert posted(wallet) == 1_100

    at = f"adjustment-requests/{waits['id']}"
    assert clerk.post(f"{at}/approve", 409, reason="me")["code"] == "own_approval"
    assert boss.get("adjustment-requests?state=waiting")["data"][0]["id"] == waits["id"]
    assert boss.post(f"{at}/approve", reason="Checked")["state"] == "approved"
    assert posted(wallet) == 1_600
    again = boss.post(f"{at}/reject", 409, reason="x")
    assert (again["code"], again["params"]["state"]) == ("adjustment_decided", "approved")
    assert boss.get(at)["decision"] == "Checked"


def test_without_terms_everything_is_booked_at_once():
    wallet = WalletFactory(programme=make_programme(), points=10)
    ask(wallet, 10**6)
    assert posted(wallet) == 10 + 10**6


def test_rejected_moves_nothing():
    wallet = shop()
    waits = ask(wallet, -900)
    adjustments.reject(request=waits, reason="no", actor=OTHER)
    assert posted(wallet) == 1_000


def test_in_the_admin_the_marketer_asks_and_the_reviewer_books():
    wallet = shop()
    marketer, reviewer = at_desk("marketer"), at_desk("reviewer")
    said = {"points": "700", "reason": "Lost parcel", "reference": "admin:1"}
    asked = marketer.post(f"/admin/rewards/wallet/{wallet.pk}/adjust/", said, follow=True)
    assert "waits for a second person" in asked.content.decode()
    row = AdjustmentRequest.objects.get()
    at = f"/admin/rewards/adjustmentrequest/{row.pk}/do/approve/"

    own = marketer.post(at, {"reason": "mine"})
    assert (own.status_code, posted(wallet)) == (422, 1_000)
    done = reviewer.post(at, {"reason": "Parcel is lost indeed"})

    assert (done.status_code, posted(wallet)) == (302, 1_700)


@pytest.mark.django_db(transaction=True)
def test_two_who_approve_at_once_book_once():
    wallet = shop()
    waits = ask(wallet, 500)
    calls = [
        partial(adjustments.approve, request=waits, reason="ok", actor=Actor("user", str(n)))
        for n in range(4)
    ]

    ran = race(calls)

    assert (len(ran.results), posted(wallet)) == (1, 1_500)
    assert {type(one).__name__ for one in ran.errors} == {"AdjustmentDecided"}


def test_negative_control_the_database_knows_who_asked():
    waits = ask(shop(), 500)
    assert default_programme()
    with pytest.raises(IntegrityError, match="who_asks_never_decides"), transaction.atomic():
        AdjustmentRequest.objects.filter(pk=waits.pk).update(decided_by=waits.requested_by)
