"""What the program does around its commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flowc.cli import app as commands

HEAVY = {"yaml", "networkx", "jsonschema_rs", "boto3", "re2", "rich", "flowc_shim", "obstore"}
HELP = """
import sys
sys.argv = ["flowc", *{arguments!r}]
from flowc.cli import main
try:
    main()
except SystemExit:
    pass
print(",".join(sorted({{name.partition(".")[0] for name in sys.modules}})), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "--help"], ["run", "--help"], ["nope"]]
)
def test_help_imports_none_of_the_compiler(arguments):
    ran = subprocess.run(
        [sys.executable, "-c", HELP.format(arguments=arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(ran.stderr.splitlines()[-1].split(","))
    assert "flowc" in imported
    assert not imported & HEAVY


def test_a_bug_is_said_without_a_traceback(flowc, monkeypatch):
    def broken(*arguments: object) -> int:
        raise RuntimeError("out of ideas")

    monkeypatch.setattr("flowc.cli.explain.run_explain", broken)
    ran = flowc("explain")
    assert ran.code == 1
    assert ran.err.startswith("error[FC900]: compiler bug: RuntimeError: out of ideas (at ")
    assert "Traceback" not in ran.err
    monkeypatch.setenv("FLOWC_DEBUG", "1")
    with pytest.raises(RuntimeError):
        flowc("explain")


def test_an_interruption_is_130(flowc, monkeypatch):
    def interrupted(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("flowc.cli.explain.run_explain", interrupted)
    assert flowc("explain").code == 130


def test_a_reader_that_goes_away_is_no_bug():
    program = f"{sys.executable} -c 'from flowc.cli import main; main()' schema flow"
    command = f"{program} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ran.returncode in (0, 1, 141)
    assert ran.stderr == ""


def test_every_command_is_documented():
    for command in commands.app.registered_commands:
        assert command.callback is not None and command.callback.__doc__


def test_no_arguments_show_the_help(flowc):
    ran = flowc()
    assert ran.code in (0, 2)
    assert "Commands:" in ran.out + ran.err
