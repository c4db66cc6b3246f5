"""``manage.py audit_limits``: prove the counters of limits now."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rewards.services.limits.audit import CHECKS, audit_limits

SHOWN = 10


class Command(BaseCommand):
    help = "Compare every counter of a limit with its moves and holds. Changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = audit_limits()
        for name in CHECKS:
            mine = [one for one in findings if one.check == name]
            self.stdout.write(f"{len(mine):>8}  {name}")
            for one in mine[:SHOWN]:
                self.stdout.write(f"    counter {one.counter}: {json.dumps(one.detail)}")
        if findings:
            raise CommandError("The counters do not agree.", returncode=1)
