"""StreamFlow files become stacks: bindings, deployments, connectors that mean something here."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.source.bindings import StepBinding
from flowc.source.decode_stack import decode_stacks
from flowc.source.port_bindings import PortBinding
from flowc.source.yaml_reader import read

if TYPE_CHECKING:
    from flowc.source.stack_model import Stack

Found = list[tuple[str, int, str]]


def read_stacks(text: str) -> tuple[dict[str, Stack], Found]:
    """Return the stacks, and code, line and text of what was found."""
    diagnostics = Diagnostics()
    document = read(dedent(text), "streamflow.yml", diagnostics)
    assert document is not None
    stacks = decode_stacks(document, diagnostics, {})
    found = [
        (d.code.number, d.primary.span.line if d.primary else 0, f"{d.message} | {d.hint}")
        for d in diagnostics.sorted()
    ]
    return stacks, found


def bindings(stack: Stack) -> list[tuple[str, str, int]]:
    return [
        (one.path, one.plugin.value, one.locations.value)
        for one in stack.bindings
        if isinstance(one, StepBinding) and one.plugin is not None and one.locations is not None
    ]


MPI = """\
version: v1.0
workflows:
  master:
    type: cwl
    config: {file: cwl/main.cwl, settings: cwl/config.yml}
    bindings:
      - {step: /compile, target: {deployment: dc-mpi, service: openmpi}}
      - {step: /execute, target: {deployment: dc-mpi, locations: 2, service: openmpi}}
deployments:
  dc-mpi:
    type: docker-compose
    config: {files: [docker-compose.yml], projectName: openmpi}
"""


def test_a_compose_file_says_nothing_of_components() -> None:
    ((ignored, at, _), (code, line, text)) = read_stacks(MPI)[1]
    assert (ignored, at, code, line) == ("FC119", 5, "FC501", 11)
    assert "`dc-mpi/openmpi: {type: stepflow, deploy: {image}}`" in text


def test_what_plugins_say_of_a_service() -> None:
    plugins = """\
    plugins:
      dc-mpi/openmpi: {type: stepflow, deploy: {image: acme/mpi:2}}
      dc-mpi/head: {type: stepflow, deploy: {image: acme/head:2}}
      other: {type: python, module: m}
    target: kubernetes
    """
    stacks, found = read_stacks(MPI + dedent(plugins))
    assert [(code, line) for code, line, _ in found] == [("FC119", 5), ("FC119", 12)]
    stack = stacks["master"]
    assert bindings(stack) == [
        ("compile", "dc-mpi/openmpi", 1),
        ("execute", "dc-mpi/openmpi", 2),
    ]
    assert stack.target == "argo"
    assert stack.deployments["dc-mpi"].services == ("dc-mpi/openmpi", "dc-mpi/head")
    assert stack.deployments["dc-mpi"].lazy
    assert list(stack.classes) == [
        "other", "builtin", "python", "dc-mpi/openmpi", "dc-mpi/head",
    ]  # fmt: skip


def test_connectors_that_stand_for_something() -> None:
    stacks, found = read_stacks(
        """
        version: v1.0
        workflows:
          w:
            type: flowc
            bindings:
              - {step: /, target: {deployment: here}}
              - {step: /a, target: [{deployment: box, service: main}]}
        deployments:
          here: {type: local, lazy: false}
          box: {type: docker, config: {image: "acme/box:1"}}
          unused: {type: docker-compose, config: {files: [x]}}
        """
    )
    assert found == []
    stack = stacks["w"]
    assert bindings(stack) == [("", "here/local", 1), ("a", "box/main", 1)]
    assert stack.classes["here/local"].type == "python"
    deploy = stack.classes["box/main"].deploy
    assert deploy is not None and deploy.image == "acme/box:1"
    assert not stack.deployments["here"].lazy
    assert list(stack.deployments) == ["here", "box"]


@pytest.mark.parametrize("kind", ["slurm", "pbs", "flux", "ssh"])
def test_what_no_engine_can_start(kind: str) -> None:
    text = f"""\
    version: v1.0
    workflows:
      w: {{type: flowc, bindings: [{{step: /, target: {{deployment: hpc}}}}]}}
    deployments:
      hpc:
        type: {kind}
    plugins:
    """
    ((code, line, hint),) = read_stacks(text + "      hpc: {type: command, components: {}}")[1]
    assert (code, line, "`external: true`" in hint) == ("FC501", 6, True)
    there = text.replace("hpc:\n        type", "hpc:\n        external: true\n        type")
    stacks, found = read_stacks(there + '      hpc: {type: stepflow, url: "http://hpc:80"}')
    assert found == []
    assert stacks["w"].deployments["hpc"].external
    assert bindings(stacks["w"]) == [("", f"hpc/{kind}", 1)]


def test_a_stack_per_workflow_and_one_without_any() -> None:
    text = """\
    version: v1.0
    workflows:
      one: {type: flowc, bindings: [{step: /, target: {model: a, resources: 3}}]}
      two: {type: flowc}
    models: {a: {type: local}, b: {type: local}}
    """
    stacks, found = read_stacks(text)
    assert found == []
    assert list(stacks) == ["one", "two"]
    assert bindings(stacks["one"]) == [("", "a/local", 3)]
    assert (stacks["two"].deployments, stacks["two"].bindings) == ({}, ())
    assert list(read_stacks("version: v1.0\ndeployments: {}\n")[0]) == ["default"]


def test_ports_are_files_of_a_folder_here() -> None:
    stacks, found = read_stacks(
        """
        version: v1.0
        workflows:
          w:
            type: flowc
            bindings:
              - {port: /src, target: {deployment: here, workdir: /archive/a b/}, data: main.c}
              - {port: /run/mesh, data: "s3://b/mesh"}
        deployments:
          here: {type: local}
          hpc: {type: slurm}
        """
    )
    assert found == []
    ports = [one for one in stacks["w"].bindings if isinstance(one, PortBinding)]
    assert [(one.path, one.key, one.data.value) for one in ports] == [
        ("", "src", "file:///archive/a%20b/main.c"), ("run", "mesh", "s3://b/mesh"),
    ]  # fmt: skip
    assert ports[0].data.span.line == 7


def test_a_folder_alone_does_not_say_which_file() -> None:
    text = """\
    version: v1.0
    workflows:
      w: {type: cwl, bindings: [{port: /src, target: {deployment: here, workdir: /archive}}]}
    deployments: {here: {type: local}}
    """
    ((code, line, message),) = read_stacks(text)[1]
    assert (code, line) == ("FC112", 3)
    assert "which file in `/archive` it is" in message and "write `data: name`" in message


def test_what_other_versions_of_the_form_had() -> None:
    ((code, line, text),) = read_stacks("version: v1.0\nworkflows: {}\nscheduler: {}\n")[1]
    assert (code, line, "`scheduling`" in text) == ("FC104", 3, True)


def test_the_file_on_the_page_of_stacks() -> None:
    page = (Path(__file__).parents[3] / "docs/stacks.md").read_text(encoding="utf-8")
    stacks, found = read_stacks(page.partition("# streamflow.yml\n")[2].partition("```")[0])
    assert [code for code, _, _ in found] == ["FC119"]
    assert bindings(stacks["simulate"]) == [
        ("", "here/local", 1),
        ("execute", "cluster/solver", 2),
    ]
    [port] = [one for one in stacks["simulate"].bindings if isinstance(one, PortBinding)]
    assert (port.key, port.data.value) == ("mesh", "file:///archive/wing.msh")
