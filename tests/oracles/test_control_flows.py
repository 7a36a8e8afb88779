"""Laziness, skips, joins and failures of random flows: every target beside the language page.

The page's side is :mod:`tests.oracles.meaning`. A flow that differs is shown with its seed;
``FLOWC_SEED`` repeats a sample on an engine, hypothesis' own output repeats the rest.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from functools import lru_cache
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.engines import Argo, StepFunctions, compile_case
from tests.conformance.model import Case, Observed
from tests.oracles.control_flows import INPUT, control_flow, flow_of_seed
from tests.oracles.meaning import EDGE_OUTCOMES, Meaning, on_cycles
from tests.runtime_shim.runner.world import World, plan_of

from flowc.diagnostics import Diagnostics
from flowc_shim.contract.outcomes import EDGE_TRUE, Outcome
from flowc_shim.runner.entry import decide_entry
from flowc_shim.runner.records import StepRecord
from flowc_targets.local.run import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engines.argo.engine import ArgoEngine

    from flowc_shim.contract.plan import Plan

SAMPLE = int(os.environ.get("FLOWC_RANDOM_FLOWS", "3"))
"""Random flows per engine and granularity; they take seconds each."""


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    return control_flow(lambda below: draw(st.integers(0, below - 1)))


@given(flow=flows(), granularity=st.sampled_from(["step", "auto"]))
@settings(max_examples=int(os.environ.get("FLOWC_EXAMPLES", "150")), deadline=None, print_blob=True)
def test_local(flow: dict[str, Any], granularity: str) -> None:
    compilation = compile_case(_case(flow), "local", granularity, store="memory:")
    with open_session(compilation) as session:
        result = session.run(INPUT)
    outcomes = {path: outcome.value for path, outcome in result.outcomes.items()}
    assert _differences(flow, Observed(result.outcome.value, result.output, outcomes, None)) == []


@pytest.mark.engine
@pytest.mark.parametrize("granularity", ["step", "auto"])
def test_step_functions(granularity: str, tmp_path: Path) -> None:
    with StepFunctions() as engine:
        for seed, flow in _sample():
            folder = tmp_path / str(seed)
            folder.mkdir()
            observed = engine.run(_case(flow), granularity, folder)
            assert _differences(flow, observed) == [], f"FLOWC_SEED={seed} {json.dumps(flow)}"


@pytest.mark.argo
@pytest.mark.parametrize("granularity", ["step", "auto"])
def test_argo(granularity: str, argo_engine: ArgoEngine) -> None:
    argo = Argo(argo_engine)
    for seed, flow in _sample():
        observed = argo.run(_case(flow, f"random {seed}"), granularity)
        assert _differences(flow, observed) == [], f"FLOWC_SEED={seed} {json.dumps(flow)}"


def _sample() -> list[tuple[int, dict[str, Any]]]:
    first = int(os.environ.get("FLOWC_SEED") or SystemRandom().randrange(10**9))
    print(f"FLOWC_SEED={first}")
    return [(seed, flow_of_seed(seed, 6)) for seed in range(first, first + SAMPLE)]


def _case(flow: dict[str, Any], name: str = "random") -> Case:
    return Case(name, flow, INPUT, "", None, {}, None)


def _differences(flow: dict[str, Any], observed: Observed) -> list[str]:
    """What is not as the language page says."""
    widened = _widened(flow)
    meaning = Meaning(flow, INPUT, widened, observed.outcomes)
    found = [f"{step} was widened, and waits for nothing" for step in widened - on_cycles(meaning)]
    for step, outcome in meaning.outcomes.items():
        if observed.outcomes.get(step) != outcome:
            found.append(f"{step}: {observed.outcomes.get(step)}, expected {outcome}")
    outcome, result = meaning.result()
    if observed.outcome != outcome:
        found.append(f"outcome {observed.outcome}, expected {outcome}")
    elif outcome == "succeeded" and _text(observed.result) != _text(result):
        found.append(f"result {observed.result!r}, expected {result!r}")
    return found


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _widened(flow: dict[str, Any]) -> frozenset[str]:
    """The steps that the compiler says always run, though their demand is conditional."""
    notes = Diagnostics()
    compile_case(_case(flow), "local", "step", store="memory:", diagnostics=notes)
    messages = [note.message for note in notes.found if note.code.number == "FC211"]
    return frozenset(re.findall(r"step `(\w+)` always runs", "\n".join(messages)))


# Two edges: every outcome beside every other, by every kind of edge, under both joins

KINDS = ("strict", "tolerant", "needs", "needs and tolerant", "not reached")


@pytest.mark.parametrize("join", ["all", "any"])
@pytest.mark.parametrize("kinds", [*itertools.product(KINDS, repeat=2)], ids=" and ".join)
def test_every_pair_of_outcomes(kinds: tuple[str, str], join: str) -> None:
    plan = _joining(kinds, join)
    for pair in itertools.product(Outcome, repeat=2):
        shim = World(plan).begin({"no": False}).shim()
        for step, outcome in zip("ab", pair, strict=True):
            record = StepRecord(outcome, 1 if outcome in EDGE_TRUE else None)
            shim.journal.commit_record((), step, record)
        entered = decide_entry(shim, plan.steps["c"], ())
        found = "runs" if entered is None else entered.value
        assert found == _joined(kinds, join, pair), f"{join} {kinds} {pair}"


@lru_cache
def _joining(kinds: tuple[str, str], join: str) -> Plan:
    reader: dict[str, Any] = {"id": "c", "join": join, "needs": [], "input": {}}
    for step, kind in zip("ab", kinds, strict=True):
        if kind.startswith("needs"):
            reader["needs"].append(step)
        if kind == "strict":
            reader["input"][step] = {"$step": step}
        elif kind.endswith("tolerant"):
            reader["input"][step] = {"$step": step, "onSkip": 0}
        elif kind == "not reached":
            reader["input"][step] = {"$if": {"$input": "no"}, "then": {"$step": step}}
    others = [{"id": step} for step in "ab"]
    for step, kind in zip(others, kinds, strict=True):
        if kind not in ("strict", "not reached") or join == "all":
            step["when"] = "input.no"  # it may be skipped; a strict reference under any must not
    return plan_of([*others, reader])


def _joined(kinds: tuple[str, str], join: str, pair: tuple[Outcome, Outcome]) -> str:
    """The truth table, in the words of the language page."""
    edges = [EDGE_OUTCOMES[outcome.value] for outcome in pair]
    if "failed" in edges:
        return "upstream_failed"
    if "never ran" in edges:
        return "not_started"
    reached = [(kind, edge) for kind, edge in zip(kinds, edges, strict=True) if kind != KINDS[4]]
    if join == "any":
        return "runs" if any(edge == "true" for _, edge in reached) else "skipped"
    strict = [edge for kind, edge in reached if kind != "tolerant"]
    return "skipped" if "false" in strict else "runs"
