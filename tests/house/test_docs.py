"""What the documents promise is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from loyalty_crm.kernel.errors import registry
from loyalty_crm.kernel.scopes import SCOPES
from tests.error_codes import is_ours

INTEGRATORS = Path(__file__).resolve().parents[2] / "docs" / "integrators.md"


def error_table() -> str:
    rows = [
        f"| `{code}` | {error.status} | {'yes' if error.retryable else 'no'} | {error.title} |"
        for code, error in registry().items()
        if is_ours(error)
    ]
    return "\n".join(["| code | status | retry | meaning |", "| --- | --- | --- | --- |", *rows])


def test_the_table_of_errors_is_the_register():
    text = INTEGRATORS.read_text()
    found = re.search(r"<!-- errors: begin.*?-->\n(.*?)\n?<!-- errors: end -->", text, re.DOTALL)

    assert found
    assert found[1] == error_table(), f"put this table in its place:\n{error_table()}"


def test_every_scope_is_described():
    text = INTEGRATORS.read_text()

    assert [scope for scope in SCOPES if f"| `{scope}` |" not in text] == []
