"""Every golden file passes the validators of the engines' own makers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flowc_targets.step_functions.check_definition import check_definition
from tests.gates.argo_crds import validate_strict
from tests.gates.argo_validator import argo_validate
from tests.gates.asl_validator import asl_validate
from tests.gates.haproxy import haproxy_problems
from tests.golden.cases import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARGO = sorted(GOLDEN.glob("*/argo*"))
MACHINES = sorted(GOLDEN.glob("*/step-functions*/state-machine.asl.json"))
MANIFESTS = [path for folder in ARGO for path in sorted(folder.glob("*.yaml"))]


def test_there_is_something_to_check() -> None:
    assert len(ARGO) >= 6
    assert len(MACHINES) >= 6


@pytest.mark.parametrize("folder", ARGO, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_argos_own_validator(folder: Path) -> None:
    findings = argo_validate(sorted(folder.glob("*.yaml")))
    assert [found for found in findings if not found.ok] == []
    assert sum(found.kind == "WorkflowTemplate" for found in findings) == 1 + _detached(folder)


def _detached(folder: Path) -> int:
    """How many detached flows a release has."""
    file = folder / "detached.yaml"
    return len([*yaml.safe_load_all(file.read_text("utf-8"))]) if file.is_file() else 0


@pytest.mark.parametrize(
    "path", MANIFESTS, ids=lambda p: f"{p.parent.parent.name}-{p.parent.name}-{p.name}"
)
def test_strict_schemas(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        assert validate_strict(document) == []


CONFIGURATIONS = {
    f"{path.parent.name}-{path.stem}": document["data"]["haproxy.cfg"]
    for path in sorted(GOLDEN.glob("*/argo*/class-*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    if "haproxy.cfg" in document.get("data", {})
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_haproxys_own_check(name: str) -> None:
    assert haproxy_problems(CONFIGURATIONS[name]) == ""


def test_haproxys_own_check_finds_mistakes() -> None:
    text = next(iter(CONFIGURATIONS.values()))
    assert "unknown keyword" in haproxy_problems(text.replace("balance leastconn", "ballance x"))
    assert "WARNING" in haproxy_problems(text.replace("timeout client 24h", ""))


def test_asl_validator() -> None:
    assert {path: found for path, found in asl_validate(MACHINES).items() if found} == {}


ITEMS = 20
"""Items of every loop for the estimate of events; how many there are is known at run time."""


PASSES = ("(next pass)", "(chunk)", "(more?)")
TURNS = 2
"""Turns of every loop through a Wait: a Batch job that is tried a second time."""


def states_of(kind: str, states: dict[str, Any]) -> Iterator[str]:
    for name, state in states.items():
        if state["Type"] == kind:
            yield name
        inner = [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]
        for machine in inner:
            yield from states_of(kind, machine["States"])


@pytest.mark.parametrize("path", MACHINES, ids=lambda p: f"{p.parent.parent.name}-{p.parent.name}")
def test_flowcs_own_checker(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    definition = json.loads(text)
    sizes = dict.fromkeys(states_of("Map", definition["States"]), ITEMS)
    turns = dict.fromkeys(states_of("Wait", definition["States"]), TURNS)
    # circles of a `while`: what all passes write is counted when it is compiled
    circles = [*states_of("Pass", definition["States"]), *states_of("Choice", definition["States"])]
    turns |= dict.fromkeys([name for name in circles if name.endswith(PASSES)], TURNS)
    problems = check_definition(definition, serialised=text, map_sizes=sizes, loop_turns=turns)
    assert problems == []
