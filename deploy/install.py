"""Make the virtual environment and install pinned, hashed requirements into it.

    python3 deploy/install.py requirements.txt requirements-demo.txt

Runs on a bare Python 3.11+, so it uses nothing but the standard library. Does
nothing, without the network, when these files are installed already.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NOTE = VENV / "installed.json"
UV = ROOT / "deploy" / "uv.txt"


def main(names: list[str]) -> int:
    if sys.version_info < (3, 11):
        print(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}.")
        print("Name another one: make run PYTHON=/path/to/python3.12")
        return 1
    if not (ROOT / ".venv").exists() or not runs():
        create()
    wanted = {name: fingerprint(ROOT / name) for name in names}
    missing = [name for name in names if wanted[name] != noted().get(name)]
    if missing:
        # All of them in one go: the resolver must see one set of pins.
        install([*(name for name in names if name not in missing), *missing])
        NOTE.write_text(json.dumps({**noted(), **wanted}, indent=1))
    return 0


def runs() -> bool:
    """A copied or moved environment, or one of a Python that is gone, does not."""
    try:
        return (
            subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
        )
    except OSError:
        return False


def create() -> None:
    print("Creating .venv …", flush=True)
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except subprocess.CalledProcessError:
        sys.exit("This Python can't make environments: install its venv package (python3-venv).")


def fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes() + sys.version.encode()).hexdigest()


def noted() -> dict[str, str]:
    return json.loads(NOTE.read_text()) if NOTE.exists() else {}


def install(names: list[str]) -> None:
    print(f"Installing {', '.join(names)} …", flush=True)
    files = [part for name in names for part in ("--requirement", str(ROOT / name))]
    if has_uv():
        command = [VENV / "bin" / "uv", "pip", "install", "--python", PYTHON, "--quiet"]
        if subprocess.run([*command, "--require-hashes", *files]).returncode == 0:
            return
        print("uv could not, trying pip …", flush=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", *files]
    if subprocess.run(pip).returncode != 0:
        sys.exit("The packages could not be installed, see above.")


def has_uv() -> bool:
    """uv installs several times faster than pip; where it can't be had, pip does."""
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", UV]
    return subprocess.run(pip, capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
