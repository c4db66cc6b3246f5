"""Readers of the environment: a value that can't be read stops the start, by name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ImproperlyConfigured

from loyalty_crm import env


@pytest.mark.parametrize(("given", "read"), [("on", True), ("1", True), ("No", False), ("", True)])
def test_flags(monkeypatch, given, read):
    monkeypatch.setenv("THING", given)

    assert env.flag("THING", default=True) is read


@pytest.mark.parametrize(
    ("reader", "given"),
    [
        (lambda: env.flag("THING"), "ture"),
        (lambda: env.number("THING", 1), "12.0"),
        (lambda: env.number("THING", 1), "-1"),
        (lambda: env.number("THING", 1, least=1), "0"),
        (lambda: env.database("THING", ""), "mysql://shop"),
        (lambda: env.database("THING", ""), "postgresql://u:p@host/db?nonsense=1"),
    ],
)
def test_what_can_not_be_read_is_refused_by_name(monkeypatch, reader, given):
    monkeypatch.setenv("THING", given)

    with pytest.raises(ImproperlyConfigured, match="THING"):
        reader()


def test_a_refused_address_does_not_tell_its_password(monkeypatch):
    monkeypatch.setenv("THING", "postgresql://shop:hunter2@host/db?nonsense=1")

    with pytest.raises(ImproperlyConfigured) as refusal:
        env.database("THING", "")
    assert "hunter2" not in str(refusal.value)


def test_an_address_means_what_it_means_to_the_driver(monkeypatch):
    monkeypatch.setenv("THING", "postgresql://shop:p%40ss@/db?host=%2Fa%20b&sslmode=require")

    assert env.database("THING", "") == {
        "NAME": "db",
        "USER": "shop",
        "PASSWORD": "p@ss",
        "HOST": "/a b",
        "PORT": "",
        "OPTIONS": {"sslmode": "require"},
    }


def test_a_secret_is_made_once_whoever_comes_first(tmp_path, monkeypatch):
    monkeypatch.delenv("THING", raising=False)
    file = tmp_path / "new" / "secret"

    with ThreadPoolExecutor(8) as starters:
        made = list(starters.map(lambda _: env.secret("THING", file), range(32)))

    assert len(set(made)) == 1
    assert len(made[0]) > 40
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
