"""``manage.py audit_ledger``: prove the books now."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from rewards.models import Wallet
from rewards.services.audit_ledger import Finding, audit_ledger

SHOWN = 10


class Command(BaseCommand):
    help = "Ask seven questions of the ledger; each answer should be zero. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wallet", metavar="ID", help="one wallet, by number or public id")
        parser.add_argument("--json", action="store_true", help="print one JSON array")

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["wallet"]
        findings = audit_ledger(wallet_number(given) if given else None)
        if options["json"]:
            found = [asdict(finding) for finding in findings]
            self.stdout.write(json.dumps(found, cls=DjangoJSONEncoder, ensure_ascii=False))
        else:
            self.show(findings)
        if any(finding.count for finding in findings):
            raise CommandError("The books do not agree.", returncode=1)

    def show(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.stdout.write(f"{finding.check}  {finding.count:>8}  {finding.title}")
            for wallet, detail in finding.found[:SHOWN]:
                self.stdout.write(f"    wallet {wallet}: {json.dumps(detail)}")


def wallet_number(given: str) -> int:
    try:
        known = {"pk": int(given)} if given.isdecimal() else {"public_id": UUID(given)}
        return Wallet.objects.values_list("pk", flat=True).get(**known)
    except (ValueError, Wallet.DoesNotExist) as error:
        raise CommandError(f"There is no wallet {given}.") from error
