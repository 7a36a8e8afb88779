"""Which example is compiled for what, and how: the golden files and the gates share this."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.cli.session import Session
from flowc.diagnostics import Diagnostics
from flowc.diagnostics.render import render_human
from flowc.loading import Choice
from flowc.target import forms_of
from flowc.targets import find_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.target import Compilation

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "golden"
LOCAL = "local"


@dataclass(frozen=True)
class GoldenCase:
    """One compilation: an example's flow on one of its stacks."""

    example: str
    flow: str
    stack: str
    target: str
    granularity: str = "step"
    environment: str | None = None
    form: str = ""
    """What else the files are made for (``--format``)."""
    stack_file: str = "stack.yaml"

    @property
    def folder(self) -> str:
        """The folder below ``golden/``."""
        suffix = "" if self.granularity == "step" else f"-{self.granularity}"
        suffix += f"-{self.form}" if self.form else ""
        if self.target == LOCAL:
            return f"{self.example}/local-{self.stack or Path(self.stack_file).stem}"
        suffix += "" if self.stack_file == "stack.yaml" else f"-{Path(self.stack_file).stem}"
        return f"{self.example}/{self.target}{suffix}"


def _both(example: str, flow: str = "flow.yaml") -> list[GoldenCase]:
    return [
        GoldenCase(example, flow, "cluster", "argo"),
        GoldenCase(example, flow, "aws", "step-functions"),
    ]


FOUR_STACKS = [
    GoldenCase("four-stacks", "flow.yaml", "laptop", LOCAL),
    *_both("four-stacks"),
    GoldenCase("four-stacks", "flow.yaml", "", LOCAL, stack_file="streamflow.yml"),
]
"""One flow file on four stacks. What runs here is a plan."""

CASES: list[GoldenCase] = [
    *_both("hello"),
    *_both("three-classes"),
    GoldenCase("three-classes", "flow.yaml", "cluster", "argo", "auto"),
    GoldenCase("forecast", "forecast.yaml", "", "argo", environment="production"),
    GoldenCase("forecast", "forecast.yaml", "", "step-functions", environment="aws"),
    GoldenCase("production", "flow.yaml", "", "argo", environment="argo"),
    GoldenCase("production", "flow.yaml", "", "step-functions", environment="step-functions"),
    *_both("stepflow-modern"),
    *_both("stepflow-classic"),
    GoldenCase("stepflow-classic", "flow.yaml", "aws", "step-functions", "auto"),
    *_both("grid-search"),
    *_both("refine"),
    *_both("gpu-guard"),
    *_both("nightly"),
    *_both("word-count"),
    GoldenCase("word-count", "flow.yaml", "aws", "step-functions", form="cloudformation"),
    GoldenCase("sales", "flow.yaml", "", "argo", environment="argo"),
    GoldenCase("sales", "flow.yaml", "", "step-functions", environment="step-functions"),
    *FOUR_STACKS,
    GoldenCase("four-stacks", "flow.yaml", "aws", "step-functions", form="cloudformation"),
    *_both("orders"),
    GoldenCase("archive", "flow.yaml", "aws", "step-functions"),
    GoldenCase("orders", "flow.yaml", "aws", "step-functions", form="cloudformation"),
    GoldenCase("four-stacks", "flow.yaml", "", "argo", stack_file="streamflow-argo.yml"),
    GoldenCase("four-stacks", "flow.yaml", "", "step-functions", stack_file="streamflow-aws.yml"),
    GoldenCase(
        "four-stacks", "flow.yaml", "", "step-functions", form="cloudformation",
        stack_file="streamflow-aws.yml",
    ),
    GoldenCase("gpu-guard", "flow.yaml", "aws", "step-functions", form="cloudformation"),
    GoldenCase("hello", "flow.yaml", "aws", "step-functions", form="cloudformation"),
    GoldenCase("three-classes", "flow.yaml", "aws", "step-functions", form="cloudformation"),
]


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before, branch = Path.cwd(), os.environ.get("FLOWC_BRANCH")
    os.chdir(folder)
    os.environ["FLOWC_BRANCH"] = "main"  # names hold the branch; golden files are of one
    try:
        yield
    finally:
        os.chdir(before)
        if branch is None:
            del os.environ["FLOWC_BRANCH"]
        else:
            os.environ["FLOWC_BRANCH"] = branch


def compilation_of(case: GoldenCase) -> Compilation:
    """Return what the case compiles to."""
    with _inside(ROOT / "examples" / case.example):
        session = Session()
        choice = Choice(
            environment=case.environment, stack_file=case.stack_file, stack=case.stack or None
        )
        compilation = session.compile_named(case.flow, choice, case.target, case.granularity)
    problems = render_human(session.diagnostics.sorted(), session.loader.texts, colour=False)
    assert compilation is not None, problems
    return compilation


def build(case: GoldenCase) -> dict[str, str]:
    """Return the files that the case compiles to."""
    compilation = compilation_of(case)
    if case.target == LOCAL:
        plan = json.dumps(compilation.plan.to_json(), indent=1, ensure_ascii=False)
        return {"plan.json": f"{plan}\n"}
    target = find_target(case.target, Diagnostics())
    assert target is not None
    emit = forms_of(target)[case.form] if case.form else target.emit
    return emit(compilation)
