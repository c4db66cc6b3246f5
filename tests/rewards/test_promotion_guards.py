"""What the database keeps of promotions whoever writes, and steps that meet: with controls."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from unittest.mock import patch

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from loyalty_crm.kernel.actors import Actor
from rewards.errors import PromotionState
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.services import promotions
from rewards.services.promotions import steps
from tests.concurrency import in_own_session, wait_until_a_session_is_blocked
from tests.factories.members import StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.ledger_tools import by_owner, owner_did
from tests.rewards.till_client import Till, basket, line

pytestmark = pytest.mark.django_db(transaction=True)

TEN_OFF = {"effects": [{"kind": "percent_off", "basis_points": 1000}]}
ANNA, BORIS, CLARA = (Actor("user", number) for number in ("1", "2", "3"))
VERSIONS = "rewards_promotionversion"
TRIGGERS = ("versions_are_immutable", "versions_are_born_as_drafts")


@pytest.fixture
def promotion():
    return promotions.create(programme=make_programme(), code="p", name="p", actor=ANNA)


def draft(promotion):
    return promotions.draft(promotion=promotion, definition=TEN_OFF, actor=ANNA)


def without_guard():
    """The triggers off, as nobody but the owner can."""
    off, on = (
        "; ".join(f"ALTER TABLE {VERSIONS} {word} TRIGGER {one}" for one in TRIGGERS)
        for word in ("DISABLE", "ENABLE")
    )
    return owner_did(before=off, after=on)


def version_in(state, promotion):
    version = draft(promotion)
    if state == "in_review":
        promotions.submit(version=version, actor=ANNA)
    elif state != "draft":
        promotions.go_live(version=version, starts_at=None, actor=ANNA)
    if state == "paused":
        promotions.pause(promotion=promotion, actor=ANNA)
    if state == "ended":
        promotions.end(promotion=promotion, actor=ANNA)
    return version


CHANGES = [
    ("draft", "definition = '{}'"),
    ("draft", "priority = 5"),
    ("draft", "number = 7"),
    ("draft", "created_by = 'user:9'"),
    ("draft", "state = 'paused'"),
    ("draft", "approved_by = 'user:2', approved_at = now()"),
    ("in_review", "state = 'paused'"),
    ("live", "definition = '{}'"),
    ("live", "state = 'draft'"),
    ("live", "state = 'scheduled', starts_at = now()"),
    ("live", "starts_at = now()"),
    ("paused", "state = 'live'"),
    ("paused", "ends_at = now() + interval '1 day'"),
    ("ended", "state = 'live'"),
    ("ended", "ends_at = NULL"),
]


@pytest.mark.parametrize(("state", "change"), CHANGES)
def test_no_statement_breaks_the_life_of_a_version_but_with_the_guard_off(promotion, state, change):
    version = version_in(state, promotion)
    statement = f"UPDATE {VERSIONS} SET {change} WHERE id = {version.pk}"

    with pytest.raises(IntegrityError):
        by_owner(statement)
    with without_guard():
        by_owner(statement)  # the control: nothing else stood in the way


def test_a_version_is_born_as_a_draft_and_never_deleted(promotion):
    version = draft(promotion)
    born = (
        f"INSERT INTO {VERSIONS} (promotion_id, number, priority, definition, created_by, state)"
        f" SELECT promotion_id, 9, 1, definition, created_by, 'live' FROM {VERSIONS}"
        f" WHERE id = {version.pk}"
    )
    for statement in (born, f"DELETE FROM {VERSIONS} WHERE id = {version.pk}"):
        with pytest.raises(IntegrityError):
            by_owner(statement)
        with without_guard():
            by_owner(statement)


def test_an_approval_cannot_be_made_up_with_a_new_version(promotion):
    version = draft(promotion)

    with pytest.raises(IntegrityError):
        PromotionVersion.objects.create(
            promotion=promotion, number=2, definition=TEN_OFF, created_by=ANNA.label,
            approved_by=BORIS.label, approved_at=version.created_at,
        )  # fmt: skip


def test_the_application_may_not_even_try_to_reword(promotion):
    version = draft(promotion)

    for statement in (
        f"UPDATE {VERSIONS} SET definition = '{{}}' WHERE id = {version.pk}",
        f"DELETE FROM {VERSIONS} WHERE id = {version.pk}",
        f"ALTER TABLE {VERSIONS} DISABLE TRIGGER ALL",
    ):
        with (
            pytest.raises(DatabaseError) as refusal,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        assert refusal.value.__cause__.sqlstate == "42501"  # insufficient_privilege


def test_the_database_wants_the_second_person_too(promotion):
    version = draft(promotion)
    Programme.objects.update(promotions_need_review=True)
    statement = f"UPDATE {VERSIONS} SET state = 'live' WHERE id = {version.pk}"

    with pytest.raises(IntegrityError):
        by_owner(statement)
    promotions.submit(version=version, actor=ANNA)
    promotions.approve(version=version, actor=BORIS)
    by_owner(statement)


def test_nobody_approves_their_own_words_even_by_hand(promotion):
    version = draft(promotion)
    promotions.submit(version=version, actor=ANNA)

    with pytest.raises(IntegrityError, match="approved_by_another_person"):
        by_owner(
            f"UPDATE {VERSIONS} SET approved_by = created_by, approved_at = now()"
            f" WHERE id = {version.pk}"
        )


# Steps that meet


def meet(first, second):
    """The second begins while the first has not committed, and waits for it; both outcomes."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            waiting = pool.submit(in_own_session, second)
            wait_until_a_session_is_blocked()
        return waiting.exception(timeout=10)


