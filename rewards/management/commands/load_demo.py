"""Fill the shop with the demo's data."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from tqdm import tqdm

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import DomainError
from rewards.services.demo import load_demo


class Command(BaseCommand):
    help = "Load a sample of The Complete Journey, or all of it; does nothing when it is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--full", action="store_true", help="all 155 848 receipts")

    def handle(self, *_args: Any, **options: Any) -> None:
        quiet = options["verbosity"] == 0 or not self.stderr.isatty()
        with tqdm(unit=" lines", disable=quiet) as bar:

            def progress(line: int, total: int) -> None:
                bar.total = total
                bar.update(line - bar.n)

            try:
                loaded = load_demo(
                    full=options["full"], now=clock.now(), say=self.stdout.write,
                    progress=progress, actor=SYSTEM,
                )  # fmt: skip
            except DomainError as refusal:
                detail = ", ".join(f"{name}={value}" for name, value in refusal.detail.items())
                raise CommandError(f"{refusal.message} {detail}".strip()) from refusal
        if loaded.outcome is None:
            self.stdout.write(_("The demo data is loaded already."))
            return
        counts = loaded.outcome.counts
        self.stdout.write(
            _("Demo shop: %(members)s members, %(products)s products, %(receipts)s receipts")
            % {
                "members": loaded.members,
                "products": loaded.products,
                "receipts": counts["new_receipts"] + counts["same_receipts"],
            }
        )
