"""The life of a card, its number, and what the database refuses about both."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry, OutboxEvent
from members.errors import CardNumberInvalid, CardNumberTaken, CardState, MemberNotActive
from members.models import Card, Member
from members.rules.cards import (
    LENGTH,
    TRANSITIONS,
    check_digit,
    clean_number,
    is_acceptable,
    random_number,
)
from members.services import cards as service
from members.services.cards import (
    activate_card,
    bind_card,
    block_card,
    close_card,
    issue_card,
    prepare_cards,
    replace_card,
    unblock_card,
)
from tests.concurrency import in_own_session, wait_until_a_session_is_blocked
from tests.factories.members import CardFactory, MemberFactory

pytestmark = pytest.mark.django_db
Status = Card.Status
STATES = [state.value for state in Status]


@pytest.fixture
def issue(noon):
    return partial(issue_card, occurred_at=noon, actor=SYSTEM)


def card_in(state):
    """A card that stands in the state and owes the database nothing."""
    successor = CardFactory() if state == "replaced" else None
    return CardFactory(status=state, replaced_by=successor)


def test_a_new_number_is_ours_random_and_has_a_true_check_digit(issue):
    first, second = issue(member=MemberFactory()), issue(member=MemberFactory())

    assert first.number != second.number
    assert len(first.number) == LENGTH
    assert is_acceptable(first.number, "9")
    assert (first.status, first.member_id is not None) == (Status.ISSUED, True)


def test_numbers_use_all_of_their_digits():
    """53 random bits: among 10,000 numbers none repeats and every digit shows everywhere."""
    numbers = {random_number("9") for _ in range(10_000)}

    assert len(numbers) == 10_000
    for place in range(1, LENGTH):
        assert len({number[place] for number in numbers}) == 10


@pytest.mark.parametrize("wrong", ["digit", "swap"])
def test_a_misread_number_of_ours_is_refused(issue, wrong):
    body = "91234567890123456"
    right = body + check_digit(body)
    typed = (
        right[:5] + "0" + right[6:]
        if wrong == "digit"
        else right[:6] + right[7] + right[6] + right[8:]
    )

    with pytest.raises(CardNumberInvalid):
        issue(member=MemberFactory(), number=typed)


@pytest.mark.parametrize("foreign", ["2400000000017", "AB-123456", "77 0012"])
def test_numbers_of_earlier_systems_are_taken_as_they_are(issue, foreign):
    assert issue(member=MemberFactory(), number=foreign).number == clean_number(foreign)


@pytest.mark.parametrize("number", ["", "12", "ж123", "1" * 33, "12;34", "٩٩٩٩"])
def test_what_is_no_number_is_refused(issue, number):
    with pytest.raises(CardNumberInvalid):
        issue(member=MemberFactory(), number=number)


def test_a_drawn_number_that_is_taken_is_drawn_again(issue, monkeypatch):
    taken = CardFactory().number
    fresh = "900000000000000" + "77"
    fresh += check_digit(fresh)
    draws = iter([taken, fresh])
    monkeypatch.setattr(service, "random_number", lambda prefix: next(draws))

    assert issue(member=MemberFactory()).number == fresh


def test_a_prepared_card_is_bound_to_a_member(noon):
    [prepared] = prepare_cards(count=1, actor=SYSTEM)

    bound = bind_card(
        member=MemberFactory(), number=prepared.number, occurred_at=noon, actor=SYSTEM
    )

    assert (bound.pk, bound.status) == (prepared.pk, Status.ISSUED)


def test_a_number_outside_the_prepared_stock_is_not_bound(noon):
    with pytest.raises(CardNumberInvalid):
        bind_card(member=MemberFactory(), number="2400000000017", occurred_at=noon, actor=SYSTEM)


def test_a_card_of_another_member_is_taken(issue):
    card = CardFactory()

    with pytest.raises(CardNumberTaken):
        issue(member=MemberFactory(), number=card.number)


def test_a_closed_member_gets_no_card(issue):
    with pytest.raises(MemberNotActive):
        issue(member=MemberFactory(status=Member.Status.CLOSED))


def test_a_lost_card_is_blocked_first_and_names_its_successor(noon):
    lost = CardFactory()

    new = replace_card(card=lost, reason="lost", occurred_at=noon, actor=SYSTEM)

    lost.refresh_from_db()
    assert (lost.status, lost.replaced_by, new.status) == (Status.REPLACED, new, Status.ACTIVE)
    assert new.member == lost.member
    steps = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(steps) == ["card.blocked", "card.issued", "card.activated", "card.replaced"]
    assert OutboxEvent.objects.filter(kind="card.replaced").count() == 1


def test_a_card_that_never_could_pay_is_replaced_by_one_that_cannot(noon):
    lost = CardFactory(status=Status.ISSUED, activated_at=None)

    assert replace_card(card=lost, reason="lost", occurred_at=noon, actor=SYSTEM).status == "issued"


def test_unblocking_gives_back_the_state_before(noon):
    active, issued = CardFactory(), CardFactory(status=Status.ISSUED, activated_at=None)

    for card in (active, issued):
        block_card(card=card, reason="found?", actor=SYSTEM)
        unblock_card(card=card, reason="found", actor=SYSTEM)

    active.refresh_from_db()
    issued.refresh_from_db()
    assert (active.status, issued.status) == (Status.ACTIVE, Status.ISSUED)


def test_no_card_number_reaches_the_outbox_or_the_trail():
    card = CardFactory()

    block_card(card=card, reason="lost", actor=SYSTEM)

    event, entry = OutboxEvent.objects.get(), AuditEntry.objects.get()
    for trace in (event.data, entry.after, entry.before):
        assert card.number not in str(trace)


ALLOWED = {
    "activate": {"prepared", "issued", "active"},
    "block": {"issued", "active", "blocked"},
    "unblock": {"blocked"},
    "replace": {"issued", "active", "blocked"},
    "close": {"prepared", "issued", "active", "blocked", "closed"},
}


@pytest.mark.parametrize(("verb", "state"), [*product(ALLOWED, STATES)])
def test_every_verb_in_every_state(verb, state, noon):
    call = {
        "activate": partial(activate_card, occurred_at=noon),
        "block": partial(block_card, reason="r"),
        "unblock": partial(unblock_card, reason="r"),
        "replace": partial(replace_card, reason="r", occurred_at=noon),
        "close": partial(close_card, reason="r"),
    }[verb]
    card = card_in(state)

    if state in ALLOWED[verb]:
        call(card=card, actor=SYSTEM)
    else:
        with pytest.raises(CardState):
            call(card=card, actor=SYSTEM)
        card.refresh_from_db()
        assert card.status == state
        assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize(("before", "after"), [*product(STATES, STATES)])
def test_the_database_knows_the_same_transitions(before, after):
    card = card_in(before)
    successor = CardFactory() if after == "replaced" else None
    allowed = after == before or after in TRANSITIONS[before]
    if before == after == "replaced":
        successor = card.replaced_by

    move = partial(
        Card.objects.filter(pk=card.pk).update, status=after, replaced_by=successor, reason="r"
    )

    if allowed:
        assert move() == 1
    else:
        with pytest.raises(IntegrityError), transaction.atomic():
            move()


def test_the_database_keeps_a_number_with_its_card():
    card = CardFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        Card.objects.filter(pk=card.pk).update(number="2400000000017")


@pytest.mark.parametrize(
    "wrong",
    [
        {"member": None, "status": "active"},
        {"status": "replaced", "replaced_by": None},
        {"number": "taken"},
    ],
)
def test_the_database_refuses_a_card_that_makes_no_sense(wrong):
    CardFactory(number="taken")

    with pytest.raises(IntegrityError), transaction.atomic():
        CardFactory(**wrong)


def test_the_table_in_the_migration_is_the_table_in_the_rules():
    text = Path("members/migrations/0002_guards.py").read_text()
    in_database = set(re.findall(r"'(\w+)>(\w+)'", text))

    assert in_database == {(a, b) for a, several in TRANSITIONS.items() for b in several}


@pytest.mark.django_db(transaction=True)
def test_a_card_is_replaced_once_by_two_tills_at_once(noon):
    """The second till waits for the first one's lock on the card row."""
    lost = CardFactory()
    replace = partial(replace_card, card=lost, reason="lost", occurred_at=noon, actor=SYSTEM)

    with ThreadPoolExecutor(1) as other_till:
        with transaction.atomic():
            replace()
            second = other_till.submit(in_own_session, replace)
            wait_until_a_session_is_blocked()
        with pytest.raises(CardState):
            second.result(timeout=5)

    assert lost.member.cards.count() == 2
