"""What is odd about versions of promotions, in words: shown, never in the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.db.models import Model, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import clock
from members.models import (
    Brand,
    Category,
    PriceList,
    Product,
    ProductList,
    Segment,
    Store,
    StoreGroup,
    Tag,
)
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.rules.lint import Beside, Oddity, lint
from rewards.rules.naming import named
from rewards.rules.rule_set import Rule
from rewards.services.rule_sets import Compiled, rule_of

WORDS = {
    "window_past": _("Its time is over: it will never apply again."),
    "contradiction": _("Its conditions rule each other out: it can never apply."),
    "may_go_below_cost": _("It can sell goods below cost: set a floor."),
    "overlap": _("It meets %(with)s on the same goods, and no group says how they go together."),
    "shadowed": _("%(by)s of the same group always comes first: it never applies."),
    "unknown_group": _("The programme has no stacking group %(group)s."),
}
UNKNOWN = _("It names %(code)s, which is not among the %(table)s.")
_TABLES: dict[str, tuple[type[Model], str, str | Promise]] = {
    "products": (Product, "sku", _("products")),
    "categories": (Category, "code", _("product categories")),
    "brands": (Brand, "code", _("brands")),
    "lists": (ProductList, "code", _("product lists")),
    "price_lists": (PriceList, "code", _("price lists")),
    "stores": (Store, "code", _("stores")),
    "store_groups": (StoreGroup, "code", _("groups of stores")),
    "tags": (Tag, "code", _("tags")),
    "segments": (Segment, "code", _("segments")),
    "promotions": (Promotion, "code", _("promotions")),
}
#: Of one version so many unknown codes are named; more say nothing new.
SHOWN = 20


class Warned(msgspec.Struct, kw_only=True):
    """A warning with its stable code, what it is about, and a sentence for people."""

    code: str
    params: Mapping[str, str]
    text: str


def warnings_of(
    versions: Sequence[PromotionVersion], compiled: Compiled
) -> dict[int, list[Warned]]:
    """Version id → warnings, beside the promotions of the compiled set that run or will run.

    One query for each kind of code that the versions name, ten at most.
    """
    rules = [rule_of(version) for version in versions]
    missing = missing_codes(rules, compiled.programme)
    now = clock.now()
    running = (one for one in compiled.rules.rules if one.ends_at is None or one.ends_at > now)
    others = Beside(running)
    found: dict[int, list[Warned]] = {}
    for rule in rules:
        odd = lint(rule, others, compiled.rules.groups, compiled.rules.terms, now)
        odd += missing[rule.version_id][:SHOWN]
        found[rule.version_id] = [
            Warned(code=one.code, params=one.params, text=in_words(one)) for one in odd
        ]
    return found


def in_words(oddity: Oddity) -> str:
    if oddity.code in WORDS:
        return str(WORDS[oddity.code] % oddity.params)
    table = _TABLES[oddity.params["table"]][2]
    return str(UNKNOWN % {"code": oddity.params["code"], "table": table})


def missing_codes(rules: Iterable[Rule], programme: Programme) -> dict[int, list[Oddity]]:
    """Version id → codes that stand in no table."""
    asked = {rule.version_id: named(rule.definition) for rule in rules}
    wanted: dict[str, set[str]] = defaultdict(set)
    for tables in asked.values():
        for table, codes in tables.items():
            wanted[table] |= codes
    gone = {table: codes - _known(table, codes, programme) for table, codes in wanted.items()}
    return {
        version_id: [
            Oddity("unknown_code", {"table": table, "code": code})
            for table in sorted(tables)
            for code in sorted(tables[table] & gone[table])
        ]
        for version_id, tables in asked.items()
    }


def _known(table: str, codes: set[str], programme: Programme) -> set[str]:
    model, column, _name = _TABLES[table]
    rows: Any = QuerySet(model).filter(**{f"{column}__in": codes})
    if model is Promotion:
        rows = rows.filter(programme=programme)
    return set(rows.order_by().values_list(column, flat=True))
