"""Fixtures of the members app's tests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest


@pytest.fixture
def noon() -> datetime:
    return datetime(2025, 3, 8, 12, tzinfo=UTC)
