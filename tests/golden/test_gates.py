"""Every golden file passes the validators of the engines' own makers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from flowc_targets.step_functions.check_definition import check_definition
from gates.argo_crds import validate_strict
from gates.argo_validator import argo_validate
from gates.asl_validator import asl_validate
from golden.cases import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path

ARGO = sorted(GOLDEN.glob("*/argo*"))
MACHINES = sorted(GOLDEN.glob("*/step-functions*/state-machine.asl.json"))
MANIFESTS = [path for folder in ARGO for path in sorted(folder.glob("*.yaml"))]


def test_there_is_something_to_check() -> None:
    assert len(ARGO) >= 6
    assert len(MACHINES) >= 6


def test_argos_own_validator() -> None:
    findings = argo_validate(MANIFESTS)
    assert [f for f in findings if not f.ok] == []
    assert sum(f.kind == "WorkflowTemplate" for f in findings) == len(ARGO)


@pytest.mark.parametrize(
    "path", MANIFESTS, ids=lambda p: f"{p.parent.parent.name}-{p.parent.name}-{p.name}"
)
def test_strict_schemas(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        assert validate_strict(document) == []


def test_asl_validator() -> None:
    assert {path: found for path, found in asl_validate(MACHINES).items() if found} == {}


@pytest.mark.parametrize("path", MACHINES, ids=lambda p: f"{p.parent.parent.name}-{p.parent.name}")
def test_flowcs_own_checker(path: Path) -> None:
    assert check_definition(json.loads(path.read_text(encoding="utf-8"))) == []
