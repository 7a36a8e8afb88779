"""Commands: the contract of files and exit codes."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from flowc_shim.components.command import CommandClient
from flowc_shim.contract.errors import ErrorClass

PROGRAMS = {
    "double": """
import json, os
value = json.load(open(os.environ["FLOWC_INPUT"]))
output = {"doubled": 2 * value["n"], "of": os.environ["WHOSE"]}
json.dump(output, open(os.environ["FLOWC_OUTPUT"], "w"))
""",
    "contract": """
import json, os
names = [n for n in os.environ if n.startswith(("FLOWC_", "AWS_"))]
assert os.path.isdir(os.environ["FLOWC_FILES_IN"]) and os.path.isdir(os.environ["FLOWC_FILES_OUT"])
json.dump({"names": sorted(names), "cwd": os.getcwd(), "attempt": os.environ["FLOWC_ATTEMPT"]},
          open(os.environ["FLOWC_OUTPUT"], "w"))
""",
    "fail": "import sys; print('line\\nno disk', file=sys.stderr); sys.exit(3)",
    "silent": "pass",
    "garbage": "import os; open(os.environ['FLOWC_OUTPUT'], 'w').write('{')",
    "nan": "import os; open(os.environ['FLOWC_OUTPUT'], 'w').write('NaN')",
    "link": "import os; os.symlink('/etc/hostname', os.environ['FLOWC_OUTPUT'])",
    "folder": "import os; os.mkdir(os.environ['FLOWC_OUTPUT'])",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "like_shell": "import sys; sys.exit(137)",
    "aborted": "import os; os.abort()",
    "hang": "import time; time.sleep(30)",
    "chatty": """
import json, os, sys
for stream in (sys.stdout, sys.stderr):
    stream.write("x" * 300_000 + "\\n")
json.dump(None, open(os.environ["FLOWC_OUTPUT"], "w"))
""",
}


@pytest.fixture
def commands(caller, tmp_path):
    for name, text in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(text)
    components = {
        f"/{name}": {"command": sys.executable, "args": [f"{name}.py"], "env": {"WHOSE": "mine"}}
        for name in PROGRAMS
    }
    components["/missing"] = {"command": "no-such-program-here"}
    components["/nothing"] = {}
    components["/script"] = {"command": ["./run.sh", "one"], "args": ["two"]}
    components["/parent"] = {"command": "sh", "args": ["-c", "sleep 30 & echo $! > child; wait"]}
    script = tmp_path / "run.sh"
    script.write_text('#!/bin/sh\necho "[\\"$1\\", \\"$2\\"]" > "$FLOWC_OUTPUT"\n')
    script.chmod(0o755)
    return caller(
        CommandClient("cmd", {"type": "command", "components": components}, str(tmp_path))
    )


def test_input_and_output_are_files(commands):
    assert commands("/double", {"n": 4}) == {"doubled": 8, "of": "mine"}
    assert commands("/script") == ["one", "two"]
    assert commands("/chatty") is None


def test_what_a_program_is_told(commands, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("FLOWC_STORE_URL", "secret")
    assert commands("/contract", attempt=2) == {
        "names": [
            "FLOWC_ATTEMPT",
            "FLOWC_CALL",
            "FLOWC_FILES_IN",
            "FLOWC_FILES_OUT",
            "FLOWC_IDEMPOTENCY_KEY",
            "FLOWC_INPUT",
            "FLOWC_OUTPUT",
            "FLOWC_STEP",
        ],
        "cwd": str(tmp_path),
        "attempt": "2",
    }


def test_an_exit_code(commands):
    error = commands.error("/fail")
    assert (error.error_class, error.code, error.final) == (ErrorClass.USER, "EXIT_3", False)
    assert "no disk" in error.message
    assert error.data == {"stderr": ["line", "no disk"]}


@pytest.mark.parametrize("name", ["silent", "garbage", "nan", "link", "folder"])
def test_outputs_that_are_none(commands, name):
    error = commands.error(f"/{name}")
    assert (error.code, error.final) == ("INVALID_OUTPUT", True)


@pytest.mark.parametrize(
    ("name", "code"), [("killed", "OOM"), ("like_shell", "OOM"), ("aborted", "SIGNAL_6")]
)
def test_signals_are_the_platforms(commands, name, code):
    error = commands.error(f"/{name}")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing", "COMMAND_NOT_FOUND"),
        ("nothing", "CONFIGURATION"),
        ("unknown", "COMPONENT_NOT_FOUND"),
    ],
)
def test_programs_that_are_not_there(commands, name, code):
    error = commands.error(f"/{name}")
    assert (error.code, error.final) == (code, True)


def test_a_timeout_ends_the_program(commands):
    began = time.monotonic()
    assert commands.error("/hang", timeout=0.3).error_class is ErrorClass.TIMEOUT
    assert time.monotonic() - began < 3


def test_a_timeout_ends_its_children_too(commands, tmp_path):
    assert commands.error("/parent", timeout=0.5).error_class is ErrorClass.TIMEOUT
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 3
    while time.monotonic() < end:
        try:
            with open(f"/proc/{child}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return  # dead; whoever inherited it has not looked yet
        except FileNotFoundError:
            return
        time.sleep(0.05)
    pytest.fail("the child lives on")


def test_a_stopped_run_ends_the_program(commands):
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    assert commands.error("/hang", cancelled=cancelled).code == "STOPPED"


def test_an_input_that_is_not_json(commands):
    assert commands.error("/double", {"n": float("inf")}).code == "INVALID_INPUT"
