"""Promotions, stacking groups and settings as files: export, diff, plan, apply."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import DomainError
from rewards.services.config import (
    Change,
    Plan,
    apply_files,
    export_files,
    file_texts,
    plan_files,
)
from rewards.services.config.shapes import MOST_FILES
from rewards.services.programmes import default_programme

FOLDERS = ("groups", "promotions")
MOST_BYTES = 512 * 1024


class Command(BaseCommand):
    help = "Promotions, groups and settings as files (docs/config-files.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, about in (
            ("export", "write the files; those of what is gone are removed"),
            ("diff", "list files that differ; ends with 1 when there are any"),
            ("plan", "say what applying would change; writes nothing"),
            ("apply", "change the shop to what the files say"),
        ):
            one = verbs.add_parser(verb, help=about)
            one.add_argument("folder", type=Path)
            if verb in ("plan", "apply"):
                one.add_argument(
                    "--drafts", action="store_true",
                    help="write new wordings as drafts and touch nothing that runs",
                )  # fmt: skip
            if verb == "apply":
                one.add_argument("--yes", action="store_true", help="do not ask")
                one.add_argument(
                    "--plan", default="", help="apply only if the plan has this digest"
                )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options["folder"], options)
        except DomainError as refusal:
            raise CommandError(told(refusal)) from refusal

    def _export(self, folder: Path, _options: dict[str, Any]) -> None:
        texts = file_texts(export_files(default_programme()))
        for path in set(_paths(folder)) - texts.keys():
            (folder / path).unlink()
        for path, text in texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
        self.stdout.write(_("%(count)s files written.") % {"count": len(texts)})

    def _diff(self, folder: Path, _options: dict[str, Any]) -> None:
        there = {path: (folder / path).read_bytes() for path in _paths(folder)}
        shop = file_texts(export_files(default_programme()))
        for path in sorted(there.keys() | shop.keys()):
            if there.get(path) != shop.get(path):
                sign = "+" if path not in shop else "-" if path not in there else "~"
                self.stdout.write(f"{sign} {path}")
        if there != shop:
            raise CommandError(_("The files and the shop differ."), returncode=1)
        self.stdout.write(_("The files say what the shop is."))

    def _plan(self, folder: Path, options: dict[str, Any]) -> None:
        self._tell(plan_files(_read(folder), as_drafts=options["drafts"]))

    def _apply(self, folder: Path, options: dict[str, Any]) -> None:
        files, drafts = _read(folder), options["drafts"]
        plan = plan_files(files, as_drafts=drafts)
        self._tell(plan)
        if not plan.changes:
            return
        if not options["yes"] and input(_("Apply? [y/N] ")).strip().lower() not in ("y", "yes"):
            raise CommandError(_("Nothing was changed."))
        digest = options["plan"] or plan.digest
        apply_files(files, digest=digest, as_drafts=drafts, actor=SYSTEM)
        self.stdout.write(_("Applied."))

    def _tell(self, plan: Plan) -> None:
        for change in plan.changes:
            for line in _lines(change):
                self.stdout.write(line)
        for code in plan.untouched:
            self.stdout.write(
                _("= promotion %(code)s stands in no file and stays") % {"code": code}
            )
        if not plan.changes:
            self.stdout.write(_("Nothing to change."))
        self.stdout.write(_("Plan %(digest)s") % {"digest": plan.digest})


def _lines(change: Change) -> Iterator[str]:
    signs = {"create": "+", "change": "~", "pause": "!", "resume": "~", "end": "-"}
    yield f"{signs[change.kind]} {change.kind} {change.what} {change.code}"
    yield from (f"    {said}" for said in change.says)
    yield from (f"    ! {said}" for said in change.warnings)


def _paths(folder: Path) -> Iterator[str]:
    """JSON files at the places where configuration stands; other files are not looked at."""
    found = [*folder.glob("*.json"), *(p for f in FOLDERS for p in (folder / f).glob("*.json"))]
    if len(found) > MOST_FILES:
        raise CommandError(_("More than %(most)s files.") % {"most": MOST_FILES})
    yield from (path.relative_to(folder).as_posix() for path in found)


def _read(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise CommandError(_("There is no folder %(folder)s.") % {"folder": folder})
    return {path: _document(folder / path, path) for path in sorted(_paths(folder))}


def _document(file: Path, path: str) -> Any:
    if file.stat().st_size > MOST_BYTES:
        raise CommandError(f"{path}: " + _("larger than 512 KiB"))
    try:
        return json.loads(file.read_text("utf-8"), object_pairs_hook=_once)
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError(_("a key stands twice in one object"))
    return found


def told(refusal: DomainError) -> str:
    """A refusal for a terminal: each fault with its file and place."""
    faults: Any = refusal.detail.get("errors", [])
    lines = [f"{_place(one['pointer'])}: {_fault(one)}" for one in faults]
    return "\n".join([refusal.message, *lines])


def _place(pointer: str) -> str:
    """``/files/promotions~1tea.json/definition`` as ``promotions/tea.json /definition``."""
    file, _slash, inside = pointer.removeprefix("/files/").partition("/")
    return f"{file.replace('~1', '/').replace('~0', '~')} /{inside}"


def _fault(one: dict[str, Any]) -> str:
    params = ", ".join(f"{name} {value}" for name, value in one.get("params", {}).items())
    said = one.get("detail") or one["code"]
    return f"{said} ({params})" if params else str(said)
