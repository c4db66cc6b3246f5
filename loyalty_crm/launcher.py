"""What ``make run`` starts: database, web server, worker and scheduler, and keeps them alive.

One supervisor a data folder. Its children log into files, in sessions of their
own, so that Ctrl-C reaches the supervisor alone and it can stop them in order.
They share the lease on the embedded server: even with the supervisor killed,
nobody stops the database under them. Whoever starts next finds them in the
state file and ends them first.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil
from django.core.exceptions import ImproperlyConfigured

from loyalty_crm import embedded_postgres, env

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 90
LONGEST_PAUSE = 30.0
CALM_AFTER = 60.0
DEMO_LOGINS = ("admin", "marketer", "manager", "cashier", "analyst")
#: The first household of the demo; see rewards/services/demo/names.py.
DEMO_MEMBER = "+1 202 555 0100"
PAGES = (("admin", "/admin/"), ("till", "/till/"), ("members", "/my/"), ("API", "/api/docs/"))


class CannotStart(Exception):
    """The shop can't be opened; the message says why and what to do."""


@dataclass
class Child:
    """A program of ours that is started again when it dies, ever more slowly if it keeps dying."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 1.0
    not_before: float = 0.0

    def start(self, shop: Shop) -> None:
        log = shop.logs / f"{self.name}.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(  # noqa: S603 - commands of this file only
                self.command,
                cwd=ROOT,
                env=shop.environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=shop.lease(),
            )
        self.started = time.monotonic()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def revive(self, shop: Shop) -> None:
        """Note a death once, and start again when the pause is over."""
        now = time.monotonic()
        if self.process is not None:
            lived = now - self.started
            self.pause = 1.0 if lived > CALM_AFTER else min(self.pause * 2, LONGEST_PAUSE)
            self.not_before = now + self.pause
            say(
                f"{self.name} ended with {self.process.returncode} after {lived:.0f} s, "
                f"starting it again in {self.pause:.0f} s: see {shop.logs / self.name}.log"
            )
            self.process = None
        if now >= self.not_before:
            self.start(shop)
            shop.write_state()


@dataclass
class Shop:
    """One installation: its folder, its address, its environment and its programs."""

    data_dir: Path
    host: str
    port: int
    embedded: bool
    environment: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    ending: bool = False

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def state_file(self) -> Path:
        return self.data_dir / "run.json"

    @property
    def heartbeat(self) -> Path:
        return self.data_dir / "heartbeat"

    @property
    def url(self) -> str:
        shown = "localhost" if self.host in {"127.0.0.1", "0.0.0.0"} else self.host  # noqa: S104
        return f"http://{shown}:{self.port}"

    def lease(self) -> list[int]:
        return [embedded_postgres.lease_of(self.data_dir)] if self.embedded else []

    def write_state(self) -> None:
        pids = [child.process.pid for child in self.children if child.process]
        state = {
            "supervisor": os.getpid(),
            "url": self.url,
            "children": [[pid, born(pid)] for pid in pids],
        }
        draft = self.state_file.with_suffix(".new")
        draft.write_text(json.dumps(state))
        draft.replace(self.state_file)


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    try:
        shop = described_by_environment()
        with only_supervisor(shop) as alone:
            if not alone:
                return tell_who_runs(shop)
            run(shop)
    except (CannotStart, ImproperlyConfigured, embedded_postgres.EmbeddedPostgresError) as error:
        say(f"\nNot started: {error}")
        return 2
    return 0


def described_by_environment() -> Shop:
    data_dir = env.folder("DATA_DIR", ROOT / ".data")
    return Shop(
        data_dir=data_dir,
        host=env.text("HOST", "127.0.0.1"),
        port=env.number("PORT", 8000, least=1),
        embedded=not env.text("DATABASE_URL"),
    )


@contextlib.contextmanager
def only_supervisor(shop: Shop) -> Iterator[bool]:
    """Whether no other supervisor lives on this data folder. A killed one holds no lock."""
    shop.logs.mkdir(parents=True, exist_ok=True)
    lock = embedded_postgres.open_lock(shop.data_dir / "run.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)


def tell_who_runs(shop: Shop) -> int:
    with contextlib.suppress(OSError, ValueError):
        state = json.loads(shop.state_file.read_text())
        say(f"It is already running at {state['url']} (process {state['supervisor']}).")
        return 0
    say("It is already being started by another terminal.")
    return 0


def run(shop: Shop) -> None:
    end_leftovers(shop)
    check_port(shop)
    listen_to_signals(shop)
    try:
        prepare(shop)
        open_doors(shop)
        supervise(shop)
    except KeyboardInterrupt:
        say("\nClosing …")
    finally:
        close(shop)
        say("Closed.")


def listen_to_signals(shop: Shop) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        # The second Ctrl-C must not cut short what the first one began.
        if not shop.ending:
            shop.ending = True
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignored, and wants it so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


# Before the doors open


def check_port(shop: Shop) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((shop.host, shop.port))
        except OSError as error:
            raise CannotStart(
                f"port {shop.port} on {shop.host} can't be had ({error.strerror}). "
                f"Choose another one: make run PORT={shop.port + 1}"
            ) from error


def prepare(shop: Shop) -> None:
    """Database, tables, log-ins, demo data. Each step is harmless when it was done before."""
    shop.environment = {**os.environ, "DATA_DIR": str(shop.data_dir), "PORT": str(shop.port)}
    owner = dict(shop.environment)
    if shop.embedded:
        say("Starting the database …")
        dsns = embedded_postgres.ensure_running(shop.data_dir)
        shop.environment["DATABASE_URL"] = dsns.app
        owner |= {"DATABASE_URL": dsns.app, "DATABASE_OWNER_URL": dsns.owner}
    # What serves the public never knows the owner's password.
    shop.environment.pop("DATABASE_OWNER_URL", None)
    manage(owner, "migrate", "--no-input", "--verbosity", "1")
    if env.flag("DEMO", default=True):
        # The data first: it makes the stores that the log-ins work at.
        if any(ROOT.glob("*/management/commands/load_demo.py")):
            manage(shop.environment, "load_demo")
        manage(shop.environment, "create_demo_users")


def manage(environment: dict[str, str], command: str, *options: str) -> None:
    say(f"manage.py {command} …")
    done = subprocess.run(  # noqa: S603 - commands of this file only
        [sys.executable, str(ROOT / "manage.py"), command, *options],
        env=environment,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise CannotStart(f"manage.py {command} failed, see above")


def programs() -> list[Child]:
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "--app", "loyalty_crm"]
    level = ["--loglevel", env.text("LOG_LEVEL", "INFO")]
    return [
        Child("web", [*python, "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.py")]),
        Child("worker", [*celery, "worker", *level, "--without-gossip", "--without-mingle"]),
        Child("scheduler", [*celery, "beat", *level, "--pidfile="]),
    ]


def open_doors(shop: Shop) -> None:
    shop.heartbeat.unlink(missing_ok=True)
    shop.children = programs()
    for child in shop.children:
        turn_log(shop.logs / f"{child.name}.log")
        child.start(shop)
    shop.write_state()
    say("Waiting for web server, worker and scheduler …")
    wait_until_all_answer(shop)
    greet(shop)


def turn_log(log: Path) -> None:
    """Keep the log of the run before; what is older goes."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))


