"""Typed readers of environment variables: a value that can't be read stops the start, by name.

A wrong value never falls back to the default: ``DEBUG=ture`` is an error, not "off".
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "") or default


def flag(name: str, *, default: bool = False) -> bool:
    given = text(name).lower()
    if given and given not in YES | NO:
        refuse(name, given, "one of on, off, true, false, yes, no, 1, 0")
    return given in YES if given else default


def number(name: str, default: int, *, least: int = 0) -> int:
    given = text(name, str(default))
    if not given.isdecimal() or int(given) < least:
        refuse(name, given, f"a whole number of at least {least}")
    return int(given)


def words(name: str, default: str = "") -> list[str]:
    """A list, written with commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def folder(name: str, default: Path) -> Path:
    return Path(text(name, str(default))).expanduser().resolve()


def database(name: str, default: str) -> dict[str, Any]:
    """Django's connection settings out of a PostgreSQL connection string.

    Read by the driver's own parser: sockets, several hosts and TLS options
    mean here what they mean to psql.
    """
    return split(name, text(name, default))


def split(name: str, given: str) -> dict[str, Any]:
    if not given.startswith(("postgres://", "postgresql://")):
        refuse(name, "something else", "a URL that begins with postgresql://")
    try:
        found = parsed(given)
    except ProgrammingError:
        # The driver's message repeats the string, and the string holds a password.
        refuse(name, "a URL the driver can't parse", "postgresql://user:password@host:port/name")
    names = {
        "NAME": "dbname",
        "USER": "user",
        "PASSWORD": "password",
        "HOST": "host",
        "PORT": "port",
    }
    parts: dict[str, Any] = {ours: found.pop(theirs, "") for ours, theirs in names.items()}
    return {**parts, "OPTIONS": found}


def parsed(address: str) -> dict[str, str]:
    """The parts that a connection string names, by the driver's own keywords."""
    return {
        key: str(value) for key, value in conninfo_to_dict(address).items() if value is not None
    }


def secret(name: str, file: Path) -> str:
    """The variable, or else a value made up at the first start and kept in a private file."""
    return text(name) or kept(file)


def kept(file: Path, *, size: int = 48) -> str:
    """What the private file says; whoever finds none makes it, and one of several makers wins."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secrets.token_urlsafe(size))
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text().strip()


def refuse(name: str, given: str, expected: str) -> NoReturn:
    raise ImproperlyConfigured(
        f"The environment variable {name} is {given!r}; expected {expected}."
    )
