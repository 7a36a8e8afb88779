"""`finally:` steps: what they may name, and who may name them."""

from __future__ import annotations

import pytest
from tests.compiler.passes.conftest import marks, run

HEAD = """schema: flowc/v1
steps:
  - {id: a, component: /f}
  - {id: b, component: /f, input: {$step: a}}
output: {$step: b}
"""


@pytest.mark.parametrize(
    "text",
    [
        # what happened to the run is not known before its end
        "schema: flowc/v1\noutput:\n  a: {$run: outcome}        # FC404\n",
        "schema: flowc/v1\noutput:\n  a: {$expr: run.error.code}    # FC213\n",
        HEAD + "finally:\n  - id: c\n    component: /f\n    input: {$run: outcomes}   # FC404\n",
        HEAD + "finally:\n  - {id: c, component: /f, needs: [d]}   # FC201\n",
        # the run's own steps and its output cannot wait for what comes after them
        "schema: flowc/v1\nsteps:\n  - {id: a, component: /f, needs: [c]}   # FC206\n"
        "finally: [{id: c, component: /f}]\n",
        HEAD + "finally:\n  - {id: c, component: /f}\n  - {id: c, component: /f}   # FC202\n",
        # a step of the run may have failed: `join: any` needs to know what to take then
        HEAD
        + "finally:\n  - id: c\n    component: /f\n    join: any\n"
        + "    input: [{$step: a}, {$step: b, onSkip: 0}]   # FC215\n",
        "schema: flowc/v1\nsteps:\n  - {id: finally, component: /f}   # FC202\n"
        "finally: [{id: c, component: /f}]\n",
        "schema: flowc/v1\nsteps:\n  - id: finally   # FC202\n    foreach: {items: [1]}\n"
        "    component: /f\n",
        HEAD
        + "finally:\n  - {id: c, component: /f, input: {$step: d}}   # FC204\n"
        + "  - {id: d, component: /f, input: {$step: c}}\n",
        HEAD + "finally:\n  - {id: c, component: /f, input: {$item: $}}   # FC207\n",
    ],
)
def test_mistakes(text: str) -> None:
    _, diagnostics = run(text)
    found = [(d.primary.span.line, d.code.number, "error") for d in diagnostics if d.primary]
    assert sorted(found) == marks(text), [d.message for d in diagnostics]


def test_a_step_of_the_run_may_lack_a_value() -> None:
    text = HEAD + (
        "finally:\n"
        "  - {id: c, component: /f, input: {$step: b, onSkip: none}}\n"
        "  - {id: d, component: /f, input: {$step: a}}\n"
        "  - {id: e, component: /f, when: run.outcome == 'failed', input: {$run: error}}\n"
    )
    analysis, diagnostics = run(text)
    assert list(diagnostics) == []
    steps = analysis.program.steps
    assert [steps[f"finally/{name}"].may_skip for name in "cde"] == [False, True, True]
    assert all(steps[f"finally/{name}"].guard is None for name in "cde")
    assert steps["finally/c"].reads == ("b",)


def test_a_loop_may_be_called_finally_inside_of_another() -> None:
    text = """schema: flowc/v1
steps:
  - id: outer
    foreach: {items: [1]}
    steps:
      - {id: finally, foreach: {items: [1]}, component: /f}
    output: {$step: finally}
output: {$step: outer}
"""
    _, diagnostics = run(text)
    assert list(diagnostics) == []
