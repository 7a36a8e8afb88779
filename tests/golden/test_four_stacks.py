"""One flow file on four stacks: nothing of the flow changes, and what runs here gives its results."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.golden.cases import FOUR_STACKS, ROOT, GoldenCase, compilation_of

from flowc.cases.compare import compare
from flowc.source.yaml_reader import read
from flowc_shim.runner.journal import Journal

if TYPE_CHECKING:
    from flowc.target import Compilation
    from flowc_targets.local.run import LocalSession

FOLDER = ROOT / "examples" / "four-stacks"
HERE = [case for case in FOUR_STACKS if case.target == "local"]


def written() -> dict[str, str]:
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_flow_is_the_same_on_all_four() -> None:
    before = written()
    compilations = [compilation_of(case) for case in FOUR_STACKS]
    assert {case.flow for case in FOUR_STACKS} == {"flow.yaml"}
    assert written() == before
    assert [one.placement.stack.target for one in compilations] == [
        "local", "argo", "step-functions", "local",
    ]  # fmt: skip
    assert all(one.program == compilations[0].program for one in compilations)
    calls = [one.placement.calls.values() for one in compilations]
    assert [[call.classes[0].name for call in found] for found in calls] == [
        ["circle"] * 3,
        ["memory_components", "gpu_components", "cpu_components"],
        ["circle"] * 3,
        ["lab/desk", "lab/nodes", "lab/desk"],
    ]


def in_folder(compilation: Compilation) -> Any:
    from flowc_targets.local.run import open_session

    return open_session(compilation, state_store="memory:")


@pytest.fixture
def beside_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as somebody does who types `flowc run flow.yaml` there, with this Python as `python`."""
    monkeypatch.chdir(FOLDER)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")


def places(session: LocalSession, run: str) -> Any:
    record = Journal(session.store, run).record((), "count")
    assert record is not None
    return record.value["places"]


@pytest.mark.parametrize(("case", "count"), list(zip(HERE, [1, 2], strict=True)), ids=["laptop", "streamflow"])
@pytest.mark.usefixtures("beside_the_flow")
def test_what_runs_here_gives_the_results_of_the_flows_cases(case: GoldenCase, count: int) -> None:
    from flowc.diagnostics import Diagnostics
    from flowc_shim.language.decode import plain

    document = read((FOLDER / case.flow).read_text(), case.flow, Diagnostics())
    assert document is not None
    cases = plain(document.root)["test"]["cases"]
    assert len(cases) == 2
    with in_folder(compilation_of(case)) as session:
        for one in cases:
            result = session.run(one["input"])
            assert result.error is None
            assert compare(one["output"]["result"], result.output) == []
            assert places(session, result.run) == count
