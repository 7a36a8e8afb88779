"""Conformance cases: what they hold and how they are read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowc.diagnostics import Diagnostics
from flowc.source.yaml_reader import read
from flowc_shim.language.decode import plain

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One flow with its input and what must come out of it on every target."""

    name: str
    flow: dict[str, Any]
    input: Any
    outcome: str
    result: Any
    outcomes: dict[str, str]
    error: dict[str, Any] | None
    deaths: bool = False
    slow: bool = False
    large_input: str | None = None
    trigger: Any = None
    flows: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    """What becomes of the runs that steps start: like ``expect``, and the ``flow``'s name."""
    refused: dict[str, str] = field(default_factory=dict)
    bindings: tuple[dict[str, Any], ...] = ()

    @property
    def slug(self) -> str:
        """The name as an identifier."""
        return "".join(c if c.isalnum() else "-" for c in self.name)

    def flow_text(self) -> str:
        """The flow as a file: JSON is YAML."""
        return json.dumps(self.flow, indent=2)


@dataclass(frozen=True)
class Observed:
    """What a target made of a case."""

    outcome: str
    result: Any
    outcomes: dict[str, str]
    error: dict[str, Any] | None
    runs: list[tuple[str, Observed]] = field(default_factory=list)
    """The runs that it started: the flow's name, and what became of it."""


def load_cases() -> list[Case]:
    """Return all cases in file order; names are unique."""
    cases = [_case(raw) for path in sorted((HERE / "cases").glob("*.yaml")) for raw in _read(path)]
    assert len({case.slug for case in cases}) == len(cases), "two cases have one name"
    return cases


def _read(path: Path) -> list[dict[str, Any]]:
    diagnostics = Diagnostics()
    document = read(path.read_text(encoding="utf-8"), path.name, diagnostics)
    assert document is not None, diagnostics.found
    return plain(document.root)


def _case(raw: dict[str, Any]) -> Case:
    flow = dict(raw["flow"])
    if raw.get("dialect") != "stepflow":
        flow = {"schema": "flowc/v1", **flow}
    expect = raw["expect"]
    unknown = set(raw) - {
        "name",
        "flow",
        "input",
        "expect",
        "deaths",
        "slow",
        "dialect",
        "large_input",
        "trigger",
        "flows",
        "runs",
        "refused",
        "bindings",
    }
    assert not unknown, f"{raw['name']}: {unknown}"
    return Case(
        name=raw["name"],
        flow={"name": "case", **flow},
        input=raw.get("input"),
        outcome=expect.get("outcome", "succeeded"),
        result=expect.get("result"),
        outcomes=expect["outcomes"],
        error=expect.get("error"),
        deaths=raw.get("deaths", False),
        slow=raw.get("slow", False),
        large_input=raw.get("large_input"),
        trigger=raw.get("trigger"),
        flows=raw.get("flows", {}),
        runs=raw.get("runs", []),
        refused=raw.get("refused", {}),
        bindings=tuple(raw.get("bindings", ())),
    )


def run_input(case: Case, folder: Path) -> Any:
    """The input of a run: the case's, with a fresh folder for components that count."""
    value = case.input
    if '"$input": "dir"' in case.flow_text() and (value is None or isinstance(value, dict)):
        value = {**(value or {}), "dir": str(folder)}
    if case.large_input:
        value = {**value, case.large_input: "x" * 120_000}
    return value


def differences(case: Case, observed: Observed) -> list[str]:
    """What is not as the case says; empty if all is."""
    found = _differences(observed, case.outcome, case.result, case.outcomes, case.error)
    started = sorted(observed.runs, key=lambda one: (one[0], json.dumps(one[1].result)))
    if [flow for flow, _ in started] != [wanted["flow"] for wanted in case.runs]:
        return [*found, f"runs of {[flow for flow, _ in started]} were started"]
    for wanted, (flow, run) in zip(case.runs, started, strict=True):
        more = _differences(
            run, wanted.get("outcome", "succeeded"), wanted.get("result"),
            wanted.get("outcomes", {}), wanted.get("error"),
        )  # fmt: skip
        found += [f"run of {flow}: {one}" for one in more]
    return found


def _differences(
    observed: Observed,
    outcome: str,
    result: Any,
    outcomes: dict[str, str],
    error: dict[str, Any] | None,
) -> list[str]:
    found = []
    if observed.outcome != outcome:
        found.append(f"outcome {observed.outcome}, expected {outcome} ({observed.error})")
    elif outcome == "succeeded" and not _same(observed.result, result):
        found.append(f"result {observed.result!r}, expected {result!r}")
    for path, wanted in outcomes.items():
        if observed.outcomes.get(path) != wanted:
            found.append(f"{path}: {observed.outcomes.get(path)}, expected {wanted}")
    for key, value in (error or {}).items():
        known = observed.error or {}
        actual = known.get("step") if key == "step" else (known.get("error") or {}).get(key)
        if actual != value:
            found.append(f"error.{key}: {actual!r}, expected {value!r}")
    return found


def _same(one: Any, other: Any) -> bool:
    """Equality that tells 1 from 1.0 and from true."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
