"""The command line, run in this process: exit code, stdout and stderr."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from flowc import cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    for name in ("FLOWC_STACK", "FLOWC_DEBUG", "FLOWC_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Callable[..., None]:
    """Write files by name; ``flow_yaml`` is ``flow.yaml``."""

    def run(**files: str) -> None:
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)

    return run


@pytest.fixture
def flowc(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ran]]:
    """Run ``flowc`` with these arguments."""

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["flowc", *arguments])
        code = cli._guarded()
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    yield run
    gc.enable()
