"""What files would change, step by step and in words, with a proof of what it was planned on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from django.utils.translation import gettext as _
from msgspec import UNSET

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.problems import fault
from members.models import PriceList, ProductList, StoreGroup, Tag
from rewards.errors import ConfigInvalid
from rewards.models import Programme, PromotionVersion, StackingGroup
from rewards.rules import definitions
from rewards.rules.groups import Group
from rewards.rules.lint import Beside, Oddity, lint
from rewards.rules.rule_set import Rule
from rewards.services.config.exporting import in_force, written
from rewards.services.config.shapes import PromotionFile, Wanted, read
from rewards.services.config.steps import Known, promotion_steps
from rewards.services.programmes import CHANGEABLE, default_or_none
from rewards.services.promotion_warnings import in_words, missing_codes
from rewards.services.rule_sets import Compiled, compile_set

SHOWN = 40


class Change(msgspec.Struct, kw_only=True):
    """One object that files change: what happens to it, in steps and in words."""

    what: str
    code: str
    kind: str
    steps: list[str]
    says: list[str]
    warnings: list[str] = []


class Plan(msgspec.Struct, kw_only=True):
    """``digest`` proves the files and the state of the shop that this was planned on.

    ``untouched`` are promotions that run in the shop and stand in no file.
    """

    digest: str
    changes: list[Change]
    untouched: list[str]


def plan_files(files: Mapping[str, Any], *, as_drafts: bool = False) -> Plan:
    """Read the files, look at the shop, write nothing. About ten queries, however many files.

    ``as_drafts``: new wordings become drafts, and nothing that runs is touched.
    """
    wanted = read(files)
    programme = default_or_none()
    known = _known(programme)
    changes = [
        *_programme_changes(wanted, programme, as_drafts=as_drafts),
        *_name_changes(wanted),
        *_group_changes(wanted, known, as_drafts=as_drafts),
        *_promotion_changes(wanted, programme, known, as_drafts=as_drafts),
    ]
    running = [code for code, one in known.promotions.items() if _runs(one.in_force)]
    return Plan(
        digest=_digest(wanted, programme, known, as_drafts=as_drafts),
        changes=changes,
        untouched=sorted(set(running) - wanted.promotions.keys()),
    )


class _State(msgspec.Struct, kw_only=True):
    """What the shop has now."""

    groups: dict[str, StackingGroup]
    promotions: dict[str, Known]


def _known(programme: Programme | None) -> _State:
    if programme is None:
        return _State(groups={}, promotions={})
    versions: dict[int, list[PromotionVersion]] = {}
    open_ones = PromotionVersion.objects.filter(promotion__programme=programme).exclude(
        state=PromotionVersion.State.ENDED
    )
    for version in open_ones.order_by("-number"):
        versions.setdefault(version.promotion_id, []).append(version)
    groups = StackingGroup.objects.filter(programme=programme)
    return _State(
        groups={group.code: group for group in groups},
        promotions={
            promotion.code: Known(promotion, current, versions.get(promotion.pk, []))
            for promotion, current in in_force(programme)
        },
    )


def _digest(wanted: Wanted, programme: Programme | None, known: _State, *, as_drafts: bool) -> str:
    shop = [
        programme.version if programme else 0,
        sorted((code, group.version) for code, group in known.groups.items()),
        sorted((code, one.promotion.revision) for code, one in known.promotions.items()),
    ]
    told = msgspec.json.encode([wanted, shop, as_drafts], order="deterministic")
    return hashlib.sha256(told).hexdigest()[:32]


# The programme, names, groups


def _programme_changes(
    wanted: Wanted, programme: Programme | None, *, as_drafts: bool
) -> Iterator[Change]:
    asked = wanted.programme
    if asked is None:
        if programme is None:
            raise ConfigInvalid(errors=[fault("/files/programme.json", "required")])
        return
    unknown = sorted(asked.settings.keys() - set(CHANGEABLE))
    if unknown:
        _refuse_programme([(f"/settings/{name}", "unknown_field") for name in unknown])
    if programme is None:
        yield Change(what="programme", code=asked.code, kind="create", steps=["create"], says=[])
        return
    fixed = ("code", "currency", "points_scale")
    other = [name for name in fixed if getattr(asked, name) != getattr(programme, name)]
    if other:
        _refuse_programme([(f"/{name}", "not_changeable") for name in other])
    says = [
        f"{name}: {_shown(getattr(programme, name))} → {_shown(value)}"
        for name, value in sorted(asked.settings.items())
        if getattr(programme, name) != value
    ]
    if says and not as_drafts:
        yield Change(what="programme", code=asked.code, kind="change", steps=["change"], says=says)


def _refuse_programme(places: list[tuple[str, str]]) -> None:
    raise ConfigInvalid(
        errors=[fault(f"/files/programme.json{pointer}", code) for pointer, code in places]
    )


def _name_changes(wanted: Wanted) -> Iterator[Change]:
    if wanted.names is None:
        return
    tables: list[tuple[str, Any, dict[str, str]]] = [
        ("product_list", ProductList, wanted.names.product_lists),
        ("price_list", PriceList, wanted.names.price_lists),
        ("store_group", StoreGroup, wanted.names.store_groups),
        ("tag", Tag, wanted.names.tags),
    ]
    for what, model, names in tables:
        known = dict(model.objects.filter(code__in=names).values_list("code", "name"))
        for code, name in sorted(names.items()):
            if known.get(code) != name:
                kind = "change" if code in known else "create"
                yield Change(what=what, code=code, kind=kind, steps=["name"], says=[name])


def _group_changes(wanted: Wanted, known: _State, *, as_drafts: bool) -> Iterator[Change]:
    for code, asked in sorted(wanted.groups.items()):
        group = known.groups.get(code)
        if group is None:
            says = [f"{asked.name}: {asked.mode}"]
            yield Change(what="group", code=code, kind="create", steps=["create"], says=says)
            continue
        says = [
            f"{name}: {_shown(getattr(group, name))} → {_shown(getattr(asked, name))}"
            for name in ("name", "mode", "n")
            if getattr(group, name) != getattr(asked, name)
        ]
        if says and not as_drafts:
            yield Change(what="group", code=code, kind="change", steps=["change"], says=says)


# Promotions


def _promotion_changes(
    wanted: Wanted, programme: Programme | None, known: _State, *, as_drafts: bool
) -> Iterator[Change]:
    _check_groups(wanted, known)
    now = clock.now()
    review = bool(programme and programme.promotions_need_review)
    changed = []
    for code, asked in sorted(wanted.promotions.items()):
        one = known.promotions.get(code)
        steps = promotion_steps(asked, one, now, as_drafts=as_drafts, review=review)
        if steps:
            changed.append((asked, one, steps))
    warnings = _warnings([asked for asked, _one, _steps in changed], wanted, programme, known)
    for asked, one, steps in changed:
        yield Change(
            what="promotion",
            code=asked.code,
            kind=_kind(one, steps),
            steps=steps,
            says=_says(asked, one, steps),
            warnings=warnings.get(asked.code, []) if "draft" in steps else [],
        )


def _check_groups(wanted: Wanted, known: _State) -> None:
    there = known.groups.keys() | wanted.groups.keys()
    errors = [
        fault(
            f"/files/promotions~1{code}.json/definition/stacking/group", "unknown_group",
            group=group,
        )
        for code, asked in sorted(wanted.promotions.items())
        if (group := asked.definition.get("stacking", {}).get("group")) and group not in there
    ]  # fmt: skip
    if errors:
        raise ConfigInvalid(errors=errors)


def _kind(one: Known | None, steps: list[str]) -> str:
    if one is None:
        return "create"
    for word in ("end", "pause", "resume"):
        if word in steps:
            return word
    return "change"


def _says(asked: PromotionFile, one: Known | None, steps: list[str]) -> list[str]:
    current = one.in_force if one else None
    says = []
    if one and "rename" in steps:
        says.append(f"name: {one.promotion.name} → {asked.name}")
    if "draft" in steps:
        before: Any = (
            {"priority": current.priority, "definition": current.definition} if current else {}
        )
        after = {"priority": asked.priority, "definition": asked.definition}
        says += list(_differences(before, after))[:SHOWN]
    words = {
        "live": _("goes live at once"),
        "pause": _("is paused"),
        "resume": _("goes live again"),
        "end": _("ends now"),
        "submit": _("waits for approval"),
        "withdraw": _("is a draft again"),
    }
    says += [words[step] for step in steps if step in words]
    if "schedule" in steps and asked.starts_at is not UNSET:
        says.append(_("begins on %(day)s") % {"day": written(asked.starts_at)})
    if asked.ends_at is not UNSET and {"schedule", "live", "end_at"} & set(steps):
        says.append(_("ends on %(day)s") % {"day": written(asked.ends_at)})
    return says


def _differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Places of two documents that differ, in order: ``definition/effects/0/points: 1 → 2``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(name), after.get(name), f"{path}/{name}")
    elif isinstance(before, list) and isinstance(after, list):
        for at in range(max(len(before), len(after))):
            old, new = (row[at] if at < len(row) else None for row in (before, after))
            yield from _differences(old, new, f"{path}/{at}")
    elif before != after:
        said = _shown(after) if before is None else f"{_shown(before)} → {_shown(after)}"
        yield f"{path.removeprefix('/')}: {said}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _runs(version: PromotionVersion | None) -> bool:
    return version is not None and version.state in ("live", "scheduled")


def _warnings(
    asked: list[PromotionFile], wanted: Wanted, programme: Programme | None, known: _State
) -> dict[str, list[str]]:
    if programme is None or not asked:
        return {}
    compiled = compile_set(programme)
    rules = [_rule(one, known.promotions.get(one.code), -at) for at, one in enumerate(asked, 1)]
    missing = missing_codes(rules, programme)
    groups = dict(compiled.rules.groups)
    groups |= {code: Group(code, one.mode, one.n) for code, one in wanted.groups.items()}
    live = Beside(compiled.rules.rules)
    return {
        rule.code: [
            *_odd(rule, live, compiled, groups),
            *(in_words(one) for one in missing[rule.version_id] if not _comes(one, wanted)),
        ]
        for rule in rules
    }


def _odd(
    rule: Rule, live: Beside, compiled: Compiled, groups: Mapping[str, Group]
) -> Iterator[str]:
    for oddity in lint(rule, live, groups, compiled.rules.terms, clock.now()):
        yield in_words(oddity)


def _comes(oddity: Oddity, wanted: Wanted) -> bool:
    """Whether the code that is missing comes with the same files."""
    table, code = oddity.params["table"], oddity.params["code"]
    names = wanted.names
    coming: dict[str, Any] = {
        "promotions": wanted.promotions,
        "lists": names.product_lists if names else {},
        "price_lists": names.price_lists if names else {},
        "store_groups": names.store_groups if names else {},
        "tags": names.tags if names else {},
    }
    return code in coming.get(table, ())


def _rule(asked: PromotionFile, one: Known | None, number: int) -> Rule:
    return Rule(
        version_id=number,
        promotion_id=one.promotion.pk if one else number,
        code=asked.code,
        name=asked.name,
        number=0,
        priority=asked.priority,
        definition=definitions.parse(asked.definition),
    )
