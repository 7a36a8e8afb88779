"""What a component's code is: its module's package, or its program's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowc_shim.components import code_version as module
from flowc_shim.components.code_version import code_version

if TYPE_CHECKING:
    from pathlib import Path


def version(config: dict[str, Any], component: str, folder: Path) -> str:
    # a process sees one state of its code; a test changes it
    module._digest_of_module.cache_clear()
    module._digest_of_files.cache_clear()
    return code_version(config, component, str(folder))


def test_a_module(tmp_path: Path) -> None:
    python = {"type": "python", "module": "parts"}
    assert version(python, "/run", tmp_path) == ""
    (tmp_path / "parts.py").write_text("def run(value): return 1\n")
    first = version(python, "/run", tmp_path)
    assert first and first == version({"type": "python"}, "/parts:run", tmp_path)
    (tmp_path / "parts.py").write_text("def run(value): return 2\n")
    assert version(python, "/run", tmp_path) not in ("", first)


def test_a_package_is_all_its_modules(tmp_path: Path) -> None:
    config = {"type": "python", "components": {"/run": "parts.deep.one:run"}}
    (tmp_path / "parts/deep").mkdir(parents=True)
    for name in ("__init__", "deep/__init__", "deep/one", "other"):
        (tmp_path / f"parts/{name}.py").write_text("raise SystemExit('never imported')\n")
    first = version(config, "/run", tmp_path)
    (tmp_path / "parts/other.py").write_text("\n")
    assert version(config, "/run", tmp_path) not in ("", first)


def test_the_files_of_a_program(tmp_path: Path) -> None:
    config = {"type": "command", "components": {"/run": {"command": "sh", "args": ["x.sh", "-v"]}}}
    assert version(config, "/run", tmp_path) == ""
    (tmp_path / "x.sh").write_text("echo 1\n")
    first = version(config, "/run", tmp_path)
    (tmp_path / "x.sh").write_text("echo 2\n")
    assert version(config, "/run", tmp_path) not in ("", first)


@pytest.mark.parametrize("kind", ["builtin", "mock", "stepflow", "container"])
def test_code_that_is_elsewhere_says_nothing(kind: str, tmp_path: Path) -> None:
    assert version({"type": kind}, "/run", tmp_path) == ""