@contextmanager
def without_the_lock():
    """The promotion read without a lock, as if somebody had forgotten it."""

    def unlocked(promotion):
        return Promotion.objects.select_related("programme").get(pk=promotion.pk)

    with (
        patch("rewards.services.promotions.review.hold", unlocked),
        patch("rewards.services.promotions.running.hold", unlocked),
        # Otherwise the counter of revisions would make the second wait all the same.
        patch.object(steps, "trace", lambda *_, **__: None),
        patch("rewards.services.promotions.review.trace", lambda *_, **__: None),
        patch("rewards.services.promotions.running.trace", lambda *_, **__: None),
    ):
        yield


def both_approve(version):
    mine, theirs = (PromotionVersion.objects.get(pk=version.pk) for _ in range(2))
    return meet(
        partial(promotions.approve, version=mine, actor=BORIS),
        partial(promotions.approve, version=theirs, actor=CLARA),
    )


def test_of_two_approvals_at_once_one_counts(promotion):
    version = version_in("in_review", promotion)

    refused = both_approve(version)

    assert isinstance(refused, PromotionState)
    assert refused.detail == {"state": "approved"}
    version.refresh_from_db()
    assert version.approved_by == BORIS.label


def test_without_the_lock_the_guard_stops_the_second_approval_and_without_it_nothing_does(
    promotion,
):
    version = version_in("in_review", promotion)
    with without_the_lock():
        assert isinstance(both_approve(version), IntegrityError)

    promotions.withdraw(version=version, actor=ANNA)
    promotions.submit(version=version, actor=ANNA)
    with without_guard(), without_the_lock():
        assert both_approve(version) is None
    version.refresh_from_db()
    assert version.approved_by == CLARA.label  # the first approval is gone


def both_go_live(promotion):
    first, second = draft(promotion), draft(promotion)
    live = partial(promotions.go_live, starts_at=None, actor=ANNA)
    return meet(partial(live, version=first), partial(live, version=second))


def test_of_two_versions_published_at_once_exactly_one_is_live(promotion):
    assert both_go_live(promotion) is None

    found = promotion.versions.order_by("number").values_list("state", flat=True)
    assert list(found) == ["ended", "live"]
    first, second = promotion.versions.order_by("number")
    assert first.ends_at == second.starts_at or first.ends_at <= second.starts_at


def test_without_the_lock_the_second_runs_into_the_constraint(promotion):
    with without_the_lock():
        clash = both_go_live(promotion)

    assert isinstance(clash, IntegrityError)
    assert "one_live_version_per_promotion" in str(clash)


# A pause reaches every process


def test_a_pause_counts_for_the_next_quote_of_another_process(promotion):
    shop = StoreFactory(code="S1")
    version = draft(promotion)
    promotions.go_live(version=version, starts_at=None, actor=ANNA)
    till = Till()
    connections.close_all()
    forking = multiprocessing.get_context("fork")
    mine, theirs = forking.Pipe()

    def other_process():
        """Quotes whenever it is told to; its rule set is its own."""
        while theirs.recv():
            body = basket(shop, line("tea", 10_00))
            quoted = till.post("quotes", body, key=None).json()
            theirs.send(quoted["totals"]["discount"]["amount"])
        connection.close()

    child = forking.Process(target=other_process, daemon=True)
    child.start()

    def quoted_there():
        mine.send("quote")
        assert mine.poll(30)
        return mine.recv()

    before = [quoted_there(), quoted_there()]
    promotions.pause(promotion=promotion, actor=ANNA)
    after = quoted_there()
    promotions.resume(promotion=promotion, actor=ANNA)
    again = quoted_there()
    mine.send("")
    child.join(timeout=10)

    assert (before, after, again) == ([1_00, 1_00], 0, 1_00)


def test_without_the_stamp_the_other_process_would_go_on(promotion):
    """The control of the test above: the process keeps its rules until the stamp moves."""
    shop, till = StoreFactory(code="S1"), Till()
    version = draft(promotion)
    promotions.go_live(version=version, starts_at=None, actor=ANNA)
    body = basket(shop, line("tea", 10_00))

    def quoted():
        return till.post("quotes", body, key=None).json()["totals"]["discount"]["amount"]

    assert quoted() == 1_00
    off = f"ALTER TABLE {VERSIONS} DISABLE TRIGGER rule_set_stamp"
    off += "; ALTER TABLE rewards_promotion DISABLE TRIGGER rule_set_stamp"
    with owner_did(before=off, after=off.replace("DISABLE", "ENABLE")):
        promotions.pause(promotion=promotion, actor=ANNA)
        assert quoted() == 1_00
