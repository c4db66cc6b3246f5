"""What a retroactive batch takes of the limits of its promotions, and gives back when undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.db import connection

from rewards.models import LimitUse, RetroItem
from rewards.rules.limits import OF_MEMBER, Claim, CounterKey
from rewards.services.history.wallets import Account
from rewards.services.limits import counters
from rewards.services.limits.alerts import tell

_encode = msgspec.json.Encoder().encode
_GIVE_BACK = """
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS a (promotion_id bigint, per text, what text,
        holder bigint, key text, version_id bigint, amount bigint)
), locked AS MATERIALIZED (
    SELECT c.id FROM rewards_limitcounter c
     WHERE EXISTS (SELECT FROM asked a WHERE a.promotion_id = c.promotion_id AND a.per = c.per
                      AND a.what = c.what AND a.holder = c.holder AND a.key = c.key)
     ORDER BY promotion_id, per COLLATE "C", what COLLATE "C", holder, key COLLATE "C"
       FOR NO KEY UPDATE
), owed AS (
    SELECT c.id, a.version_id, sum(a.amount)::bigint AS amount
      FROM asked a JOIN rewards_limitcounter c USING (promotion_id, per, what, holder, key)
      JOIN locked ON locked.id = c.id GROUP BY c.id, a.version_id
), given AS (
    UPDATE rewards_limitcounter c SET used = c.used - o.amount
      FROM (SELECT id, sum(amount)::bigint AS amount FROM owed GROUP BY id) o WHERE c.id = o.id
)
INSERT INTO rewards_limituse (counter_id, version_id, kind, used, returns)
SELECT id, version_id, 'release', -amount, false FROM owed
"""


def told(before: Iterable[Claim], after: Iterable[Claim]) -> list[dict[str, Any]]:
    """What a receipt takes more than it did, as an item keeps it; the member stands for the
    wallet, which is known when it is posted."""
    had = {claim.counter: claim.amount for claim in before}
    rows = []
    for claim in after:
        more = claim.amount - had.get(claim.counter, 0)
        if more > 0:
            rows.append({**msgspec.to_builtins(claim), "amount": more, "alerts": [*claim.alerts]})
    return rows


class Budget:
    """The claims of some items on counters that are locked. Wallets are locked before."""

    def __init__(self, items: Sequence[RetroItem], accounts: Mapping[int, Account]) -> None:
        self._claims = {
            item.pk: [_claim(row, accounts[item.member_id]) for row in item.claims]
            for item in items
            if item.claims
        }
        every = [claim for claims in self._claims.values() for claim in claims]
        self._taken = counters.lock(every) if every else {}
        self._fitting: dict[int, list[Claim]] = {}
        for pk, claims in self._claims.items():
            self._take(pk, claims)

    def _take(self, pk: int, claims: Sequence[Claim]) -> None:
        """An item has its points whole or not at all: one after the other, as they were counted."""
        if any(self._taken.get(one.counter, 0) + one.amount > one.most for one in claims):
            return
        self._fitting[pk] = [*claims]
        for one in claims:
            self._taken[one.counter] = self._taken.get(one.counter, 0) + one.amount

    def is_full_for(self, item: RetroItem) -> bool:
        return item.pk in self._claims and item.pk not in self._fitting

    def claim(self, posted: Iterable[int]) -> None:
        """Count what was posted, and tell of budgets that reached a threshold."""
        claims = [one for pk in posted for one in self._fitting.get(pk, ())]
        if not claims:
            return
        most: dict[CounterKey, int] = {}
        for one in claims:
            most[one.counter] = min(one.most, most.get(one.counter, one.most))
        notes = [_note(one) for one in claims]
        tell(counters.claim(notes, most, force=False), claims)


def give_back(items: Sequence[RetroItem], accounts: Mapping[int, Account]) -> None:
    """The uses of items that are undone are free again; members' ones at whoever has them now."""
    claims = [_claim(row, accounts[item.member_id]) for item in items for row in item.claims]
    rows = [
        {**one.counter._asdict(), "version_id": one.version_id, "amount": one.amount}
        for one in claims
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, [_encode(rows).decode()])


def _claim(row: Mapping[str, Any], account: Account) -> Claim:
    promotion, per, what, holder, key = row["counter"]
    holder = account.wallet_id if per in OF_MEMBER else holder
    return Claim(
        counter=CounterKey(promotion, per, what, holder, key),
        version_id=row["version_id"],
        amount=row["amount"],
        most=row["most"],
        returns=False,
        alerts=tuple(row["alerts"]),
    )


def _note(claim: Claim) -> dict[str, Any]:
    """Without a receipt: a return takes back what the sale gave, and undoing what the batch did."""
    return {
        **claim.counter._asdict(),
        "version_id": claim.version_id,
        "receipt_id": None,
        "hold_id": None,
        "kind": LimitUse.Kind.USE.value,
        "used": claim.amount,
        "held": 0,
        "returns": False,
    }
