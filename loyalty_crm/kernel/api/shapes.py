"""Field types that most request bodies share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

#: Any whole number: money in minor units, points, a count.
Integer = Annotated[int, Meta(ge=-(10**12), le=10**12)]
#: A whole number that is not negative.
Natural = Annotated[int, Meta(ge=0, le=10**12)]
#: A quantity as text: up to nine digits and three places.
# To Python "$" also matches before a line break at the end; hence what follows it.
Quantity = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$(?!\n)")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
Code = Annotated[str, Meta(min_length=1, max_length=40)]
ShortText = Annotated[str, Meta(max_length=200)]


class Body(Struct, forbid_unknown_fields=True):
    """The base of every request body: unknown fields are refused, nothing is coerced.

    Say ``kw_only=True`` in a subclass that has required fields behind optional
    ones: msgspec does not inherit it.
    """


class MoneyBody(Body):
    """An amount on the wire."""

    amount: Integer
    currency: Currency
