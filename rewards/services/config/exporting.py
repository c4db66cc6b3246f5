"""The state of the shop as documents, and documents as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, Value, When

from loyalty_crm.kernel import clock
from members.models import PriceList, ProductList, StoreGroup, Tag
from rewards.models import Programme, Promotion, PromotionVersion, StackingGroup
from rewards.models.promotions import STATES
from rewards.services.config.shapes import NAMES, PROGRAMME
from rewards.services.programmes import CHANGEABLE

State = PromotionVersion.State


def export_files(programme: Programme) -> dict[str, Any]:
    """Path → document, for everything but promotions that are over. Six queries."""
    files: dict[str, Any] = {PROGRAMME: programme_document(programme), NAMES: _names()}
    for group in StackingGroup.objects.filter(programme=programme):
        files[f"groups/{group.code}.json"] = {
            "code": group.code, "name": group.name, "mode": group.mode, "n": group.n,
        }  # fmt: skip
    for promotion, version in in_force(programme):
        if version and version.state_at(clock.now()) != State.ENDED:
            files[f"promotions/{promotion.code}.json"] = _promotion(promotion, version)
    return dict(sorted(files.items()))


def file_texts(files: Mapping[str, Any]) -> dict[str, bytes]:
    """Path → bytes: keys in order, two spaces, a line break at the end."""
    return {
        path: (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
        for path, document in files.items()
    }


def programme_document(programme: Programme) -> dict[str, Any]:
    return {
        "code": programme.code,
        "currency": programme.currency,
        "points_scale": programme.points_scale,
        "settings": {name: getattr(programme, name) for name in CHANGEABLE},
    }


def in_force(programme: Programme) -> list[tuple[Promotion, PromotionVersion | None]]:
    """Promotions by code with the version that matters most; the newest of equal ones."""
    promotions = Promotion.objects.filter(programme=programme).order_by("code")
    ranks = [When(state=state, then=Value(rank)) for rank, state in enumerate(STATES)]
    rows = PromotionVersion.objects.filter(promotion__programme=programme)
    first = rows.order_by("promotion_id", Case(*ranks), "-number").distinct("promotion_id")
    found = {version.promotion_id: version for version in first}
    return [(promotion, found.get(promotion.pk)) for promotion in promotions]


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _promotion(promotion: Promotion, version: PromotionVersion) -> dict[str, Any]:
    state = version.state_at(clock.now())
    document: dict[str, Any] = {
        "code": promotion.code,
        "name": promotion.name,
        "state": state,
        "priority": version.priority,
        "definition": version.definition,
    }
    if state == State.SCHEDULED and version.starts_at:
        document["starts_at"] = written(version.starts_at)
    if state in (State.SCHEDULED, State.LIVE) and version.ends_at:
        document["ends_at"] = written(version.ends_at)
    if state in (State.LIVE, State.PAUSED) and version.starts_at is None:
        document["since_ever"] = True
    return document


def _names() -> dict[str, Any]:
    return {
        "product_lists": _coded(ProductList.objects.values_list("code", "name")),
        "price_lists": _coded(PriceList.objects.values_list("code", "name")),
        "store_groups": _coded(StoreGroup.objects.values_list("code", "name")),
        "tags": _coded(Tag.objects.values_list("code", "name")),
    }


def _coded(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict(rows)
