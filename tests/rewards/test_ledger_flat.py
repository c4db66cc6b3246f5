"""What a sale costs does not grow with the wallet's history (quality bar 25).

Counted, not timed: statements, rows read through indexes, and whether any table
was scanned, triggers and their queries included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.models import Member
from rewards.services.ledger import Earn, lock_wallets, post_many, post_purchase, reverse_purchase
from tests.factories.rewards import LONG_AGO, ProgrammeFactory, WalletFactory, event
from tests.rewards.ledger_tools import TABLES, by_owner

pytestmark = pytest.mark.django_db(transaction=True)

PIECE = 500
START = datetime(2030, 1, 1, tzinfo=UTC)

_READ = """
    SELECT relname, seq_scan, coalesce(idx_tup_fetch, 0) + seq_tup_read
      FROM pg_stat_xact_user_tables WHERE relname LIKE 'rewards\\_%%'
"""


def wallet_with_history(entries, programme):
    """Sales of years, in thirty lots."""
    wallet = WalletFactory(programme=programme)
    for done in range(0, entries, PIECE):
        rows = [
            Earn(wallet.pk, event(), 10, START + timedelta(days=number % 30))
            for number in range(min(PIECE, entries - done))
        ]
        with transaction.atomic():
            post_many(rows, announce=False)
    return wallet


def crowd(programme):
    """Others with lots of their own: in a table of a few pages an index would be a detour."""
    people = [Member(name=f"Member {number}", enrolled_at=LONG_AGO) for number in range(2_000)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rewards_wallet (programme_id, member_id, unit)"
            " SELECT %s, unnest(%s::bigint[]), %s RETURNING id",
            [programme.pk, [one.pk for one in Member.objects.bulk_create(people)], "PTS:crowd"],
        )
        others = [pk for (pk,) in cursor.fetchall()]
        post_many([Earn(pk, event(), 1, START + timedelta(days=pk % 90)) for pk in others])


def sale(wallet):
    lock_wallets([wallet.pk])
    post_purchase(wallet_id=wallet.pk, event=event(), earn=5, earn_expires_at=START, redeem=5)


def give_back(wallet):
    reverse_purchase(
        wallet_id=wallet.pk,
        event=event("refund"),
        restore=0,
        restore_of_tx=None,
        clawback=5,
        pending_id=None,
        sale_lot_expires_at=START,
        debt_policy="allow",
        expired_on_restore="lost",
        revive_days=0,
        now=LONG_AGO,
    )


def newest_page(wallet):
    list(wallet.entries.select_related("tx").order_by("-seq")[:50])


def cost(call: Callable[..., None], wallet):
    """Statements, rows read, and tables that were scanned."""
    with transaction.atomic():
        before = counters()
        with CaptureQueriesContext(connection) as queries:
            call(wallet)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        after = counters()
        transaction.set_rollback(True)
    grown = {table: after[table] - before.get(table, Counter()) for table in after}
    scanned = {table for table, counted in grown.items() if counted["scans"]}
    return len(queries), sum(counted["rows"] for counted in grown.values()), scanned


def counters():
    """The server counts on over transactions, until it finds time to publish: hence differences."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        return {name: Counter(scans=scans, rows=rows) for name, scans, rows in cursor.fetchall()}


@pytest.mark.parametrize(
    "sizes",
    [(500, 5_000), pytest.param((500, 10_000, 100_000), marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_a_sale_costs_the_same_with_any_history(sizes):
    programme = ProgrammeFactory()
    wallets = [wallet_with_history(size, programme) for size in sizes]
    crowd(programme)
    for table in TABLES:
        by_owner(f"VACUUM (ANALYZE) rewards_{table}")

    for call in (sale, give_back, newest_page):
        costs = [cost(call, wallet) for wallet in wallets]
        statements, rows, scanned = zip(*costs, strict=True)
        assert len(set(statements)) == 1, call
        assert max(rows) <= min(rows) * 1.1, call
        assert set().union(*scanned) <= {"rewards_programme"}, call


def test_control_summing_the_entries_grows():
    """The same count sees what a service that sums the history would read."""
    wallet = wallet_with_history(2_000, ProgrammeFactory())

    def summing(wallet):
        sum(wallet.entries.values_list("amount", flat=True))

    _, rows, _ = cost(summing, wallet)
    assert rows >= 2_000
