"""Pictures of the running shop, in two languages, two themes and three widths.

    python docs/screenshots.py home=/admin/ members=/admin/members/member/ \
        --base http://localhost:8000 --user admin --password … --widths 390 1440

Each picture is named page-width-theme-language.png. Needs Debian's chromium and the
development requirements. Prints what the pages wrote to the console, and every request
that left the shop: there must be none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
HEIGHTS = {390: 844, 820: 1180, 1440: 900}


def main() -> int:
    asked = arguments()
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for language, theme in product(asked.languages, asked.themes):
            with visitor(browser, asked, language, theme, complaints) as context:
                for (name, address), width in product(pages(asked.pages), asked.widths):
                    take(context, asked, address, width, f"{name}-{width}-{theme}-{language}")
        browser.close()
    print("\n".join(complaints))
    return 1 if complaints else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", help="name=/address/")
    parser.add_argument("--base", default="http://localhost:8000")
    parser.add_argument("--login", default="/admin/login/")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password", default="", help="left out: pictures as a stranger sees them")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--widths", type=int, nargs="+", default=[390, 820, 1440])
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--languages", nargs="+", default=["en", "ru"])
    parser.add_argument("--whole", action="store_true", help="the whole page, not one screen of it")
    return parser.parse_args()


def pages(asked: list[str]) -> Iterator[tuple[str, str]]:
    for one in asked:
        name, _, address = one.partition("=")
        yield name, address


@contextmanager
def visitor(
    browser: Browser, asked: argparse.Namespace, language: str, theme: str, complaints: list[str]
) -> Iterator[BrowserContext]:
    """A browser that is logged in, reads one language and likes one theme."""
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light", locale=language
    )
    context.add_cookies([{"name": "django_language", "value": language, "url": asked.base}])
    if not asked.password:
        yield context
        return
    page = context.new_page()
    watch(page, asked.base, complaints)
    page.goto(urljoin(asked.base, asked.login))
    page.fill("input[name=username]", asked.user)
    page.fill("input[name=password]", asked.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")
    page.close()
    context.on("page", lambda opened: watch(opened, asked.base, complaints))
    yield context
    context.close()


def watch(page: Page, base: str, complaints: list[str]) -> None:
    """Note errors of scripts, refused policies, and anything that comes from elsewhere."""
    own = urlsplit(base).netloc
    page.on(
        "console",
        lambda said: (
            complaints.append(f"{page.url}: {said.text}") if said.type == "error" else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on(
        "request",
        lambda sent: (
            complaints.append(f"{page.url} asked {sent.url}") if outside(sent.url, own) else None
        ),
    )


def outside(address: str, own: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != own


def take(
    context: BrowserContext, asked: argparse.Namespace, address: str, width: int, name: str
) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})
    page.goto(urljoin(asked.base, address))
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        print(f"{name}: the page is {wide} pixels wide")
    asked.out.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=asked.out / f"{name}.png", full_page=asked.whole)
    page.close()


if __name__ == "__main__":
    sys.exit(main())
