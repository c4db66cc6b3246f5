"""docs/operators.md names every variable that is read, and no other."""

from __future__ import annotations

import re

from tests.live import ROOT

READ = re.compile(
    r'(?:env\.(?:text|flag|number|words|folder|database|secret|split)|environ\.get)\(\s*"([A-Z_]+)"'
)
NOT_SETTINGS = {"PATH"}


def variables_read():
    files = [*ROOT.glob("loyalty_crm/**/*.py"), *ROOT.glob("deploy/*.py"), ROOT / "manage.py"]
    found = {name for file in files for name in READ.findall(file.read_text())}
    return found - NOT_SETTINGS


def variables_told():
    guide = (ROOT / "docs" / "operators.md").read_text()
    table = guide.split("## Environment variables")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}


def test_every_variable_is_told_and_none_is_invented():
    assert variables_read() == variables_told()


def test_apps_read_no_environment_of_their_own():
    for app in ("members", "rewards", "campaigns", "analytics"):
        for file in (ROOT / app).rglob("*.py"):
            assert "os.environ" not in file.read_text(), file
