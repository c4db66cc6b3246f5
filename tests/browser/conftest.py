"""A real Chromium in front of the real web server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser(django_db_setup: None) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("no chromium here: apt-get install chromium")
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread; the ORM works between its calls only.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        # A machine that does other things beside is slow, not wrong.
        expect.set_options(timeout=20_000)
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture
def complaints() -> list[str]:
    """What the pages said in the console, and what they asked of strangers: both stay empty."""
    return []


@pytest.fixture
def page(browser: Browser, live_app, complaints) -> Iterator[Page]:
    context = browser.new_context(base_url=live_app.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if is_bad(said) else None)
    page.on("request", lambda sent: note_stranger(sent.url, live_app.url, complaints))
    yield page
    context.close()
    assert complaints == []


#: How htmx reports a preview that a newer one, or the next page, made superfluous.
ABORTED = {"htmx:sendAbort", "htmx:afterRequest"}


def is_bad(said) -> bool:
    """Errors, but for the answer 422, a refused panel, and for previews that were called off."""
    return said.type == "error" and "422" not in said.text and said.text not in ABORTED


def note_stranger(address: str, own: str, complaints: list[str]) -> None:
    if not address.startswith((own, "data:", "blob:")):
        complaints.append(f"asked {address}")
