"""``manage.py rebuild_rollups``: count the programme's side of the books anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from rewards.models import DailyRollup
from rewards.services.rollups import rebuild_rollups


class Command(BaseCommand):
    help = "Throw the daily roll-up of the ledger away and count it again from the entries."

    def handle(self, *args: Any, **options: Any) -> None:
        rebuild_rollups()
        self.stdout.write(f"{DailyRollup.objects.count()} rows of the daily roll-up")
