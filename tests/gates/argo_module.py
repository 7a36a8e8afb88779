"""The pinned Go module of Argo Workflows (tests/gates/argo/go.mod): the program and the CRDs."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from tests.gates.tools import HERE, cache_directory, fingerprint, locked, required_tool

MODULE = "github.com/argoproj/argo-workflows/v4"
SOURCES = HERE / "argo"
HOW_TO_GET_GO = "install Go 1.25.7 or newer, https://go.dev/dl/ (or apt-get install golang)"


BUILD_SECONDS = 2400
"""A cold build of Kubernetes takes four minutes on two idle cores; one that hangs is ended."""


def run_go(*arguments: str, folder: Path = SOURCES) -> str:
    """Run the go command in a module's folder and return its output."""
    program = required_tool("go", HOW_TO_GET_GO)
    # The user's own GOFLAGS may hold -mod=mod, which would rewrite go.mod in the clone. Programs
    # are static: some run in images that hold nothing else, and all share one build cache.
    own = {"GOFLAGS": "-buildvcs=false -mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0"}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"go {' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    return done.stdout


@cache
def module_directory() -> Path:
    """Return the folder of the unpacked module, downloading it at the first call."""
    run_go("mod", "download", MODULE)
    return Path(run_go("list", "-m", "-f", "{{.Dir}}", MODULE).strip())


@cache
def gate_program() -> Path:
    """Return the built validator; a cold first build takes minutes, and is kept in the cache."""
    sources = sorted([*SOURCES.glob("*.go"), SOURCES / "go.mod", SOURCES / "go.sum"])
    toolchain = run_go("env", "GOVERSION", "GOOS", "GOARCH")
    directory = cache_directory() / "argo-gate" / fingerprint(sources, toolchain)
    program = directory / "argo-gate"
    if not program.exists():
        with locked(directory / "lock"):
            if not program.exists():
                unfinished = directory / "argo-gate.new"
                # Without optimisation the first build takes a quarter less time.
                fast = ("-gcflags=all=-N -l", "-ldflags=-s -w", "-trimpath")
                run_go("build", *fast, "-o", str(unfinished), ".")
                unfinished.replace(program)
    return program
