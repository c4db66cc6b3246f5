"""Small helpers over columns, for what the columnar library says at length."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array, plain: chunks are joined, dictionaries spelled out."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def sure(mask: pa.Array) -> pa.Array:
    """True where it is known to be true; unknown counts as no."""
    return pc.fill_null(mask, fill_value=False)


def nowhere(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value=False), count)


def everywhere(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value=True), count)


def nothing(kind: pa.DataType) -> pa.Scalar:
    """An empty value of a kind."""
    return pa.scalar(None, kind)
