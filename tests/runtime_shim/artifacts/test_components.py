"""Files of commands and containers: from one call's output into another call's input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from flowc_shim.artifacts.staging import Artifacts
from flowc_shim.components.api import Call
from flowc_shim.components.command import CommandClient
from flowc_shim.components.container import ContainerClient

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, os
from pathlib import Path
value = json.load(open(os.environ["FLOWC_INPUT"]))
path = value["file"]["path"] if "file" in value else None
if path is not None:
    assert path.startswith(os.environ["FLOWC_FILES_IN"]), path
    if "/flowc/" in path:
        path = os.environ["FLOWC_INPUT"].removesuffix("input.json") + path.partition("/flowc/")[2]
text = Path(path).read_text() if path else "begin"
Path(os.environ["FLOWC_FILES_OUT"], "out.txt").write_text(text + "+")
json.dump({"file": {"$artifact": "out.txt"}}, open(os.environ["FLOWC_OUTPUT"], "w"))
"""
# What a runtime does, with the mounted folder's paths put back.
RUNTIME = """#!{python}
import os, subprocess, sys
words = sys.argv[1:]
mount = words[words.index("--volume") + 1].partition(":")[0]
passed = [words[n + 1] for n, word in enumerate(words) if word == "--env"]
env = {{name: os.environ[name].replace("/flowc/", mount + "/") for name in passed}}
env["FLOWC_FILES_IN"] = os.environ["FLOWC_FILES_IN"]
sys.exit(subprocess.run([sys.executable, "{program}"], env=env).returncode)
"""


class Host:
    """As much of a run as calls with files ask for."""

    def __init__(self, files: Artifacts) -> None:
        self.bring_in, self.take_out = files.bring_in, files.take_out


@pytest.mark.parametrize("kind", ["command", "container"])
def test_a_file_goes_from_call_to_call(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    host: Any = Host(Artifacts(f"file://{tmp_path}/store", {}, "runs/r", frozenset))
    client: Any
    if kind == "command":
        words = {"command": [sys.executable, str(program)]}
        client = CommandClient("c", {"components": {"/f": words}}, str(tmp_path))
    else:
        runtime = tmp_path / "bin/podman"
        runtime.parent.mkdir()
        runtime.write_text(RUNTIME.format(python=sys.executable, program=program))
        runtime.chmod(0o755)
        monkeypatch.setenv("PATH", str(runtime.parent))
        client = ContainerClient("c", {"components": {"/f": {"image": "x"}}}, str(tmp_path))
    value: Any = {}
    for _ in range(3):
        value = client.call(Call("/f", value, 1, "r", "p", "s", "k"), host)
        assert set(value["file"]) == {"$artifact", "size", "sha256"}
    stored = tmp_path / value["file"]["$artifact"].removeprefix(f"file://{tmp_path}/")
    assert stored.read_text() == "begin+++"
