"""Columns of a file made into columns of a receipt, and every value that does not fit told of."""

from __future__ import annotations

from collections.abc import Mapping as Named
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.money import exponent
from members.imports.columns import nothing, nowhere, sure
from members.imports.errors import FileUnreadable
from members.imports.expressions import (
    Expression,
    LookupTable,
    Scope,
    as_number,
    as_text,
    evaluate,
)
from members.imports.mapping import Mapping
from members.imports.problems import Problem
from members.imports.readers import REPLACEMENT, Batch

MOST = 10**12
INSTANT = pa.timestamp("us", "UTC")
EARLIEST = pa.scalar(0, pa.int64()).cast(INSTANT)  # 1970
# A time with its own offset says all; one without is a time of the mapping's zone.
WITH_ZONE = r"(Z|[+-]\d{2}:?\d{2})$"
#: Each problem becomes a line of the report: a file that is wrong as a whole needs no million.
MOST_PROBLEMS_A_FIELD = 1000


class Values:
    """The values of one batch, field by field; remembers the problems and the lines they spoil."""

    def __init__(self, batch: Batch, mapping: Mapping, tables: Named[str, LookupTable]) -> None:
        self.batch = batch
        self.mapping = mapping
        self.problems = list(batch.problems)
        self.spoilt = nowhere(batch.rows.num_rows)
        self._field = ""
        comma = mapping.source.decimal_comma
        self.scope = Scope(batch.rows, tables, self._reject, comma)

    def refuse(
        self, field: str, wrong: pa.Array, values: pa.Array, expected: str | Promise
    ) -> None:
        self._field = field
        self._reject(wrong, values, expected)

    def note(self, field: str, where: pa.Array, values: pa.Array, remark: str | Promise) -> None:
        """Tell of lines that come through otherwise than they stand."""
        told = self.told(where, values, field, remark)
        self.problems += [problem._replace(severity="note") for problem in told]

    def _reject(self, wrong: pa.Array, values: pa.Array, expected: str | Promise) -> None:
        """Lines where ``wrong`` is true are spoilt: the receipt they belong to stays out."""
        if pc.any(wrong).as_py():
            self.spoilt = pc.or_(self.spoilt, wrong)
            self.problems += self.told(wrong, values, self._field, expected)

    def told(
        self, where: pa.Array, values: pa.Array, field: str, expected: str | Promise
    ) -> list[Problem]:
        lines = self.batch.lines.filter(where).to_pylist()[:MOST_PROBLEMS_A_FIELD]
        texts = values.filter(where).cast(pa.string()).to_pylist()
        return [
            Problem(line, field, text or "", expected)
            for line, text in zip(lines, texts, strict=False)
        ]

    def _evaluate(self, field: str, expression: Expression) -> pa.Array:
        self._field = field
        try:
            return evaluate(expression, self.scope)
        except pa.ArrowException as wrong:
            raise FileUnreadable(
                _("A field can't be computed the way the mapping says"),
                field=field, line=self.batch.lines[0].as_py(), why=str(wrong)[:300],
            ) from wrong  # fmt: skip

    def text(
        self, field: str, expression: Expression | None, longest: int, required: bool = False
    ) -> pa.Array:
        """A text without control characters; an empty one is none."""
        if expression is None:
            return pa.nulls(self.batch.rows.num_rows, pa.string())
        texts = as_text(self._evaluate(field, expression))
        if required:
            self._reject(pc.is_null(texts), texts, _("a value: this field is never empty"))
        size = sure(pc.greater(pc.utf8_length(texts), longest))
        self._reject(size, texts, _("at most %(longest)s characters") % {"longest": longest})
        unclean = pc.or_(
            pc.match_substring_regex(texts, r"[\x00-\x1f\x7f]"),
            pc.match_substring(texts, REPLACEMENT),
        )
        self._reject(
            sure(unclean),
            texts,
            _("text in the encoding of the mapping, without control characters"),
        )
        return texts

    def money(self, field: str, expression: Expression | None) -> pa.Array:
        """Whole minor units, zero or more. More decimals than the currency has are refused."""
        if expression is None:
            return pa.nulls(self.batch.rows.num_rows, pa.int64())
        raw = self._evaluate(field, expression)
        places = exponent(self.mapping.currency) if self.mapping.money_in == "units" else 0
        return self._whole(raw, places, _("an amount from 0 to 10^12; returns are not imported"))

    def quantity(self, expression: Expression) -> pa.Array:
        """Thousandths of a unit, zero or more: what zero means is decided by the mapping."""
        raw = self._evaluate("quantity", expression)
        milli = self._whole(raw, 3, _("a quantity of 0 or more; returns are not imported"))
        empty = pc.and_(pc.is_null(milli), pc.invert(self.spoilt))
        self._reject(empty, raw, _("a value: this field is never empty"))
        return milli

    def _whole(self, raw: pa.Array, places: int, expected: str | Promise) -> pa.Array:
        """The number in units of its last decimal place."""
        whole, lossy = whole_units(as_number(raw, self.scope), 10**places)
        self._reject(lossy, raw, _("at most %(places)s decimal places") % {"places": places})
        outside = sure(pc.or_(pc.less(whole, 0), pc.greater(whole, MOST)))
        self._reject(outside, raw, expected)
        return pc.if_else(outside, nothing(pa.int64()), whole)

    def instant(self, field: str, expression: Expression, latest: datetime) -> pa.Array:
        """A moment in UTC, not after ``latest`` and not before 1970."""
        raw = self._evaluate(field, expression)
        times = instants(raw, self.mapping.time_format, self.mapping.time_zone)
        unread = pc.is_null(times)
        self._reject(unread, raw, _("a date and time such as 2024-03-31 18:05:00"))
        early = pc.less(times, EARLIEST)
        late = pc.greater(times, pa.scalar(latest, INSTANT))
        self._reject(
            sure(pc.or_(early, late)),
            raw,
            _("a time after 1970 and not in the future"),
        )
        return times


