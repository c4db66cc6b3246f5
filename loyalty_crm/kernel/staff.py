"""The roles of the staff: one file says who may do what, every ``migrate`` makes it so."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps as installed_apps
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.apps import AppConfig
    from django.apps.registry import Apps
    from django.contrib.auth.models import User

MATRIX = Path(__file__).with_name("staff.toml")


@cache
def matrix() -> dict[str, Any]:
    return tomllib.loads(MATRIX.read_text())


def roles() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = matrix()["roles"]
    return found


def give_role(*, user: User, role: str) -> None:
    """Let somebody work as one role and no other; it also decides whether the admin opens."""
    user.is_staff = roles()[role]["opens_admin"]
    user.save(update_fields=["is_staff"])
    groups = user.groups.model.objects
    user.groups.set([groups.get_or_create(name=role)[0]])


def sync_roles(app_config: AppConfig, apps: Apps = installed_apps, **_kwargs: object) -> None:
    """After an app's migration: its special permissions, and each role's share of its permissions.

    Takes the models of the signal, because this file is read before there are any.
    After a ``flush`` the signal hands none over: then it is today's models.
    """
    app = app_config.label
    _declare(app, apps)
    known = list(apps.get_model("auth", "Permission").objects.filter(content_type__app_label=app))
    for name, role in roles().items():
        group = apps.get_model("auth", "Group").objects.get_or_create(name=name)[0]
        held = set(group.permissions.filter(content_type__app_label=app))
        due = {one for one in known if _is_granted(f"{app}.{one.codename}", role["grants"])}
        group.permissions.remove(*held - due)
        group.permissions.add(*due - held)


def _is_granted(code: str, masks: list[str]) -> bool:
    return any(fnmatchcase(code, mask) for mask in masks)


def _declare(app: str, apps: Apps) -> None:
    for code, permission in matrix()["permissions"].items():
        owner, codename = code.split(".")
        if owner == app:
            nouns = apps.get_model("contenttypes", "ContentType").objects
            apps.get_model("auth", "Permission").objects.update_or_create(
                codename=codename,
                content_type=nouns.get(app_label=app, model=permission["on"]),
                defaults={"name": permission["title"]},
            )


def names_of(labels: Iterable[str]) -> dict[str, str]:
    """What to call the actors of a trail or ledger, by label, with at most one query.

    Staff by their log-in; an integration or the system by its label without the prefix.
    """
    wanted = set(labels)
    keys = {label: label.removeprefix("user:") for label in wanted if label.startswith("user:")}
    ids = [int(key) for key in keys.values() if key.isdecimal()]
    users = get_user_model().objects.in_bulk(ids) if ids else {}
    named = {f"user:{pk}": user.get_username() for pk, user in users.items()}
    named["system:system"] = _("system")
    return {label: named.get(label, label.partition(":")[2] or label) for label in wanted}