def wait_until_all_answer(shop: Shop) -> None:
    """The web server is ready; a task went from the scheduler through the broker to the worker."""
    deadline = time.monotonic() + PATIENCE
    while not (is_ready(shop) and shop.heartbeat.exists()):
        dead = next((child for child in shop.children if not child.alive), None)
        if dead or time.monotonic() > deadline:
            raise CannotStart(what_went_wrong(shop, dead))
        time.sleep(0.2)


def what_went_wrong(shop: Shop, dead: Child | None) -> str:
    if dead:
        log = shop.logs / f"{dead.name}.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        return f"the {dead.name} ended at once. {log} says:\n{tail}"
    silent = "worker and scheduler don't" if is_ready(shop) else "the web server does not"
    return f"{silent} answer within {PATIENCE} s. Their logs are in {shop.logs}"


def is_ready(shop: Shop) -> bool:
    # Asked by number: the machine's own resolver and proxy have no say in it.
    local = "127.0.0.1" if shop.host == "0.0.0.0" else shop.host  # noqa: S104
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(f"http://{local}:{shop.port}/readyz", timeout=10).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def greet(shop: Shop) -> None:
    say(f"\nLoyalty CRM is open at {shop.url}")
    for name, path in PAGES:
        say(f"  {name:<8}{shop.url}{path}")
    if env.flag("DEMO", default=True):
        password = env.text("DEMO_PASSWORD") or env.kept(shop.data_dir / "demo_password", size=9)
        say(f"  log in as {', '.join(DEMO_LOGINS)}; password {password}")
        say(f"  a member's phone is {DEMO_MEMBER}, its codes: {shop.url}/admin/kernel/message/")
    say(f"  logs   {shop.logs}\n  Ctrl-C stops everything.\n")


# While open, and afterwards


def supervise(shop: Shop) -> None:
    while True:
        for child in shop.children:
            if not child.alive:
                child.revive(shop)
        if shop.embedded and not embedded_postgres.is_alive(shop.data_dir):
            say("The database server has died, starting it again …")
            embedded_postgres.ensure_running(shop.data_dir)
        time.sleep(0.5)


def close(shop: Shop) -> None:
    """Stop in the order of the flow: nothing new comes in, nothing new is planned, work ends."""
    shop.ending = True
    processes = [child.process for child in shop.children if child.process]
    end_processes([psutil.Process(process.pid) for process in processes if process.poll() is None])
    for process in processes:
        process.wait()
    shop.state_file.unlink(missing_ok=True)
    if shop.embedded:
        embedded_postgres.release(shop.data_dir)


def end_leftovers(shop: Shop) -> None:
    """End the children of a supervisor that was killed."""
    if not shop.state_file.exists():
        return
    with contextlib.suppress(ValueError):
        known = json.loads(shop.state_file.read_text())["children"]
        leftovers = [psutil.Process(pid) for pid, birth in known if born(pid) == birth]
        if leftovers:
            say(f"Ending {len(leftovers)} programs that a killed run left behind …")
        end_processes(leftovers)
    shop.state_file.unlink()


def born(pid: int) -> float | None:
    """When the process began: number and birth together name it, a number alone is given again."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def end_processes(leaders: list[psutil.Process]) -> None:
    """Ask politely, then end the whole group of each: workers of a worker included."""
    for leader in leaders:
        with contextlib.suppress(psutil.NoSuchProcess):
            leader.terminate()
    psutil.wait_procs(leaders, timeout=20)
    for leader in leaders:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
