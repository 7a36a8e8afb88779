"""The npm package asl-validator over emitted state machines: schema, paths, transitions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from tests.gates.tools import HERE, cache_directory, fingerprint, locked, required_tool

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = HERE / "node"
HOW_TO_GET_NODE = "install Node.js 18 or newer with npm, https://nodejs.org (or apt-get install)"
MANIFEST = ("package.json", "package-lock.json", ".npmrc")


@cache
def node_directory() -> Path:
    """Return the folder whose node_modules has what the lock file says, installed at first use."""
    required_tool("node", HOW_TO_GET_NODE)
    directory = cache_directory() / "node" / fingerprint([SOURCES / name for name in MANIFEST])
    complete = directory / "installed"
    if not complete.exists():
        with locked(directory / "lock"):
            if not complete.exists():
                for name in MANIFEST:
                    shutil.copy(SOURCES / name, directory)
                _install(directory)
                complete.touch()
    return directory


def _install(directory: Path) -> None:
    npm = required_tool("npm", HOW_TO_GET_NODE)
    command = [npm, "ci", "--ignore-scripts", "--no-progress"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"npm ci failed in {directory}:\n{done.stderr[-4000:]}")


def asl_validate(paths: list[Path]) -> dict[Path, list[str]]:
    """Return the problems of each file, [] where it passes; one node process for all of them."""
    if not paths:
        return {}
    directory = node_directory()
    node = required_tool("node", HOW_TO_GET_NODE)
    done = subprocess.run(
        [node, SOURCES / "validate_asl.js", directory / "package.json"],
        input="\n".join(map(str, paths)),
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the ASL validator failed:\n{done.stderr[-4000:]}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {path: answer["problems"] for path, answer in zip(paths, answers, strict=True)}
