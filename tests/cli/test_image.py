"""`flowc image`: what it asks of podman or docker, by a stand-in that writes its words down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Ran

STACK = """
stacks:
  laptop: {target: local, plugins: {}, routes: {}}
  cluster:
    target: argo
    registry: ghcr.io/acme/
    docker: {files: [app.py]}
    plugins: {}
    routes: {}
  nowhere: {target: argo, docker: {}, plugins: {}, routes: {}}
  classes:
    target: argo
    registry: ghcr.io/acme
    docker: {files: [app.py]}
    plugins:
      s: {type: stepflow, docker: {base_image: "python:3.12"}, deploy: {}}
      c: {type: container, docker: {base_image: "debian:12"}, components: {/a: {command: a}}}
    routes: {}
"""
STAND_IN = """#!/bin/sh
echo "$@" >> {log}
case "$1" in image) exit {there};; {fails}) exit 4;; esac
"""


@pytest.fixture
def podman(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a stand-in on PATH; ``there``: the image exists; ``fails``: what goes wrong."""

    def make(there: bool = False, fails: str = "nothing", name: str = "podman") -> Path:
        log, program = folder / "bin/log", folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN.format(log=log, there=0 if there else 1, fails=fails))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        return log

    (folder / "stack.yaml").write_text(STACK)
    (folder / "app.py").write_text("print(1)\n")
    return make


def test_push_builds_first_and_prints_the_image(
    folder: Path, flowc: Callable[..., Ran], podman: Callable[..., Path]
) -> None:
    log = podman()
    ran = flowc("image", "push", "--stack", "cluster")
    assert ran.code == 0, ran.err
    image = ran.out.strip()
    assert image.startswith("ghcr.io/acme/flowc-unit-cluster:")
    tag = image.rpartition(":")[2]
    context = folder / ".flowc/images" / tag
    assert log.read_text().splitlines() == [
        f"image inspect {image}", f"build --tag {image} {context}", f"push {image}",
    ]  # fmt: skip
    assert (context / "files/app.py").read_text() == "print(1)\n"
    assert "COPY files/ /app/" in (context / "Dockerfile").read_text()


def test_all_images_of_a_stack_are_built_and_then_pushed(
    flowc: Callable[..., Ran], podman: Callable[..., Path]
) -> None:
    log = podman()
    ran = flowc("image", "push", "--stack", "classes")
    assert ran.code == 0, ran.err
    images = ran.out.split()
    assert [image.partition(":")[0] for image in images] == [
        "ghcr.io/acme/flowc-unit-classes",
        "ghcr.io/acme/flowc-class-classes-s",
        "ghcr.io/acme/flowc-class-classes-c",
    ]
    words = [line.split() for line in log.read_text().splitlines()]
    assert [(one[0], one[2]) for one in words if one[0] == "build"] == [
        ("build", image) for image in images
    ]
    assert [one for one in words if one[0] == "push"] == [["push", image] for image in images]
    assert [one[0] for one in words[-3:]] == ["push"] * 3
    built = flowc("image", "build", "--stack", "classes")
    assert built.out == ran.out


def test_what_is_there_is_not_built_and_docker_will_do(
    flowc: Callable[..., Ran], podman: Callable[..., Path]
) -> None:
    log = podman(there=True, name="docker")
    ran = flowc("image", "build", "--stack", "cluster")
    assert ran.code == 0 and "there already" in ran.err
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("build", "--stack", "laptop"), "has no `docker`"),
        (("push", "--stack", "nowhere"), "nowhere to push to"),
        (("build",), "choose one of laptop, cluster, nowhere, classes"),
        (("build", "--stack", "clustr"), "write `cluster`"),
    ],
)
def test_what_cannot_be_built(
    flowc: Callable[..., Ran], podman: Callable[..., Path], arguments: tuple[str, ...], told: str
) -> None:
    podman()
    ran = flowc("image", *arguments)
    assert ran.code == 1 and told in ran.err and ran.out == ""


@pytest.mark.parametrize("fails", ["build", "push"])
def test_a_tool_that_fails_is_said(
    flowc: Callable[..., Ran], podman: Callable[..., Path], fails: str
) -> None:
    podman(fails=fails)
    ran = flowc("image", "push", "--stack", "cluster")
    assert ran.code == 1 and ran.out == ""
    assert f"`podman {fails}` ended with exit code 4" in ran.err


def test_without_a_tool(
    folder: Path, flowc: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "stack.yaml").write_text(STACK)
    (folder / "app.py").write_text("")
    monkeypatch.setenv("PATH", str(folder))
    ran = flowc("image", "build", "--stack", "cluster")
    assert ran.code == 1 and "neither podman nor docker" in ran.err
