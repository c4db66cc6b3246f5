"""The builder as a browser meets it, and an example of every kind that it can show."""

from __future__ import annotations

import uuid
from html.parser import HTMLParser

SELECTOR = {"include": {"skus": ["tea"], "attributes": {"fat": ["low", "none"]}}}
ITEMS = [{"goods": SELECTOR, "quantity": 2}, {"goods": {}}]
PERCENT = {"kind": "percent", "basis_points": 1250}
TIMES = {"from_time": "22:00", "to_time": "02:30"}
CONDITIONS = {
    "min_spend": {"amount_minor": 1250},
    "min_quantity": {"quantity": 3},
    "basket_total": {"amount_minor": 99},
    "basket_items": {"quantity": 100},
    "basket_distinct": {"count": 2},
    "bundle": {"items": ITEMS},
    "coupon": {"codes": ["spring"]},
    "tender": {"kinds": ["card", "gift card"]},
    "stores": {"codes": ["S1", "S2"]},
    "store_groups": {"codes": ["north"]},
    "channels": {"codes": ["online"]},
    "schedule": {"weekdays": [1, 7], **TIMES, "first_day": "2026-01-02"},
    "card": {"shown": False},
    "tags": {"codes": ["vip"]},
    "segments": {"codes": ["asleep"]},
    "tiers": {"codes": ["gold"]},
    "age": {"from_years": 18},
    "birthday": {"days_before": 3, "leap_day": "03-01"},
    "enrolled": {"min_days": 0, "max_days": 30},
    "nth_purchase": {"numbers": [1, 2]},
    "last_purchase": {"max_days": 14},
    "first_of_category": {"codes": ["tea"]},
    "window": {"metric": "spend", "period": "month", "at_least": 10_000, "at_most": 20_050},
}
COUNTED = {"count": 2, "per": "amount", "per_minor": 1000}
EFFECTS = {
    "fixed_price": {"price_minor": 0},
    "price_list": {"code": "club"},
    "percent_off": {"basis_points": 1, "phase": "basket"},
    "amount_off": {"amount_minor": 5},
    "amount_off_each": {"amount_minor": 3},
    "tiered_off": {"by": "amount", "steps": [{"start": 5000, "off": PERCENT}]},
    "cumulative_off": {"days": 365, "steps": [{"at_least_minor": 100_00, "basis_points": 300}]},
    "pieces_off": {"pick": "every", "of": 3, "take": 2, "off": {"kind": "free"}, "max_times": 1},
    "set_price": {"quantity": 3, "price_minor": 1000},
    "bundle_off": {"items": ITEMS, "off": {"kind": "amount", "amount_minor": 150}},
    "buy_get": {"buy": 1, "goods": SELECTOR, "off": {"kind": "price", "price_minor": 1}},
    "earn_rate": {
        "points": 1, "per_minor": 100, "scope": "line", "rounding": "carry", "whole_steps": True,
        "tiers": [{"from_minor": 500, "points": 7}],
    },
    "earn_items": {"points": 2, "phase": "bonus", "scope": "line"},
    "cashback": {"basis_points": 550, "scope": "line"},
    "multiply_points": {"tenths": 15},
    "fixed_points": {"points": 50},
    "tiered_points": {"by": "quantity", "steps": [{"start": 2, "points": 5}]},
    "gift": {"skus": ["mug", "pen"], **COUNTED},
    "free_delivery": {},
    "stamps": {"code": "coffee", "per": "item"},
    "next_coupon": {"code": "back", "valid_days": 30},
    "draw_tickets": {"code": "car", **COUNTED},
    "game_plays": {"code": "wheel"},
    "tag": {"code": "fan", "valid_days": 10},
    "charity": {"code": "forest", "basis_points": 100},
    "message": {"to": "receipt", "text": {"en": "Thank you", "de": "Danke"}},
}  # fmt: skip


def condition(kind):
    return {"kind": kind, **CONDITIONS[kind]}


def effect(kind):
    return {"kind": kind, **EFFECTS[kind]}


class Browser(HTMLParser):
    """What a browser would send of the page's form, and the texts beside its fields."""

    def __init__(self, page):
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.texts: dict[str, str] = {}
        self.buttons: list[str] = []
        self._inside = False
        self._select = self._textarea = self._id = None
        self._options: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form" and given.get("id") == "builder":
            self._inside = True
        if given.get("id"):
            self._id = given["id"]
            self.texts.setdefault(self._id, "")
        if not self._inside:
            return
        if tag == "input" and given.get("name"):
            self._input(given)
        elif tag == "button":
            self.buttons.append(given.get("value", ""))
        elif tag == "select":
            self._select, self._options = given["name"], []
        elif tag == "option" and self._select:
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._textarea = given["name"]
            self.sent.setdefault(self._textarea, []).append("")

    def _input(self, given):
        if given.get("type") != "checkbox" or "checked" in given:
            self.sent.setdefault(given["name"], []).append(given.get("value", ""))

    def handle_endtag(self, tag):
        if tag == "select" and self._select:
            chosen = [value for value, is_chosen in self._options if is_chosen]
            first = [value for value, _ in self._options[:1]]
            self.sent[self._select] = chosen or first
            self._select = None
        elif tag == "textarea":
            self._textarea = None
        elif tag == "form":
            self._inside = False
        elif tag in {"p", "div"}:
            self._id = None

    def handle_data(self, data):
        if self._textarea:
            self.sent[self._textarea][-1] += data
        elif self._id:
            self.texts[self._id] += data.strip()

    def but(self, **changes):
        """The same with other values; dots are written as double underscores."""
        return {**self.sent, **{name.replace("__", "."): text for name, text in changes.items()}}


BUILD = "/admin/rewards/promotion/build/"


def opened(desk, address=BUILD):
    answer = desk.get(address)
    assert answer.status_code == 200, answer.status_code
    return Browser(answer.content.decode())


def pressed(desk, page, button, address=BUILD, **changes):
    """The page after a button, as a browser without scripts sees it."""
    answer = desk.post(address, {**page.but(**changes), "do": button})
    return Browser(answer.content.decode())


def blank(**fields):
    """The smallest form: one effect, 10 % off."""
    return {
        "key": str(uuid.uuid4()), "do": "save", "about.name": "Ten off", "about.priority": "100",
        "d.effects.0.kind": "percent_off", "d.effects.0.basis_points": "10",
        "d.effects.0.phase": "line",
        **{name.replace("__", "."): text for name, text in fields.items()},
    }  # fmt: skip
