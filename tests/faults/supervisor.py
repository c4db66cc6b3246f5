"""``make run`` as a test sees it: a process, its words, and the programs it keeps."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from loyalty_crm import embedded_postgres
from tests.live import ROOT, free_port


def let_children_hear_ctrl_c() -> None:
    """A suite started in the background ignores SIGINT, and its children would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Supervisor:
    data_dir: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(
        default_factory=lambda: [sys.executable, "-m", "loyalty_crm.launcher"]
    )
    account: dict[str, object] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def start(self) -> Supervisor:
        self.lines.clear()
        let_children_hear_ctrl_c()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.whole_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            **self.account,
        )
        self.reader = threading.Thread(target=self.read, args=[self.process], daemon=True)
        self.reader.start()
        return self

    def whole_environment(self) -> dict[str, str]:
        ours = {"DATABASE_URL", "DATABASE_OWNER_URL", "CELERY_BROKER_URL", "SECRET_KEY"}
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        return {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "loyalty_crm.settings",
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "DEMO": "off",
            "LOG_LEVEL": "INFO",
            **self.environment,
        }

    def read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip())

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def open(self) -> Supervisor:
        self.start()
        self.wait_for(lambda: "is open at" in self.said, "it never opened")
        return self

    def wait_for(self, true, complaint: str, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            ended = self.process is not None and self.process.poll() is not None
            assert not ended, f"{complaint}; the supervisor ended:\n{self.said}"
            assert time.monotonic() < deadline, f"{complaint}:\n{self.said}"
            time.sleep(0.05)

    def ended(self, seconds: float = 60) -> int:
        assert self.process is not None
        assert self.reader is not None
        code = self.process.wait(timeout=seconds)
        # A child that lives on holds the other end open.
        self.reader.join(timeout=2)
        return code

    def interrupt(self) -> int:
        self.send(signal.SIGINT)
        return self.ended()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.ended()

    def children(self) -> list[int]:
        """Web server, worker, scheduler."""
        state = json.loads((self.data_dir / "run.json").read_text())
        return [pid for pid, _birth in state["children"]]

    def postmaster(self) -> int:
        pid_file = self.data_dir / "postgres" / "data" / "postmaster.pid"
        return int(pid_file.read_text().split()[0])

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5).close()
            return True
        return False

    def database(self) -> psycopg.Connection:
        dsns = embedded_postgres.dsns(self.data_dir)
        return psycopg.connect(dsns.owner, autocommit=True)

    def leftovers(self) -> list[str]:
        """Processes that still know this data folder, however they came by it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                known = [*process.cmdline(), *process.environ().values()]
                if any(str(self.data_dir) in word for word in known):
                    found.append(" ".join(process.cmdline()))
        return found

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.ended()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = [*process.cmdline(), process.environ().get("DATA_DIR", "")]
                if process.pid != os.getpid() and any(str(self.data_dir) in w for w in words):
                    process.kill()
