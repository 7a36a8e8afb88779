"""Habits of the repository that a machine can hold."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 400
REASONS: dict[str, str] = {}
"""Files over the length, each with the reason; there is none."""


def tracked(*patterns: str) -> list[Path]:
    out = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in out.stdout.splitlines()]


def test_no_room_is_too_long() -> None:
    long = {}
    for path in tracked("*.py"):
        if path.exists() and "tests" not in path.relative_to(ROOT).parts:
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > LONGEST and str(path.relative_to(ROOT)) not in REASONS:
                long[str(path.relative_to(ROOT))] = lines
    assert long == {}


def test_no_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "util.py", "misc.py", "common.py"}
    assert [path for path in tracked("*.py") if path.name in drawers] == []


def test_decisions_have_numbers_of_their_own() -> None:
    pages = [path.name for path in tracked("docs/decisions/*.md") if path.exists()]
    numbers = [name.partition("-")[0] for name in pages]
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        first = (ROOT / "docs/decisions" / page).read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith(f"# {page.partition('-')[0]}"), page
