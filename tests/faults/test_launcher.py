"""``make run``: start, stop, killed in every way, and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path

import psutil
import pytest

from tests.faults.supervisor import Supervisor
from tests.live import ROOT

pytestmark = pytest.mark.faults


@pytest.fixture
def data_dir():
    """Short and open to other accounts; pytest's own folders are neither."""
    folder = Path(tempfile.mkdtemp(prefix="shop-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def shop(data_dir):
    supervisor = Supervisor(data_dir)
    yield supervisor
    supervisor.clean_up()


def test_opens_answers_and_leaves_nobody_behind_on_ctrl_c(shop):
    shop.open()

    assert shop.is_ready()
    assert f"http://localhost:{shop.port}/admin/" in shop.said
    assert shop.interrupt() == 0
    assert "Closed." in shop.said
    assert shop.leftovers() == []


def test_a_second_start_says_where_the_first_one_runs(shop):
    shop.open()
    second = Supervisor(shop.data_dir, port=shop.port + 1).start()

    assert second.ended() == 0
    assert f"already running at http://localhost:{shop.port}" in second.said
    assert shop.is_ready()


def test_a_taken_port_is_told_with_the_way_out(shop):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", shop.port))
        taken.listen()
        shop.start()

        assert shop.ended() == 2
    assert f"port {shop.port}" in shop.said
    assert f"make run PORT={shop.port + 1}" in shop.said
    assert shop.leftovers() == []


def test_recovers_from_a_killed_supervisor_and_keeps_the_data(shop):
    """The programs it left behind are ended, the database they shared is taken over."""
    shop.open()
    with shop.database() as session:
        session.execute("INSERT INTO auth_group (name) VALUES ('kept')")
    orphans, postmaster = shop.children(), shop.postmaster()
    shop.kill()
    assert all(psutil.pid_exists(pid) for pid in orphans)

    shop.open()

    assert not any(psutil.pid_exists(pid) for pid in orphans)
    assert shop.postmaster() == postmaster
    with shop.database() as session:
        assert session.execute("SELECT 1 FROM auth_group WHERE name = 'kept'").fetchone()
    assert shop.interrupt() == 0
    assert shop.leftovers() == []


def test_recovers_from_a_power_cut(shop):
    """Everything is killed at once, and the dead server's number is given to somebody else."""
    shop.open()
    with shop.database() as session:
        session.execute("INSERT INTO auth_group (name) VALUES ('kept')")
    pid_file = shop.data_dir / "postgres" / "data" / "postmaster.pid"
    every = [shop.process.pid, *shop.children(), shop.postmaster()]
    families = [psutil.Process(pid).children(recursive=True) for pid in every]
    for process in [*map(psutil.Process, every), *chain.from_iterable(families)]:
        if process.is_running():
            process.send_signal(signal.SIGKILL)
    shop.ended()
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    shop.open()

    with shop.database() as session:
        assert session.execute("SELECT 1 FROM auth_group WHERE name = 'kept'").fetchone()


def test_programs_that_die_are_started_again(shop):
    shop.open()
    heartbeat, before = shop.data_dir / "heartbeat", shop.children()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    heartbeat.unlink(missing_ok=True)

    shop.wait_for(lambda: not set(before) & set(shop.children()), "not all were replaced")
    shop.wait_for(shop.is_ready, "the web server did not come back")
    shop.wait_for(heartbeat.exists, "no task came through after the worker's death")

    assert shop.said.count("starting it again") == 3


def test_a_dead_database_server_is_started_again(shop):
    shop.open()
    dead = shop.postmaster()
    os.kill(dead, signal.SIGKILL)

    shop.wait_for(lambda: "database server has died" in shop.said, "nobody noticed")
    shop.wait_for(lambda: shop.is_ready() and shop.postmaster() != dead, "it did not come back")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_runs_as_an_ordinary_user(shop):
    nobody = pwd.getpwnam("nobody")
    os.chown(shop.data_dir, nobody.pw_uid, nobody.pw_gid)
    shop.account = as_user(nobody)
    shop.command = [interpreter_of(nobody), "-m", "loyalty_crm.launcher"]
    shop.environment = {"HOME": "/nonexistent", "PYTHONPATH": site_packages()}
    shop.open()

    owners = {psutil.Process(pid).username() for pid in [*shop.children(), shop.postmaster()]}

    assert owners == {"nobody"}
    assert shop.interrupt() == 0
    assert shop.leftovers() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets folders that are closed to others")
def test_root_runs_in_a_folder_that_is_closed_to_everybody_else(shop):
    closed = shop.data_dir / "closed"
    closed.mkdir(mode=0o700)
    inner = Supervisor(closed / "data", port=shop.port)
    try:
        inner.open()

        assert (inner.data_dir / "postgres").is_symlink()
        assert psutil.Process(inner.postmaster()).username() == "nobody"
        assert inner.interrupt() == 0
    finally:
        inner.clean_up()
        shutil.rmtree((inner.data_dir / "postgres").resolve())


def as_user(who):
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def interpreter_of(who):
    """A Python of our version that the user may run: ours may lie in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}"):
        with contextlib.suppress(PermissionError):
            subprocess.run([python, "-c", ""], cwd=ROOT, check=True, **as_user(who))
            return python
    pytest.skip(f"{who.pw_name} can run no {version} here")


def site_packages():
    return next(path for path in sys.path if path.endswith("site-packages"))
