from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_crm.kernel.money import CurrencyMismatchError, Money, exponent, split_largest_remainder
from loyalty_crm.kernel.points import Points

totals = st.integers(-(10**14), 10**14)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=60)


@given(totals, weights)
def test_a_split_loses_nothing_and_no_part_is_off_by_a_unit(total, weights):
    parts = split_largest_remainder(total, weights)

    assert sum(parts) == total
    whole = sum(weights) or len(weights)
    for part, weight in zip(parts, weights if sum(weights) else [1] * len(weights), strict=True):
        assert abs(part * whole - total * weight) < whole


@given(totals, weights)
def test_a_negative_split_mirrors_the_positive_one(total, weights):
    mirrored = [-part for part in split_largest_remainder(total, weights)]

    assert split_largest_remainder(-total, weights) == mirrored


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [0, 0], [3, 2]),
        (7, [0, 3], [0, 7]),
        (0, [1, 2], [0, 0]),
        (1, [1, 3], [0, 1]),
    ],
)
def test_units_go_to_the_largest_remainder_then_to_the_first(total, weights, parts):
    assert split_largest_remainder(total, weights) == parts


@pytest.mark.parametrize(("total", "weights"), [(1, []), (1, [1, -1])])
def test_an_impossible_split_is_an_error(total, weights):
    with pytest.raises(ValueError, match=r"weight|split"):
        split_largest_remainder(total, weights)


@pytest.mark.parametrize("minor", [1.0, True, Decimal(1), "1", None])
def test_only_whole_numbers_are_money(minor):
    with pytest.raises(TypeError):
        Money(minor, "RUB")


@pytest.mark.parametrize("code", ["rub", "RU", "RUBL", "РУБ", "R1B", ""])
def test_a_currency_is_three_capitals(code):
    with pytest.raises(ValueError, match="three capital letters"):
        Money(1, code)


def test_two_currencies_never_meet():
    rub, usd = Money(1, "RUB"), Money(1, "USD")

    for operation in (rub.__add__, rub.__sub__, rub.__lt__, rub.__ge__):
        with pytest.raises(CurrencyMismatchError):
            operation(usd)
    assert rub != usd


def test_arithmetic():
    assert Money(5, "RUB") + Money(7, "RUB") - Money(2, "RUB") == Money(10, "RUB")
    assert -Money(5, "RUB") < Money(0, "RUB") <= Money(0, "RUB")
    assert not Money(0, "RUB")
    assert Money(10, "RUB").split([1, 2]) == [Money(3, "RUB"), Money(7, "RUB")]
    assert Money(12345, "RUB").wire() == {"amount": 12345, "currency": "RUB"}


@pytest.mark.parametrize(
    ("money", "language", "text"),
    [
        (Money(123450, "RUB"), "ru", "1\xa0234,50\xa0₽"),
        (Money(123450, "RUB"), "en", "1,234.50\xa0₽"),
        (Money(-5, "USD"), "en", "-$0.05"),
        (Money(-5, "USD"), "ru", "-0,05\xa0$"),
        (Money(1234, "JPY"), "en", "1,234\xa0JPY"),
        (Money(1234, "KWD"), "en", "1.234\xa0KWD"),
    ],
)
def test_format_follows_the_language_and_the_currency(money, language, text):
    assert money.format(language) == text


def test_exponents():
    assert [exponent(code) for code in ("RUB", "JPY", "KWD", "UYW")] == [2, 0, 3, 4]


@given(st.integers(-(10**12), 10**12), st.integers(0, 4))
def test_points_survive_being_shown_and_typed_back(minor, scale):
    points = Points(minor, scale)

    shown = points.format("en").replace(",", "")

    assert Points.parse(shown, scale) == points


@pytest.mark.parametrize("text", ["", "1,234.5", "١٢", "1e3", "1.234", "--1", "NaN", "1 000"])
def test_what_is_not_points_is_refused(text):
    with pytest.raises(ValueError, match=r"not a number|decimal places"):
        Points.parse(text, 2)


def test_points_of_two_scales_never_meet():
    with pytest.raises(TypeError):
        Points(1, 0) + Points(1, 2)
