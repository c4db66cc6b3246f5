"""How the admin looks. ``settings.UNFOLD`` is this dictionary; the theme reads nothing else."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def favicon(request: HttpRequest) -> str:
    return static("favicon.svg")


def stylesheet(request: HttpRequest) -> str:
    return static("admin_theme/admin.css")


def script(request: HttpRequest) -> str:
    return static("admin_theme/admin.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Loyalty CRM",
    "SITE_HEADER": "Loyalty CRM",
    "SITE_SYMBOL": "loyalty",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": favicon}],
    "STYLES": [stylesheet],
    "SCRIPTS": [script],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "SIDEBAR": {"show_search": True, "command_search": True, "show_all_applications": False},
    # The search box finds pages. Members are found on their own page, which masks what it must.
    "COMMAND": {"search_models": False, "show_history": False},
    # A deep teal: white text on 600 has a contrast of 5.5, 500 on the dark ground one of 8.
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.801)",
            "200": "oklch(91% .096 180.426)",
            "300": "oklch(85.5% .138 181.071)",
            "400": "oklch(77.7% .152 181.912)",
            "500": "oklch(70.4% .14 182.503)",
            "600": "oklch(51.1% .096 186.391)",
            "700": "oklch(43.7% .078 188.216)",
            "800": "oklch(38.6% .063 188.416)",
            "900": "oklch(33% .053 189)",
            "950": "oklch(27.7% .046 192.524)",
        }
    },
}
