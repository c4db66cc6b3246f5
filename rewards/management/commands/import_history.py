"""Load receipts of the past, with the points they earn."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from tqdm import tqdm

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import DomainError
from members.imports.mapping import load_mapping
from members.imports.source import HistoryFile, Selection
from rewards.models import Programme
from rewards.services.history import Outcome, import_history, unfinished_run
from rewards.services.programmes import default_programme

WEEK = timedelta(days=7)


class Command(BaseCommand):
    help = "Read receipts with lines from CSV or Parquet and post their points (docs/import.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("file", nargs="?", help="CSV or Parquet; left out when the mapping names its file")
        add(
            "--mapping",
            required=True,
            help="name of a ready mapping, or path of a TOML or JSON file",
        )
        add("--lines", type=Path, help="file with the lines, when FILE holds the receipts alone")
        add("--dry-run", action="store_true", help="check and count everything, write nothing")
        add("--errors", type=Path, help="CSV file for what could not be taken, line by line")
        add("--resume", action="store_true", help="go on where a run of this file stopped")
        add("--programme", default="", help="code of the programme; it must be the default one")
        add("--shift-to-today", action="store_true",
            help="move all times by whole weeks, up to the last seven days")  # fmt: skip
        add(
            "--sample", type=share, metavar="SHARE", help="take a share of the members, such as 0.1"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._check_programme(options["programme"])
            with ended_like_interrupted():
                outcome = self._import(options)
        except DomainError as refusal:
            raise CommandError(told(refusal)) from refusal
        except KeyboardInterrupt:
            raise CommandError(
                _("Stopped. Run it again with --resume to go on."), returncode=130
            ) from None
        self._report(outcome, options)

    def _check_programme(self, code: str) -> None:
        if code and default_programme().code != code:
            known = ", ".join(Programme.objects.values_list("code", flat=True))
            raise CommandError(_("Only the default programme takes receipts; known: %s") % known)

    def _import(self, options: dict[str, Any]) -> Outcome:
        file = open_history(options)
        job = unfinished_run(file) if options["resume"] else None
        if options["resume"] and job is None:
            raise CommandError(_("There is no unfinished import of this file with this mapping."))
        if job:
            # Another day would shift the rest otherwise than what is there.
            file.shift = timedelta(days=job.params["shift_days"])
        quiet = options["verbosity"] == 0 or not self.stderr.isatty()
        with tqdm(total=file.total, unit=" lines", disable=quiet) as bar:
            return import_history(
                file=file,
                errors=options["errors"],
                dry_run=options["dry_run"],
                resume=job,
                progress=lambda line: bar.update(line - bar.n),
                actor=SYSTEM,
            )

    def _report(self, outcome: Outcome, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            self.stdout.write(_("Dry run: nothing was written."))
        for name in sorted(outcome.counts):
            self.stdout.write(f"{name:>24} {outcome.counts[name]:>14,}")
        if outcome.counts["errors"] and not options["errors"]:
            self.stdout.write(_("Name a file with --errors to see which lines, and why."))


@contextmanager
def ended_like_interrupted() -> Iterator[None]:
    """SIGTERM stops an import as Ctrl-C does: between two transactions, and resumable."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def open_history(options: dict[str, Any]) -> HistoryFile:
    mapping = load_mapping(options["mapping"])
    path = Path(options["file"]) if options["file"] else mapping.source.path
    if path is None:
        raise CommandError(_("Name the file: the mapping does not."))
    for one in filter(None, (path, options["lines"])):
        if not one.is_file():
            raise CommandError(_("There is no file %s") % one)
    file = HistoryFile(
        mapping, path, options["lines"], selection=Selection(share=options["sample"])
    )
    if options["shift_to_today"]:
        file.shift = weeks_to(file)
    return file


def weeks_to(file: HistoryFile) -> timedelta:
    """Whole weeks, so that a Saturday stays one, and none of the receipts comes to lie ahead."""
    last = file.last_moment()
    return (clock.now() - last) // WEEK * WEEK if last else timedelta()


def share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError(text)
    return value


def told(refusal: DomainError) -> str:
    """The refusal with all that is known of it, for a terminal."""
    detail = dict(refusal.detail)
    faults = detail.pop("errors", [])
    lines = [refusal.message, *(f"  {name}: {value}" for name, value in detail.items())]
    if isinstance(faults, list):
        lines += [f"  {fault['field']}: {fault['expected']}" for fault in faults]
    return "\n".join(lines)
