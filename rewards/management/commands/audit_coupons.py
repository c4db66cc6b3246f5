"""``manage.py audit_coupons``: prove the counters of coupons now."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rewards.services.coupons.audit import CHECKS, audit_coupons

SHOWN = 10


class Command(BaseCommand):
    help = "Compare every counter of coupons with the history of uses. Changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = audit_coupons()
        for name in CHECKS:
            mine = [one for one in findings if one.check == name]
            self.stdout.write(f"{len(mine):>8}  {name}")
            for one in mine[:SHOWN]:
                self.stdout.write(f"    coupon {one.coupon}: {json.dumps(one.detail)}")
        if findings:
            raise CommandError("The counters do not agree.", returncode=1)
