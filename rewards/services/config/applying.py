"""Carry out a plan: everything in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from msgspec import UNSET

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import ConflictVersion
from members.services.assortment import name_price_list, name_product_list
from members.services.groups import name_store_group, name_tag
from rewards.models import Programme, Promotion, PromotionVersion, StackingGroup
from rewards.services import promotions
from rewards.services.config.planning import Change, Plan, plan_files
from rewards.services.config.shapes import PromotionFile, Wanted, read
from rewards.services.programmes import create_programme, default_or_none, update_programme
from rewards.services.stacking_groups import change_group, create_group

REVIEW = "promotions_need_review"
_NAMING = {
    "product_list": name_product_list,
    "price_list": name_price_list,
    "store_group": name_store_group,
    "tag": name_tag,
}


@transaction.atomic
def apply_files(
    files: Mapping[str, Any], *, digest: str, as_drafts: bool = False, actor: Actor
) -> Plan:
    """Do what ``plan_files`` has said; ``ConflictVersion`` when the shop has changed since.

    Locks the programme, its groups and its promotions, so that nobody changes them
    between the proof and the work. A repeat plans nothing and does nothing.
    """
    _lock()
    plan = plan_files(files, as_drafts=as_drafts)
    if plan.digest != digest:
        raise ConflictVersion(_("The shop or the files have changed since the plan"))
    wanted = read(files)
    programme = _programme(wanted, actor)
    for change in plan.changes:
        if change.what == "group":
            _group(programme, wanted, change, actor)
        elif change.what == "promotion":
            _promotion(programme, wanted.promotions[change.code], change.steps, actor)
        elif change.what in _NAMING:
            _NAMING[change.what](code=change.code, name=change.says[0], actor=actor)
    # Last, so that turning the review on or off counts from the next change and not for this one.
    _settings(programme, wanted, plan, actor)
    if plan.changes:
        _trace(plan, actor)
    return plan


def _lock() -> None:
    for rows in (Programme.objects, StackingGroup.objects, Promotion.objects):
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def _programme(wanted: Wanted, actor: Actor) -> Programme:
    if found := default_or_none():
        return found
    asked = wanted.programme
    assert asked is not None, "the plan has refused this"
    fixed = {"code": asked.code, "currency": asked.currency, "points_scale": asked.points_scale}
    made = create_programme(settings={**asked.settings, **fixed, REVIEW: False})
    audit.record(
        action="programme.created", object_type="programme", object_id=made.code,
        after={**asked.settings, **fixed}, actor=actor,
    )  # fmt: skip
    return made


def _settings(programme: Programme, wanted: Wanted, plan: Plan, actor: Actor) -> None:
    if wanted.programme is None or all(one.what != "programme" for one in plan.changes):
        return
    programme.refresh_from_db()
    asked = wanted.programme.settings
    changes = {name: value for name, value in asked.items() if getattr(programme, name) != value}
    if changes:
        update_programme(
            programme=programme, changes=changes, version=programme.version, actor=actor
        )


def _group(programme: Programme, wanted: Wanted, change: Change, actor: Actor) -> None:
    asked = wanted.groups[change.code]
    said: dict[str, Any] = {"name": asked.name, "mode": asked.mode, "n": asked.n}
    if change.kind == "create":
        create_group(programme=programme, code=asked.code, **said, actor=actor)
    else:
        group = StackingGroup.objects.get(programme=programme, code=asked.code)
        change_group(group=group, changes=said, actor=actor)


def _promotion(programme: Programme, asked: PromotionFile, steps: list[str], actor: Actor) -> None:
    """The version is the one the steps make, or the one that says the same already."""
    if "create" in steps:
        promotion = promotions.create(
            programme=programme, code=asked.code, name=asked.name, actor=actor
        )
    else:
        promotion = Promotion.objects.get(programme=programme, code=asked.code)
    version = _worded(promotion, asked)
    for step in steps:
        if step == "draft":
            version = promotions.draft(
                promotion=promotion,
                definition=asked.definition,
                priority=asked.priority,
                actor=actor,
            )
        elif step != "create":
            _step(step, promotion, version, asked, actor)


def _worded(promotion: Promotion, asked: PromotionFile) -> PromotionVersion | None:
    same = promotion.versions.filter(priority=asked.priority, definition=asked.definition)
    return same.exclude(state=PromotionVersion.State.ENDED).order_by("-number").first()


def _step(
    step: str,
    promotion: Promotion,
    version: PromotionVersion | None,
    asked: PromotionFile,
    actor: Actor,
) -> None:
    ends_at = None if asked.ends_at is UNSET else asked.ends_at
    starts_at = None if asked.starts_at is UNSET else asked.starts_at
    match step:
        case "rename":
            promotions.rename(promotion=promotion, name=asked.name, actor=actor)
        case "pause":
            promotions.pause(promotion=promotion, actor=actor)
        case "resume":
            promotions.resume(promotion=promotion, actor=actor)
        case "end":
            promotions.end(promotion=promotion, actor=actor)
        case "end_at":
            promotions.end(promotion=promotion, at=ends_at, actor=actor)
    if version is None:
        return
    match step:
        case "submit":
            promotions.submit(version=version, actor=actor)
        case "withdraw":
            promotions.withdraw(version=version, actor=actor)
        case "schedule" if starts_at:
            promotions.schedule(version=version, starts_at=starts_at, ends_at=ends_at, actor=actor)
        case "live":
            begins = None if asked.since_ever else clock.now()
            promotions.go_live(version=version, starts_at=begins, ends_at=ends_at, actor=actor)


def _trace(plan: Plan, actor: Actor) -> None:
    done = [f"{one.kind} {one.what} {one.code}" for one in plan.changes]
    audit.record(
        action="config.applied",
        object_type="config",
        object_id=plan.digest,
        after={"changes": len(done), "done": done[:1000]},
        actor=actor,
    )
