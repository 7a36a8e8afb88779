"""golden/<example>/<target>/…: byte equality; orphans fail; `make golden` is the one updater."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.golden.cases import CASES, GOLDEN, ROOT, GoldenCase, build

if TYPE_CHECKING:
    from pathlib import Path

UPDATE = os.environ.get("FLOWC_UPDATE_GOLDEN") == "1"


def kept(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder)
def test_golden(case: GoldenCase) -> None:
    files = build(case)
    folder = GOLDEN / case.folder
    if UPDATE:
        assert not os.environ.get("CI"), "golden files are never rewritten in CI"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    assert files == kept(folder), f"golden/{case.folder} differs; if intended: make golden"


def test_no_orphans() -> None:
    wanted = {case.folder for case in CASES}
    found = {str(folder.relative_to(GOLDEN)) for folder in GOLDEN.glob("*/*") if folder.is_dir()}
    assert found - wanted == set()


def test_at_least_six_examples_for_both_targets() -> None:
    for target in ("argo", "step-functions"):
        assert len({case.example for case in CASES if case.target == target}) >= 6


PROGRAM = """
import json, sys
sys.path[:0] = [{root!r}]
from tests.golden.cases import CASES, build
print(json.dumps({{case.folder: build(case) for case in CASES}}, sort_keys=True))
"""


def _in_a_process(seed: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(root=str(ROOT))],
        env=environment, cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_same_bytes_under_any_hash_seed_and_folder(tmp_path: Path) -> None:
    one = _in_a_process("1", ROOT)
    assert _in_a_process("4242", tmp_path) == one
    assert len(json.loads(one)) == len(CASES)
