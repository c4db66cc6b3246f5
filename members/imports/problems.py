"""What is wrong with a file, line by line, and the file of errors that tells it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

from django.utils.functional import Promise

COLUMNS = ("severity", "file", "line", "field", "value", "expected")
LONGEST_VALUE = 200
# A cell that starts so is a formula to a spreadsheet: an apostrophe makes it text.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Problem(NamedTuple):
    """One value of one line that could not be taken, or was taken otherwise than it stands.

    An error keeps its whole receipt out; a note does not.
    """

    line: int
    field: str
    value: str
    expected: str | Promise
    severity: Literal["error", "note"] = "error"


class ProblemFile:
    """A CSV file of problems that can be cut back to where a committed chunk had left it."""

    def __init__(self, path: Path | None, source: str, kept_bytes: int = 0) -> None:
        self.source = source
        self.path = path
        self._file: TextIO | None = None
        if path:
            path.touch()
            self._file = path.open("r+", encoding="utf-8", newline="")
            # A report that is not the one of the run before begins anew.
            self.cut(kept_bytes if path.stat().st_size >= kept_bytes else 0)

    def cut(self, kept_bytes: int) -> None:
        """Forget what was written after the last checkpoint."""
        if self._file:
            self._file.flush()
            os.truncate(self._file.fileno(), kept_bytes)
            self._file.seek(kept_bytes)
            if not kept_bytes:
                csv.writer(self._file).writerow(COLUMNS)

    def write(self, problems: Iterable[Problem]) -> None:
        if self._file:
            csv.writer(self._file).writerows(self._row(problem) for problem in problems)

    def _row(self, problem: Problem) -> tuple[object, ...]:
        value = inert(problem.value[:LONGEST_VALUE])
        where = (problem.severity, self.source, problem.line, problem.field)
        return (*where, value, str(problem.expected))

    def settle(self) -> int:
        """Bring what was written to the disk; the number of bytes belongs into the checkpoint."""
        if not self._file:
            return 0
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        if self._file:
            self._file.close()


def inert(text: str) -> str:
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
