"""Chance that can be checked: held against code of its own, and against chance itself."""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules import fair, odds
from rewards.rules.odds import Chance

SEED = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def again(seed: str, message: str, below: int) -> int:
    """The published algorithm, written down a second time without a look at the first."""
    for counter in range(100):
        text = f"{message}:{counter}".encode()
        block = hmac.digest(bytes.fromhex(seed), text, "sha256")
        number = int.from_bytes(block[:8], "big")
        if number < (2**64 // below) * below:
            return number % below
    raise AssertionError


@pytest.mark.parametrize("below", [1, 2, 3, 7, 100, 10**6, 2**63 + 1])
def test_the_same_numbers_come_out_of_code_that_shares_nothing(below):
    for number in range(50):
        message = f"play-{number}"
        assert fair.even(SEED, message, below).value == again(SEED, message, below)


def test_a_number_of_the_incomplete_round_is_passed_over():
    """Of 2^64 numbers only 2^63 + 1 are a full round: about half are passed over."""
    drawn = [fair.even(SEED, f"m{number}", 2**63 + 1) for number in range(200)]

    tries = [len(one.steps) for one in drawn]
    assert max(tries) > 1
    assert 1.5 < sum(tries) / len(tries) < 2.5
    assert all(not step.taken for one in drawn for step in one.steps[:-1])
    assert all(one.steps[-1].taken for one in drawn)


def test_the_mapping_follows_the_weights():
    """χ² with 4 degrees of freedom: above 18.47 once in a thousand. The seed is fixed."""
    weights, plays = [1, 4, 10, 25, 60], 20_000
    found = [0] * len(weights)
    for number in range(plays):
        value = fair.even(SEED, fair.play_message("p", "a", number, "n", "all"), 100).value
        found[fair.pick(weights, value)] += 1

    wanted = [plays * weight / 100 for weight in weights]
    chi_square = sum((f - w) ** 2 / w for f, w in zip(found, wanted, strict=True))
    assert chi_square < 18.47


def test_a_mapping_that_is_bent_is_seen_by_the_same_test():
    """The control: numbers below 2^4 by modulo 5 favour the first of them."""
    found = [0] * 5
    for number in range(20_000):
        found[fair.even(SEED, f"c{number}", 16).value % 5] += 1

    assert sum((f - 4_000) ** 2 / 4_000 for f in found) > 18.47


def test_the_commitment_is_the_hash_of_the_bytes():
    assert fair.commitment(SEED) == hashlib.sha256(bytes.fromhex(SEED)).hexdigest()
    assert len(bytes.fromhex(fair.new_seed())) == 32
    assert fair.new_seed() != fair.new_seed()


@pytest.mark.parametrize("text", ["", "a:b", "ä", "a\n", "x" * 65, "a b"])
def test_what_could_part_a_message_anew_is_no_number_of_a_player(text):
    assert not fair.is_nonce(text)


def winners(sizes, places, once_each=True):
    lasts = [sum(sizes[: number + 1]) for number in range(len(sizes))]

    def holder(ticket):
        number = bisect_right(lasts, ticket - 1)
        return lasts[number] - sizes[number] + 1, lasts[number]

    return list(
        fair.draw_places(
            seed=SEED, message="d", tickets=lasts[-1], places=places, holder_of=holder,
            once_each=once_each,
        )
    )  # fmt: skip


def winners_slowly(sizes, places, once_each=True):
    """The same draw with a bag of tickets, out of which winners' tickets are taken."""
    owners = [owner for owner, size in enumerate(sizes) for _ticket in range(size)]
    bag = list(enumerate(owners, start=1))
    found = []
    for place in range(1, places + 1):
        if not bag:
            break
        ticket, owner = bag[again(SEED, f"d:{place}", len(bag))]
        found.append(ticket)
        bag = [one for one in bag if (one[1] != owner if once_each else one[0] != ticket)]
    return found


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 15), st.booleans())
def test_a_draw_is_one_out_of_a_bag(sizes, places, once_each):
    quick = winners(sizes, places, once_each)

    assert [one.ticket for one in quick] == winners_slowly(sizes, places, once_each)


def test_nobody_wins_twice_unless_the_rules_say_so():
    once, often = winners([50, 1, 1], 3), winners([50, 1, 1], 3, once_each=False)

    assert len({one.first for one in once}) == 3
    assert len({one.ticket for one in often}) == 3
    assert len({one.first for one in often}) < 3


def test_odds_are_exact_at_the_floor():
    quarter = [Chance("a", 1, wins=True), Chance("b", 3, wins=False)]
    below = [Chance("a", 2_499, wins=True), Chance("b", 7_501, wins=False)]

    assert odds.win_chance(quarter) == 2_500
    assert not odds.is_below(quarter, 2_500)
    assert odds.is_below(below, 2_500)
    assert odds.is_below([], 0)


def test_the_picture_tells_cost_and_what_runs_out():
    chances = [
        Chance("car", 1, wins=True, cost_minor=10_000_00, stock=3),
        Chance("pen", 99, wins=True, cost_minor=1_00),
    ]

    told = odds.picture(chances, plays=500)

    assert told.per_play_minor == (10_000_00 + 99 * 1_00) // 100
    assert told.total_minor == 5 * 10_000_00 + 495 * 1_00
    assert [one.runs_out for one in told.slices] == [True, False]
