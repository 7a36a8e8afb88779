"""Containers, with a stand-in for the command line of podman and docker."""

from __future__ import annotations

import os
import sys

import pytest

from flowc_shim.components.container import ContainerClient
from flowc_shim.contract.errors import ErrorClass

RUNTIME = r'''#!@PYTHON@
"""Runs what a container would run, with the mounted folder's paths put back."""
import os, subprocess, sys
words = sys.argv[1:]
open("@LOG@", "a").write(" ".join(words) + "\n")
if words[0] == "info":
    sys.exit(@INFO@)
if words[0] == "rm":
    sys.exit(0)
assert words.pop(0) == "run"
mount, entry, passed = "", [], []
while words[0].startswith("--"):
    option = words.pop(0)
    if option == "--rm":
        continue
    value = words.pop(0)
    if option == "--volume":
        mount = value.partition(":")[0]
    if option == "--entrypoint":
        entry = [value]
    if option == "--env":
        passed.append(value)
image = words.pop(0)
if image == "missing":
    print("no such image", file=sys.stderr)
    sys.exit(125)
env = {name: os.environ[name].replace("/flowc/", mount + "/") for name in passed}
sys.exit(subprocess.run([*entry, *words], env=env).returncode)
'''


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """Put stand-ins on PATH, alone; returns a reader of what they were asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "log"
    log.write_text("")
    monkeypatch.setenv("PATH", str(folder))

    def install(*names, info=0):
        for name in names:
            path = folder / name
            text = RUNTIME.replace("@PYTHON@", sys.executable).replace("@LOG@", str(log))
            path.write_text(text.replace("@INFO@", str(info)))
            path.chmod(0o755)
        return lambda: log.read_text().splitlines()

    return install


DOUBLE = (
    "import json, os; n = json.load(open(os.environ['FLOWC_INPUT']))['n'];"
    "json.dump([2 * n, os.environ['SECRET']], open(os.environ['FLOWC_OUTPUT'], 'w'))"
)


@pytest.fixture
def containers(caller, tmp_path):
    def program(text, **more):
        return {"image": "img:1", "command": sys.executable, "args": ["-c", text], **more}

    components = {
        "/double": program(DOUBLE, env={"SECRET": "s3cret"}),
        "/fail": program("import sys; sys.exit(4)"),
        "/hang": program("import time; time.sleep(30)"),
        "/missing": program("", image="missing"),
        "/nothing": {"command": "x"},
    }
    return caller(ContainerClient("c", {"components": components}, str(tmp_path)))


@pytest.mark.parametrize("name", ["podman", "docker"])
def test_a_container_reads_and_writes_files(containers, runtime, name):
    asked = runtime(name)
    assert containers("/double", {"n": 4}) == [8, "s3cret"]
    line = asked()[-1]
    assert line.startswith("run --rm --name flowc-")
    assert "s3cret" not in line
    own = f"{os.getuid()}:{os.getgid()}"
    assert f"--user {own if name == 'docker' else '0:0'} " in line


def test_exit_codes_are_those_of_commands(containers, runtime):
    runtime("podman")
    assert containers.error("/fail").code == "EXIT_4"


def test_a_container_that_cannot_be_made_is_the_platforms(containers, runtime):
    runtime("podman")
    error = containers.error("/missing")
    assert (error.error_class, error.code) == (ErrorClass.PLATFORM, "CONTAINER_START")
    assert "no such image" in error.message


def test_a_timeout_removes_the_container(containers, runtime):
    asked = runtime("podman")
    assert containers.error("/hang", timeout=0.5).error_class is ErrorClass.TIMEOUT
    run, remove = asked()
    assert remove == f"rm --force {run.split()[3]}"


def test_podman_comes_first_and_docker_is_asked_once(containers, runtime):
    asked = runtime("docker")
    containers("/double", {"n": 1})
    containers("/double", {"n": 1})
    assert [line.split()[0] for line in asked()] == ["info", "run", "run"]


@pytest.mark.parametrize("names", [(), ("docker",)])
def test_without_a_runtime_it_says_so(containers, runtime, names):
    runtime(*names, info=1)
    error = containers.error("/double", {"n": 1})
    assert (error.code, error.final) == ("NO_CONTAINER_RUNTIME", True)


def test_a_component_without_an_image(containers):
    assert containers.error("/nothing").code == "CONFIGURATION"
    assert containers.error("/unknown").code == "COMPONENT_NOT_FOUND"
