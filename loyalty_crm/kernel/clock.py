"""The one reader of the wall clock. A door reads it once and passes the moment on."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    return timezone.now()
