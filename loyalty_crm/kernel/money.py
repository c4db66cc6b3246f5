"""Money: whole minor units of one currency. Nothing here rounds in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils import formats, translation

_NO_PLACES = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THREE_PLACES = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
# ISO 4217 currencies whose minor unit is not the hundredth; every other one has two places.
_EXPONENTS = {
    **dict.fromkeys(_NO_PLACES, 0),
    **dict.fromkeys(_THREE_PLACES, 3),
    "CLF": 4,
    "UYW": 4,
}
_SYMBOLS = {"RUB": "₽", "USD": "$", "EUR": "€", "GBP": "£", "KZT": "₸", "UAH": "₴"}
_BEFORE = "$€£"  # where English writes the symbol in front of the figure


def exponent(currency: str) -> int:
    """Decimal places of the currency: 2 for RUB, 0 for JPY, 3 for KWD."""
    return _EXPONENTS.get(currency, 2)


def require_int(value: object, name: str) -> int:
    """Refuse what only looks like a whole number: floats, Decimals, and booleans."""
    if type(value) is not int:
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    return value


def split_largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Divide a whole amount in proportion to the weights; the parts add up to it exactly.

    Units lost to rounding down go to the largest remainders, ties to the
    earlier position. A negative total is the mirror image of the positive one.
    When all weights are zero they count as equal.
    """
    require_int(total, "total")
    if not weights:
        raise ValueError("there is nothing to split over")
    if set(map(type, weights)) != {int}:
        for weight in weights:
            require_int(weight, "weight")
    if min(weights) < 0:
        raise ValueError("a weight is never negative")
    if total < 0:
        return [-part for part in split_largest_remainder(-total, weights)]
    whole = sum(weights)
    if not whole:
        return split_largest_remainder(total, [1] * len(weights))
    return _shares(total, weights, whole)


def _shares(total: int, weights: Sequence[int], whole: int) -> list[int]:
    products = [total * weight for weight in weights]
    parts = [product // whole for product in products]
    if missing := total - sum(parts):
        remainders = [product % whole for product in products]
        largest = sorted(range(len(parts)), key=remainders.__getitem__, reverse=True)
        for position in largest[:missing]:
            parts[position] += 1
    return parts


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units. Two currencies never meet in one operation."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        require_int(self.minor, "minor")
        code = self.currency
        if len(code) != 3 or not (code.isascii() and code.isalpha() and code.isupper()):
            raise ValueError(f"a currency is three capital letters, not {code!r}")

    def _minor_of(self, other: Money) -> int:
        if self.currency != other.currency:
            raise CurrencyMismatchError(self.currency, other.currency)
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._minor_of(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._minor_of(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._minor_of(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._minor_of(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def split(self, weights: Sequence[int]) -> list[Money]:
        """Parts in proportion to the weights that add up to the whole, to the minor unit."""
        return [Money(part, self.currency) for part in split_largest_remainder(self.minor, weights)]

    def wire(self) -> dict[str, int | str]:
        """The form of the API: ``{"amount": 12345, "currency": "RUB"}``."""
        return {"amount": self.minor, "currency": self.currency}

    def as_decimal(self) -> Decimal:
        """Exact, in whole units of the currency: for display and files, not for arithmetic."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def format(self, language: str | None = None) -> str:
        """For people: ``1 234,50 $`` in Russian, ``$1,234.50`` (but ``1,234.50 ₽``) in English."""
        spoken = language or translation.get_language() or "en"
        with translation.override(spoken):
            number = formats.number_format(
                abs(self.as_decimal()),
                exponent(self.currency),
                use_l10n=True,
                force_grouping=True,
            )
        sign, symbol = "-" if self.minor < 0 else "", _SYMBOLS.get(self.currency, self.currency)
        if symbol in _BEFORE and spoken.startswith("en"):
            return f"{sign}{symbol}{number}"
        return f"{sign}{number}\N{NO-BREAK SPACE}{symbol}"

    def __str__(self) -> str:
        return self.format()


class CurrencyMismatchError(TypeError):
    """A programming error: two currencies met where the caller should have refused earlier."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"{left} and {right} do not mix")
