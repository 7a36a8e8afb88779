"""The demonstration: check, build for both engines, and run one flow here, with real servers."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "three-classes"
BIN = Path(sys.executable).parent
OUT = Path("build")


def flowc(*arguments: str) -> None:
    """Run a flowc command as a user would type it, and stop if it fails."""
    print(f"\n$ flowc {shlex.join(arguments)}", flush=True)
    # the example starts its servers with `python`: the one that this environment has
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([str(BIN / "flowc"), *arguments], env=environment, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def main() -> None:
    """Run the demonstration from the repository's folder."""
    flow = os.path.relpath(HERE / "flow.yaml")
    stacks = os.path.relpath(HERE / "stack.yaml")
    flowc("check", flow, "--stack-file", stacks)
    for stack, target in (("cluster", "argo"), ("aws", "step-functions")):
        folder = str(OUT / "score-images" / target)
        flowc(
            "build",
            flow,
            "--stack-file",
            stacks,
            "--stack",
            stack,
            "--target",
            target,
            "-o",
            folder,
        )
    flowc("run", flow, "--stack-file", stacks, "--stack", "laptop", "--input", '{"rows": 8}')
    print("\nThe files that were written:")
    for path in sorted((OUT / "score-images").rglob("*")):
        if path.is_file():
            print(f"  {path}  ({path.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
