"""``manage.py rebuild_challenges``: count every challenge anew from the receipts."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rewards.models import Challenge
from rewards.services.challenges.rebuilding import find_wrong, rebuild


class Command(BaseCommand):
    help = "Count every challenge in use anew, and put right what differs, with its rewards."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Change nothing; fail when something differs."
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        total = 0
        for challenge in Challenge.objects.running().select_related("programme"):
            wrong = len(find_wrong(challenge)) if check else rebuild(challenge)
            total += wrong
            self.stdout.write(f"{wrong:>8}  {challenge.code}")
        if check and total:
            raise CommandError("The counters do not say what the receipts say.", returncode=1)
