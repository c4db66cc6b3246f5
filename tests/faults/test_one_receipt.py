"""Quality bar 5 over real HTTP: two workers of the server, sixteen tills, one receipt."""

from __future__ import annotations

import http.client
import json
from functools import partial

import pytest

from members.models import Receipt
from rewards.models import LedgerTx, Wallet
from tests.concurrency import race
from tests.factories.members import CardFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.live import LiveApp
from tests.rewards.till_client import line, new_token, purchase

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
TILLS, ROUNDS = 16, 5


def post(app: LiveApp, token: str, body: dict[str, object], key: str) -> tuple[int, str]:
    """Status and id of the receipt. What may be repeated is repeated, as a till does."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    for _ in range(10):
        caller = http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)
        caller.request("POST", "/api/v1/purchases", json.dumps(body), headers)
        response = caller.getresponse()
        answer = json.loads(response.read())
        if not answer.get("retryable"):
            break
    return response.status, answer["id"]


@pytest.mark.parametrize("with_card", [True, False])
def test_sixteen_posts_of_one_receipt_have_one_effect(live_app: LiveApp, with_card: bool) -> None:
    make_programme()
    shop, card, token = StoreFactory(code="S1"), CardFactory(), new_token()
    for turn in range(ROUNDS):
        body = purchase(shop, f"R-{turn}", line("tea", 10_00), card=card if with_card else None)

        done = race(
            [partial(post, live_app, token, body, f"{turn}-{till}") for till in range(TILLS)]
        )

        assert not done.errors
        assert done.overlap > TILLS // 2
        assert sorted(status for status, _ in done.results) == [200] * (TILLS - 1) + [201]
        assert len({receipt for _, receipt in done.results}) == 1
    assert Receipt.objects.count() == ROUNDS
    earned = [wallet.posted for wallet in Wallet.objects.all()]
    assert earned == ([10 * ROUNDS] if with_card else [])
    assert LedgerTx.objects.filter(op="purchase").count() == (ROUNDS if with_card else 0)
