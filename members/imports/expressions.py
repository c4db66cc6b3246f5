"""The small language of mapping files: where a field's value comes from.

Expressions are data, checked when the mapping is read, and evaluated over whole
columns. There are the forms below and nothing else; none of them runs code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from members.imports.columns import nothing, sure, whole
from members.imports.words import readable

NUMBER = r"^[+-]?\d{1,13}(\.\d{1,6})?$"
#: Room for the digits of NUMBER, and for some arithmetic before the library's 38 are used up.
EXACT = pa.decimal128(19, 6)
FACTOR = pa.decimal128(8, 0)
PART = pa.decimal128(7, 6)
WHOLE = pa.decimal128(19, 0)
LARGEST = 10**13


@dataclass
class Scope:
    """What an expression may see: the rows at hand and the mapping's tables.

    ``reject`` is told of rows whose value can't be used.
    """

    rows: pa.Table
    tables: Mapping[str, LookupTable]
    reject: Callable[[pa.Array, pa.Array, str | Promise], None]
    decimal_comma: bool = False


@dataclass
class LookupTable:
    """A table of the mapping, found by its key."""

    key: pa.Array
    columns: pa.Table
    _cache: dict[str, pa.Array] = field(default_factory=dict)

    def find(self, keys: pa.Array, column: str) -> pa.Array:
        where = pc.index_in(keys.cast(self.key.type), value_set=self.key)
        if column not in self._cache:
            self._cache[column] = whole(self.columns[column])
        return self._cache[column].take(where)


class Form(BaseModel):
    """One form of the language. A name of a form that is not here is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def evaluate(self, scope: Scope) -> pa.Array:
        raise NotImplementedError


class Column(Form):
    """A column of the file."""

    column: str

    def evaluate(self, scope: Scope) -> pa.Array:
        return whole(scope.rows[self.column])


class Constant(Form):
    """The same value in every row."""

    constant: str | int

    def evaluate(self, scope: Scope) -> pa.Array:
        return pa.repeat(pa.scalar(self.constant), scope.rows.num_rows)


class Concat(Form):
    """Texts one after the other; empty ones leave no separator behind."""

    concat: Annotated[list[Expression], Field(min_length=1, max_length=10)]
    separator: str = ""

    def evaluate(self, scope: Scope) -> pa.Array:
        parts = [as_text(evaluate(part, scope)) for part in self.concat]
        joined = parts[0]
        for part in parts[1:]:
            # The library's own way of skipping empty parts loses rows that are all empty.
            both = pc.binary_join_element_wise(joined, part, self.separator)
            joined = pc.coalesce(both, joined, part)
        return joined


class Add(Form):
    """The sum of numbers; an empty cell counts as zero."""

    add: Annotated[list[Expression], Field(min_length=1, max_length=10)]

    def evaluate(self, scope: Scope) -> pa.Array:
        numbers = [pc.fill_null(as_number(evaluate(part, scope), scope), 0) for part in self.add]
        total = numbers[0]
        for number in numbers[1:]:
            total = pc.add(total, number)
        return total


class Subtract(Form):
    """The first number less the second; an empty cell counts as zero."""

    subtract: tuple[Expression, Expression]

    def evaluate(self, scope: Scope) -> pa.Array:
        left, right = (
            pc.fill_null(as_number(evaluate(part, scope), scope), 0) for part in self.subtract
        )
        return pc.subtract(left, right)


class Multiply(Form):
    """A number times a whole constant, such as -1."""

    multiply: tuple[Expression, Annotated[int, Field(ge=-10_000, le=10_000)]]

    def evaluate(self, scope: Scope) -> pa.Array:
        number = as_number(evaluate(self.multiply[0], scope), scope)
        factor, exact = self.multiply[1], pa.types.is_decimal(number.type)
        return pc.multiply(number, pa.scalar(Decimal(factor), FACTOR) if exact else factor)


class Divide(Form):
    """A number divided by a power of ten: 1299 by 100 is 12.99, and nothing is lost."""

    divide: tuple[Expression, Literal[10, 100, 1000, 10_000, 100_000, 1_000_000]]

    def evaluate(self, scope: Scope) -> pa.Array:
        number = as_number(evaluate(self.divide[0], scope), scope)
        if pa.types.is_floating(number.type):
            return pc.divide(number, float(self.divide[1]))
        exact = number.cast(WHOLE) if pa.types.is_integer(number.type) else number
        return pc.multiply(exact, pa.scalar(1 / Decimal(self.divide[1]), PART))


