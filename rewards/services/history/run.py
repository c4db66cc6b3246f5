"""One import from the first line to the last, or from where a run before it stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import Error, IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from loyalty_crm.kernel import clock, database, jobs
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.models import Job
from members.imports.catalogue import Catalogue
from members.imports.facts import write_facts
from members.imports.problems import ProblemFile
from members.imports.rows import Chunk
from members.imports.source import HistoryFile
from rewards.services.history.points import Points

KIND = "import_history"
ATTEMPTS = 5


@dataclass
class Outcome:
    """What an import did, or would do: a dry run counts the same."""

    counts: Counter[str] = field(default_factory=Counter)
    last_line: int = 0


class _RollBack(Exception):
    pass


def import_history(
    *,
    file: HistoryFile,
    errors: Path | None = None,
    dry_run: bool = False,
    resume: Job | None = None,
    progress: Callable[[int], object] = lambda _lines: None,
    actor: Actor,
) -> Outcome:
    """Write the file's receipts and the points they earn, chunk by chunk.

    Every chunk is one transaction with its checkpoint, so a crash never leaves a
    receipt without its points, and ``resume`` goes on after the last chunk that
    was committed. Receipts that are recorded already are left alone: the same
    file again changes nothing. A dry run does all of it in one transaction that
    is rolled back; it locks no wallet, so no till waits for it.
    """
    if dry_run:
        return _rehearse(file, errors, progress, actor)
    job = take(resume) if resume else _start(file, actor)
    with _told_how_it_ended(job):
        run = _Run(file, job, errors, actor)
        for chunk in run.chunks():
            run.commit(chunk)
            progress(run.outcome.last_line)
        run.problems.close()
        jobs.finish(job, result=dict(run.outcome.counts))
        return run.outcome


def unfinished_run(file: HistoryFile) -> Job | None:
    """The newest run of the same file with the same mapping that did not come to its end."""
    runs = Job.objects.filter(kind=KIND, params__fingerprint=file.fingerprint)
    return runs.exclude(state=Job.State.SUCCEEDED).order_by("-id").first()


def _start(file: HistoryFile, actor: Actor) -> Job:
    params = {
        "fingerprint": file.fingerprint,
        "file": file.path.name,
        "mapping": file.mapping.name,
        "shift_days": file.shift.days,
    }
    return take(jobs.enqueue(kind=KIND, params=params, total=file.total, actor=actor))


def take(job: Job) -> Job:
    """Make the run ours; should its old worker still live, it stops at its next checkpoint."""
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.RUNNING,
        worker=F("worker") + 1,
        error="",
        started_at=Now(),
        heartbeat_at=Now(),
        finished_at=None,
    )
    return Job.objects.get(pk=job.pk)


@contextmanager
def _told_how_it_ended(job: Job) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        jobs.cancel(job)
        raise
    except jobs.JobLost:
        raise
    except Exception as failure:
        jobs.fail(job, error=type(failure).__name__)
        raise


class _Run:
    """The state between chunks; all of it that matters stands in the job's checkpoint too."""

    def __init__(
        self, file: HistoryFile, job: Job | None, errors: Path | None, actor: Actor
    ) -> None:
        done: dict[str, Any] = job.checkpoint if job else {}
        self.file = file
        self.job = job
        self.outcome = Outcome(Counter(done.get("counts", {})), done.get("line", 0))
        self.problems = ProblemFile(errors, file.path.name, done.get("errors_bytes", 0))
        self.catalogue = Catalogue(file.mapping, file.tables, actor)
        self.points = Points(rehearsal=job is None, actor=actor)

    def chunks(self) -> Iterator[Chunk]:
        return self.file.chunks(clock.now(), self.outcome.last_line)

    def commit(self, chunk: Chunk) -> None:
        """One chunk, and once more when somebody else's transaction was in the way."""
        for left in reversed(range(ATTEMPTS)):
            try:
                with transaction.atomic():
                    counts, errors_bytes = self.write(chunk)
                    self._checkpoint(chunk, counts, errors_bytes)
                break
            except Error as clash:
                self.problems.cut(self._errors_bytes)
                self.catalogue.forget()
                self.points.forget()
                twin = isinstance(clash, IntegrityError)  # another import of the same receipts
                if not left or not (twin or database.is_retryable(clash)):
                    raise
        self.outcome = Outcome(counts, chunk.last_line)

    @property
    def _errors_bytes(self) -> int:
        return int(self.job.checkpoint.get("errors_bytes", 0)) if self.job else 0

    def write(self, chunk: Chunk) -> tuple[Counter[str], int]:
        written = write_facts(chunk, self.file.mapping, self.catalogue, self.file.shift)
        points = self.points.post(written)
        found = [*chunk.problems, *written.problems, *points.problems]
        problems = sorted(found, key=lambda one: (one.line, one.field))
        self.problems.write(problems)
        counts = self.outcome.counts + Counter(written.counts) + Counter(points.counts)
        for problem in problems:
            counts["errors" if problem.severity == "error" else "notes"] += 1
        return counts, self.problems.settle()

    def _checkpoint(self, chunk: Chunk, counts: Counter[str], errors_bytes: int) -> None:
        assert self.job is not None
        checkpoint = {"line": chunk.last_line, "counts": dict(counts), "errors_bytes": errors_bytes}
        jobs.advance(self.job, done=chunk.last_line, checkpoint=checkpoint)


def _rehearse(
    file: HistoryFile, errors: Path | None, progress: Callable[[int], object], actor: Actor
) -> Outcome:
    run = _Run(file, None, errors, actor)
    try:
        with transaction.atomic():
            for chunk in run.chunks():
                counts, _errors_bytes = run.write(chunk)
                run.outcome = Outcome(counts, chunk.last_line)
                progress(chunk.last_line)
            raise _RollBack
    except _RollBack:
        run.problems.close()
        return run.outcome
