"""The product's own processes, started and killed by tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def address_of(database: str) -> str:
    """The application role's address, with the test database in place of the shop's."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{database}"))


@dataclass
class LiveApp:
    """gunicorn with two workers, in a process group of its own: a kill leaves nobody behind."""

    data_dir: Path
    database: str
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, "not started"
        return self.process.pid

    @property
    def log(self) -> str:
        return (self.data_dir / "gunicorn.log").read_text()

    def start(self, *, workers: int = 2, threads: int = 4) -> None:
        command = ["gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.py")]
        sizes = ["--workers", str(workers), "--threads", str(threads)]
        with (self.data_dir / "gunicorn.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command, *sizes],
                cwd=ROOT,
                env=self.whole_environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_until_it_answers()

    def whole_environment(self) -> dict[str, str]:
        # Not the owner's address: the running product never has it either.
        inherited = {k: v for k, v in os.environ.items() if k != "DATABASE_OWNER_URL"}
        return {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "loyalty_crm.settings",
            "DATABASE_URL": address_of(self.database),
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            **self.environment,
        }

    def wait_until_it_answers(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, f"gunicorn ended:\n{self.log}"
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"gunicorn never answered:\n{self.log}")

    def stop(self) -> None:
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9, master and workers at once: nobody gets to clean up."""
        self.signal(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def signal(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.process.wait(timeout=40)
        self.process = None
