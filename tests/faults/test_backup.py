"""What docs/operators.md says of backup and restore, done."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from loyalty_crm import embedded_postgres
from tests.faults.supervisor import Supervisor
from tests.live import ROOT

pytestmark = pytest.mark.faults


def test_a_restored_shop_is_the_shop_of_the_backup(tmp_path):
    tmp_path.chmod(0o755)
    environment = Supervisor(tmp_path).whole_environment()
    dump = tmp_path / "shop.dump"

    def python(*command):
        subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, check=True)

    def groups():
        embedded_postgres.ensure_running(tmp_path)
        try:
            with psycopg.connect(embedded_postgres.dsns(tmp_path).app) as session:
                found = session.execute("SELECT name FROM auth_group WHERE name LIKE 'of %'")
                return [name for (name,) in found.fetchall()]
        finally:
            embedded_postgres.release(tmp_path)

    def add(name):
        python(
            "manage.py",
            "shell",
            "-c",
            f"from django.contrib.auth.models import Group as G; G.objects.create(name={name!r})",
        )

    python("manage.py", "migrate", "--verbosity", "0")
    add("of before")
    python("deploy/database.py", "backup", str(dump))
    add("of after")

    python("deploy/database.py", "restore", str(dump))

    assert groups() == ["of before"]
