"""Virtual environments with published Stepflow SDKs, made once and kept.

Component clients are tested against servers that nobody here wrote. Where they are kept: the
folder that FLOWC_TEST_CACHE names, otherwise ``.cache/`` at the root of the repository.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("0.9.2", "0.11.2")
"""The last of the snake-case generation, the last that speaks HTTP."""

COMPONENT_SERVER = Path(__file__).with_name("component_server.py")

_ROOT = Path(__file__).resolve().parents[2]


def cache_folder() -> Path:
    """Return the folder that test environments live in; it exists afterwards."""
    folder = Path(os.environ.get("FLOWC_TEST_CACHE") or _ROOT / ".cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def server_python(version: str) -> Path:
    """Return a Python that has ``stepflow-py[http]`` of ``version``; installs it the first time.

    Safe to call from several processes at once: one makes it, the others wait.
    """
    return python_with(
        Path(__file__).with_name(f"requirements-{version}.txt"), f"stepflow-{version}"
    )


def python_with(requirements: Path, name: str) -> Path:
    """Return the Python of a virtual environment ``name`` with exactly ``requirements`` in it.

    Raises subprocess.CalledProcessError if they cannot be installed.
    """
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{key}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.exists():
        return python
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what an interrupted installation left
            _install(folder, requirements)
            complete.touch()
    return python


def _install(folder: Path, requirements: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([str(folder / "bin" / "python"), *install, "-r", str(requirements)], check=True)


if __name__ == "__main__":
    for each in VERSIONS:
        print(server_python(each))
