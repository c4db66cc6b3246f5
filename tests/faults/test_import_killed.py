"""An import that is killed, and run again, ends where an undisturbed one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from loyalty_crm.kernel.models import Job
from members.models import Receipt
from rewards.models import Purchase
from rewards.services import rule_sets
from rewards.services.audit_ledger import audit_ledger
from tests.factories.promotions import make_programme
from tests.live import ROOT, address_of
from tests.rewards.history_tools import contents

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
SHARE = "0.02"


def start(tmp_path: Path, *options: str) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_OWNER_URL"}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "loyalty_crm.settings",
        "DATABASE_URL": address_of(str(connection.settings_dict["NAME"])),
        "DATA_DIR": str(tmp_path),
    }
    command = ["manage.py", "import_history", "--mapping", "complete_journey", "--sample", SHARE]
    with (tmp_path / "import.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *command, *options], cwd=ROOT, env=environment, stdout=log, stderr=log
        )


def wait_for_lines(process: subprocess.Popen[bytes], least: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the import ended before it was killed"
        job = Job.objects.order_by("-id").first()
        if job and job.done > least:
            return
        time.sleep(0.05)
    raise AssertionError("no progress")


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)


@pytest.mark.parametrize("again", [[], ["--resume"]], ids=["rerun", "resume"])
def test_a_killed_import_ends_in_the_state_of_an_undisturbed_one(tmp_path, again):
    make_programme()
    for done in (100_000, 600_000):
        process = start(tmp_path, *(again if done > 100_000 else []))
        wait_for_lines(process, done)
        kill(process)
        # Whatever was committed is whole: no receipt without its points.
        assert 0 < Receipt.objects.count() == Purchase.objects.count()

    assert start(tmp_path, *again).wait(300) == 0
    assert [one.check for one in audit_ledger() if one.count] == []
    disturbed = contents()

    call_command("flush", interactive=False, verbosity=0)
    rule_sets.forget()
    make_programme()
    assert start(tmp_path).wait(300) == 0
    assert contents() == disturbed
