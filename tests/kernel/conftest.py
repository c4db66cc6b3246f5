"""Fixtures of the kernel's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kernel import value_urls


@pytest.fixture
def value_endpoint(settings: Any) -> str:
    """The address of an endpoint that adds coins, once per key."""
    settings.ROOT_URLCONF = "tests.kernel.value_urls"
    return "/api/v1/coins"


@pytest.fixture
def trouble() -> Iterator[dict[str, Any]]:
    """What the endpoint stumbles over: ``sleep``, ``raise``, ``sql`` or less ``room``."""
    yield value_urls.trouble
    value_urls.trouble.clear()