class Lookup(Form):
    """A column of one of the mapping's tables, found by its key; empty when it is not there."""

    lookup: Expression
    table: str
    column: str

    def evaluate(self, scope: Scope) -> pa.Array:
        return scope.tables[self.table].find(evaluate(self.lookup, scope), self.column)


class First(Form):
    """The first value that is not empty."""

    first: Annotated[list[Expression], Field(min_length=1, max_length=10)]

    def evaluate(self, scope: Scope) -> pa.Array:
        return pc.coalesce(*(as_text(evaluate(part, scope)) for part in self.first))


class Choose(Form):
    """Another word for some values: ``{choose = "paid_by", words = {C = "cash"}}``."""

    choose: Expression
    words: dict[str, str]

    def evaluate(self, scope: Scope) -> pa.Array:
        texts = as_text(evaluate(self.choose, scope))
        where = pc.index_in(texts, value_set=pa.array(list(self.words)))
        return pc.coalesce(pa.array(list(self.words.values())).take(where), texts)


class Readable(Form):
    """Capitals and abbreviations of a stock list made into words for people."""

    readable: Expression

    def evaluate(self, scope: Scope) -> pa.Array:
        coded = as_text(evaluate(self.readable, scope)).dictionary_encode()
        words = [readable(text) for text in coded.dictionary.to_pylist()]
        return pa.array(words, pa.string()).take(coded.indices)


FORMS: dict[str, type[Form]] = {
    form.__name__.lower(): form
    for form in (
        Constant, Concat, Add, Subtract, Multiply, Divide, Lookup, First, Choose, Readable, Column
    )
}  # fmt: skip


def form_of(value: Any) -> str | None:
    """The form a value is written in: the key that names it. A lookup has a column too."""
    if isinstance(value, str):
        return "name"
    keys = value if isinstance(value, dict) else type(value).model_fields
    return next((name for name in FORMS if name in keys), None)


Expression = Annotated[
    Annotated[str, Tag("name")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[Concat, Tag("concat")]
    | Annotated[Add, Tag("add")]
    | Annotated[Subtract, Tag("subtract")]
    | Annotated[Multiply, Tag("multiply")]
    | Annotated[Divide, Tag("divide")]
    | Annotated[Lookup, Tag("lookup")]
    | Annotated[First, Tag("first")]
    | Annotated[Choose, Tag("choose")]
    | Annotated[Readable, Tag("readable")]
    | Annotated[Column, Tag("column")],
    Discriminator(
        form_of,
        custom_error_type="expression_unknown",
        custom_error_message="expected a column's name or one form of " + ", ".join(FORMS),
    ),
]
for _form in FORMS.values():
    _form.model_rebuild()


def evaluate(expression: Expression, scope: Scope) -> pa.Array:
    """The column that an expression means; a bare text is the name of a column."""
    if isinstance(expression, str):
        return whole(scope.rows[expression])
    return expression.evaluate(scope)


def columns_of(expression: Any) -> set[str]:
    """The columns of the file that an expression reads, so that no other is loaded."""
    if isinstance(expression, str):
        return {expression}
    if isinstance(expression, (list, tuple)):
        return set().union(*map(columns_of, expression))
    match expression:
        case Column():
            return {expression.column}
        case Lookup():
            return columns_of(expression.lookup)
        case Concat():
            return columns_of(expression.concat)
        case Choose():
            return columns_of(expression.choose)
        case Multiply():
            return columns_of(expression.multiply[0])
        case Divide():
            return columns_of(expression.divide[0])
        case Constant():
            return set()
        case Form():
            return columns_of(next(iter(expression.__dict__.values())))
    return set()


def as_text(array: pa.Array) -> pa.Array:
    """Texts without the blanks around them; an empty one counts as none."""
    texts = pc.utf8_trim_whitespace(array.cast(pa.string()))
    return pc.if_else(pc.equal(texts, ""), nothing(pa.string()), texts)


def as_number(array: pa.Array, scope: Scope) -> pa.Array:
    """Numbers stay what they are; texts become exact decimals, and others are rejected."""
    if pa.types.is_integer(array.type):
        large = sure(pc.greater(pc.abs(array), LARGEST))
        scope.reject(large, array, _("a number of at most 13 digits"))
        return pc.if_else(large, nothing(pa.int64()), array.cast(pa.int64()))
    if pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        return array
    texts = as_text(array)
    if scope.decimal_comma:
        texts = pc.replace_substring(texts, ",", ".")
    wrong = sure(pc.invert(pc.match_substring_regex(texts, NUMBER)))
    scope.reject(wrong, array, _("a number such as 12.50, with a point and without spaces"))
    return pc.if_else(wrong, nothing(pa.string()), texts).cast(EXACT)
