"""The worker's and the scheduler's way in. Each app names its own schedule in ``tasks.py``."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from celery import Celery
from django.apps import apps
from django.conf import settings
from django.utils.module_loading import module_has_submodule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_crm.settings")

app = Celery("loyalty_crm")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.task(name="loyalty_crm.heartbeat")
def heartbeat() -> None:
    """From the scheduler through the broker to a worker: the supervisor waits for this file."""
    (settings.DATA_DIR / "heartbeat").touch()


@app.on_after_finalize.connect
def gather_schedules(sender: Celery, **_kwargs: object) -> None:
    """Collect ``BEAT_SCHEDULE`` of every app's tasks: the schedule stands beside what it starts."""
    sender.conf.beat_schedule = {
        "heartbeat": {"task": "loyalty_crm.heartbeat", "schedule": 10.0},
        **schedules(),
    }


def schedules() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for config in apps.get_app_configs():
        if module_has_submodule(config.module, "tasks"):
            tasks = import_module(f"{config.name}.tasks")
            found.update(getattr(tasks, "BEAT_SCHEDULE", {}))
    return found
