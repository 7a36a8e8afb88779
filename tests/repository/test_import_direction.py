"""Who may import whom: the shim nobody, the compiler the shim, the targets both."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"flowc", "flowc_shim", "flowc_targets"}
ALLOWED = {
    "runtime_shim/flowc_shim": {"flowc_shim"},
    "compiler/flowc": {"flowc", "flowc_shim"},
    "targets/flowc_targets": {"flowc", "flowc_shim", "flowc_targets"},
}
SHARED_WITH_COMPILER = {"contract", "language", "schemas"}
"""The rooms of the shim that the compiler may enter; the rest is run time."""


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append(node.module)
    return found


@pytest.mark.parametrize("root", ALLOWED)
def test_import_direction(root: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / root).rglob("*.py"))
        for name in imports(path)
        if name.split(".")[0] in OURS - ALLOWED[root]
    ]
    assert wrong == []


def test_compiler_enters_only_the_shared_rooms() -> None:
    wrong = []
    for path in sorted((ROOT / "compiler/flowc").rglob("*.py")):
        if "cli" in path.parts:
            continue  # the shell looks into stores and runs
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "flowc_shim" and len(parts) > 1 and parts[1] not in SHARED_WITH_COMPILER:
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert wrong == []


def test_dialects_end_at_the_decoder() -> None:
    """No pass, target or shim asks which dialect a flow was written in."""
    words = ("Spelling.CLASSIC", "Spelling.MODERN", "stepflow_classic", "stepflow_modern")
    rooms = [
        ROOT / "compiler/flowc/passes",
        ROOT / "compiler/flowc/ir",
        ROOT / "compiler/flowc/placing",
        ROOT / "targets/flowc_targets",
        ROOT / "runtime_shim/flowc_shim/contract",
        ROOT / "runtime_shim/flowc_shim/runner",
    ]
    wrong = [
        str(path.relative_to(ROOT))
        for room in rooms
        for path in sorted(room.rglob("*.py"))
        # flows given as data are decoded at run time: that room holds a decoder of its own
        if path.name != "dynamic.py" and any(w in path.read_text(encoding="utf-8") for w in words)
    ]
    assert wrong == []
