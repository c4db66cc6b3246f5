"""What may happen only so often: exact under parallelism, and not forgotten by a rollback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from loyalty_crm.kernel import throttle
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.errors import TooManyRequests
from loyalty_crm.kernel.models import OutboxEvent, Throttle
from tests.concurrency import in_own_session

pytestmark = pytest.mark.django_db(transaction=True)

TILL = Actor("api_key", "till")
CALLS, AT_ONCE, LIMIT = 200, 25, 50
# The read-then-write that the one statement replaces: for the negative control.
_READ_THEN_WRITE = """
UPDATE kernel_throttle SET hits = %(seen)s + 1 WHERE bucket = %(bucket)s
"""


def let_through(call, calls=CALLS):
    """How many of so many calls, a few dozen at any moment, were not refused."""

    def one(_number):
        try:
            in_own_session(call)
        except TooManyRequests:
            return 0
        return 1

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(one, range(calls)))


def careless(bucket):
    """Looks first and counts afterwards, as many a throttle does."""
    seen = Throttle.objects.values_list("hits", flat=True).get(pk=bucket)
    if seen >= LIMIT:
        raise TooManyRequests
    with connection.cursor() as cursor:
        cursor.execute(_READ_THEN_WRITE, {"seen": seen, "bucket": bucket})


def guess(wrong=1, actor=TILL, store="S1", count=1, asked=None):
    with throttle.guarded("coupons", actor=actor, store=store, count=count) as guesses:
        if asked is not None:
            asked.append(1)
        guesses.wrong = wrong


def age(by):
    """Everything that was counted happened so much earlier."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE kernel_throttle SET failed = ARRAY(SELECT m - %s::interval"
            " FROM unnest(failed) AS m)",
            [by],
        )


def test_of_two_hundred_calls_at_once_exactly_fifty_pass():
    call = partial(throttle.refuse_above, "b", limit=LIMIT, period=timedelta(minutes=5))

    assert let_through(call) == LIMIT


def test_control_a_counter_that_is_read_and_then_written_lets_more_pass():
    throttle.refuse_above("b", limit=LIMIT, period=timedelta(minutes=5))
    Throttle.objects.update(hits=0)

    assert let_through(partial(careless, "b")) > LIMIT


def test_a_period_begins_anew_and_a_limit_of_nought_counts_nothing():
    throttle.refuse_above("b", limit=1)
    with pytest.raises(TooManyRequests) as refused:
        throttle.refuse_above("b", limit=1)
    assert refused.value.detail == {"retry_after": 1, "limit": 1, "remaining": 0}
    Throttle.objects.update(began_at=now() - timedelta(seconds=2))
    throttle.refuse_above("b", limit=1)

    throttle.refuse_above("free", limit=0)
    assert not Throttle.objects.filter(pk="free").exists()


def test_five_wrong_guesses_of_three_hundred_reach_the_look_up():
    asked = []

    assert let_through(partial(guess, asked=asked), calls=300) == 5
    assert len(asked) == 5
    assert OutboxEvent.objects.filter(kind="security.guessing").count() == 1


def test_thirty_a_day_and_no_more_however_they_are_spread():
    for _ in range(6):
        assert sum(passes(guess) for _ in range(10)) == 5
        age("61 seconds")

    assert not passes(guess)
    with pytest.raises(TooManyRequests) as refused:
        guess()
    assert 23 * 3600 < refused.value.detail["retry_after"] <= 24 * 3600
    age("1 day")
    assert passes(guess)


def test_right_ones_are_not_counted_but_refused_while_it_is_locked():
    assert let_through(partial(guess, wrong=0), calls=100) == 100
    for _ in range(5):
        guess()

    assert not passes(partial(guess, wrong=0))
    age("61 seconds")
    assert passes(partial(guess, wrong=0))


def test_keys_and_stores_are_counted_apart():
    for _ in range(5):
        guess()

    assert not passes(guess)
    assert passes(partial(guess, store="S2"))
    assert passes(partial(guess, actor=Actor("api_key", "another")))


def fail_after_a_guess():
    with throttle.guarded("coupons", actor=TILL, store="S1") as guesses, transaction.atomic():
        guesses.wrong = 1
        raise RuntimeError


def test_a_rollback_of_the_work_does_not_forget_the_guess():
    for _ in range(5):
        with pytest.raises(RuntimeError):
            fail_after_a_guess()

    assert not passes(guess)


def test_who_dies_during_a_look_up_has_guessed():
    dead = [throttle.guarded("coupons", actor=TILL, store="S1") for _ in range(5)]
    for one in dead:
        one.__enter__()

    assert not passes(guess)
    for one in dead:
        one.__exit__(None, None, None)


def test_several_codes_of_one_call_are_several_guesses():
    guess(wrong=3, count=3)

    assert not passes(partial(guess, count=3))
    assert passes(partial(guess, wrong=0, count=2))
    assert not passes(partial(guess, wrong=0, count=6))


def test_old_counters_are_forgotten():
    guess()

    assert throttle.purge(now() - timedelta(days=1)) == 0
    assert throttle.purge(now() + timedelta(days=1)) == 1


def passes(call):
    try:
        call()
    except TooManyRequests:
        return False
    return True
