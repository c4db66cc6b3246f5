from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest

from loyalty_crm.kernel import api_keys, jobs
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.jobs import JobLost
from loyalty_crm.kernel.models import Job
from tests.concurrency import race

pytestmark = pytest.mark.django_db


def enqueue(kind: str = "import") -> Job:
    return jobs.enqueue(kind=kind, params={"file": "a.csv"}, total=10, actor=SYSTEM)


def test_a_job_runs_from_its_queue_to_its_end():
    enqueue("export")
    enqueue()

    job = jobs.claim("import")
    assert job is not None
    jobs.advance(job, done=4, checkpoint={"line": 4})
    jobs.finish(job, result={"created": 10})

    job.refresh_from_db()
    assert (job.state, job.done, job.checkpoint) == ("succeeded", 4, {"line": 4})
    assert job.finished_at
    assert jobs.claim("import") is None


def test_the_oldest_goes_first():
    first, second = enqueue(), enqueue()

    assert [jobs.claim("import"), jobs.claim("import")] == [first, second]


def test_a_job_whose_worker_died_is_taken_over_at_its_checkpoint():
    enqueue()
    dead = jobs.claim("import")
    assert dead is not None
    jobs.advance(dead, done=4, checkpoint={"line": 4})
    assert jobs.claim("import") is None
    Job.objects.update(heartbeat_at=now() - jobs.SILENCE - timedelta(seconds=1))

    successor = jobs.claim("import")

    assert successor is not None
    assert successor.checkpoint == {"line": 4}
    with pytest.raises(JobLost):
        jobs.advance(dead, done=5, checkpoint={"line": 5})
    with pytest.raises(JobLost):
        jobs.finish(dead)
    jobs.finish(successor)


def test_a_cancelled_job_stops_at_its_next_step():
    enqueue()
    job = jobs.claim("import")
    assert job is not None

    assert jobs.cancel(job)
    assert not jobs.cancel(job)

    with pytest.raises(JobLost):
        jobs.advance(job, done=1, checkpoint={})


def test_a_failure_is_told():
    enqueue()
    job = jobs.claim("import")
    assert job is not None

    jobs.fail(job, error="line 3 is empty")

    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "line 3 is empty")


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_takes_the_job():
    enqueue()

    result = race([partial(jobs.claim, "import")] * 8)

    assert not result.errors
    assert sum(job is not None for job in result.results) == 1


@pytest.mark.django_db(transaction=True)
def test_negative_control_without_the_lock_several_take_it(monkeypatch):
    enqueue()
    together = threading.Barrier(2, timeout=5)
    first = type(Job.objects.all()).first

    def first_then_meet(rows):
        found = first(rows)
        together.wait()
        return found

    monkeypatch.setattr("loyalty_crm.kernel.models.jobs.JobQuerySet.first", first_then_meet)
    monkeypatch.setattr("django.db.models.QuerySet.select_for_update", lambda rows, **_: rows.all())

    result = race([partial(jobs.claim, "import")] * 2)

    assert sum(job is not None for job in result.results) == 2


def test_an_integration_sees_its_own_jobs_alone(api):
    mine, other = api("bulk:run"), api("bulk:run")
    caller = api_keys.authenticate(mine.token)
    assert caller is not None
    job = jobs.enqueue(kind="import", params={"secret": 1}, total=10, actor=caller.actor)
    address = f"/api/v1/jobs/{job.public_id}"

    seen = mine.get(address)

    assert seen.json()["state"] == "queued"
    assert "secret" not in seen.content.decode()
    assert other.get(address).json()["code"] == "not_found"
    assert api("sales:read").get(address).json()["code"] == "forbidden_scope"
    assert mine.get("/api/v1/jobs/1").status_code == 404
