"""Fixtures of the rewards app's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rewards.services import rule_sets


@pytest.fixture(autouse=True)
def _nothing_compiled_before() -> Iterator[None]:
    """A database that begins anew counts its stamps anew: what a process kept means nothing."""
    rule_sets.forget()
    yield
    rule_sets.forget()