def whole_units(number: pa.Array, factor: int) -> tuple[pa.Array, pa.Array]:
    """The number times the factor as an integer, and where that loses something.

    A binary fraction is taken for the decimal one it stands for: 0.29 in a float is
    29 hundredths, and 2.2e-16, the rest of a subtraction, is nothing.
    """
    if pa.types.is_integer(number.type):
        bounded = pc.and_(pc.less_equal(number, MOST), pc.greater_equal(number, -MOST))
        safe = pc.if_else(pc.fill_null(bounded, fill_value=True), number, MOST + 1)
        return pc.multiply(safe.cast(pa.int64()), factor), nowhere(len(number))
    if pa.types.is_decimal(number.type):
        scaled = pc.multiply(
            number.cast(pa.decimal128(28, 12)), pa.scalar(factor, pa.decimal128(5, 0))
        )
        rounded = pc.round(scaled, 0)
        lossy = sure(pc.not_equal(rounded, scaled))
        return rounded.cast(pa.decimal128(30, 0)).cast(pa.int64()), lossy
    return whole_floats(number, factor)


def whole_floats(number: pa.Array, factor: int) -> tuple[pa.Array, pa.Array]:
    scaled = pc.multiply(number.cast(pa.float64()), float(factor))
    # NaN and infinities, and what no exact integer of 64 bits could hold, are out of bounds.
    sane = pc.and_(pc.is_finite(scaled), pc.less(pc.abs(scaled), 2.0 * MOST * 1000))
    bounded = pc.if_else(pc.fill_null(sane, fill_value=True), scaled, float(MOST + 1))
    rounded = pc.round(bounded)
    off = pc.abs(pc.subtract(rounded, bounded))
    return rounded.cast(pa.int64()), sure(pc.greater(off, 1e-4))


def instants(raw: pa.Array, time_format: str, zone: str) -> pa.Array:
    """Moments in UTC; null where there is none to be read."""
    if pa.types.is_timestamp(raw.type):
        return in_utc(raw.cast(pa.timestamp("us", raw.type.tz)), zone)
    if pa.types.is_date(raw.type):
        return in_utc(raw.cast(pa.timestamp("us")), zone)
    texts = as_text(raw)
    if time_format:
        return in_utc(formatted(texts, time_format), zone)
    zoned = sure(pc.match_substring_regex(texts, WITH_ZONE))
    none = nothing(pa.string())
    with_zone = iso(pc.if_else(zoned, texts, none), INSTANT)
    local = iso(pc.if_else(zoned, none, texts), pa.timestamp("us"))
    return pc.coalesce(with_zone, in_utc(local, zone))


def in_utc(times: pa.Array, zone: str) -> pa.Array:
    """A wall-clock time that came twice is the earlier one; one that never came is moved on."""
    if times.type.tz is None:
        times = pc.assume_timezone(times, zone, ambiguous="earliest", nonexistent="latest")
    return times.cast(INSTANT)


def formatted(texts: pa.Array, time_format: str) -> pa.Array:
    parsed = pc.strptime(texts, format=time_format, unit="s", error_is_null=True)
    # The fast parser turns 31 February into a day of March: what prints back otherwise is
    # asked again.
    same = sure(pc.equal(pc.strftime(parsed, format=time_format), texts))
    if pc.all(pc.or_(same, pc.is_null(texts))).as_py():
        return parsed.cast(pa.timestamp("us"))
    read = [formatted_or_none(text, time_format) for text in texts.to_pylist()]
    return pa.array(read, pa.timestamp("us"))


def formatted_or_none(text: str | None, time_format: str) -> datetime | None:
    try:
        # The zone is given to the whole column later.
        return datetime.strptime(text, time_format) if text else None  # noqa: DTZ007
    except ValueError:
        return None


def iso(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return pa.array([iso_or_none(text) for text in texts.to_pylist()], kind)


def iso_or_none(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
