"""What the gates share: tools that must be present, and the cache that they build into."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def cache_directory() -> Path:
    """Return $FLOWC_TEST_CACHE, or .cache/ in the clone."""
    chosen = os.environ.get("FLOWC_TEST_CACHE")
    directory = Path(chosen) if chosen else REPOSITORY / ".cache"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def required_tool(name: str, how_to_get: str) -> str:
    """Return the tool's path; without it the test is skipped, but under CI (env CI) it fails."""
    path = shutil.which(name)
    return path or missing(f"this gate needs {name!r} on PATH: {how_to_get}")


def missing(message: str) -> NoReturn:
    """Skip for want of what ``message`` names, but fail under CI (env CI)."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def fingerprint(paths: list[Path], *also: str) -> str:
    """Return a short name for the content of these files and strings."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for text in also:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:16]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file: several workers of one test run may want to build the same thing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
