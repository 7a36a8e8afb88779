"""Parts: sub-flows that are machines of their own, where a run does not fit into one.

A part has a history and a definition for itself, each with the service's full bound. It gets what a
map hands to its iterations, ``run`` and ``scope``, so that nothing in it can tell the difference,
and the run goes on when its execution has ended (``startExecution.sync:2``). The execution's name
is derived from run and place: one place starts one.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ir.model import Loop
from flowc_shim.contract.scopes import in_finally, is_outermost
from flowc_targets.step_functions.states import RUN, State, literal

if TYPE_CHECKING:
    from flowc.target import Compilation

LIMIT_REACHED = {
    "ErrorEquals": ["StepFunctions.ExecutionLimitExceededException"],
    "IntervalSeconds": 5,
    "MaxAttempts": 8,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
"""The one error after which nothing was started for sure, so that the name is still free."""


def possible_parts(compilation: Compilation) -> tuple[str, ...]:
    """Return the sub-flows that can be machines of their own: the outermost ones."""
    program, layout = compilation.program, compilation.layout
    return tuple(
        path
        for path in layout.loops
        if isinstance(body := program.steps[path].body, Loop)
        and body.flow is not None
        and layout.scopes.get(path)
        and not in_finally(path)
        and program.flow_around(program.steps[path].scope) is None
    )


def part_task(machine: str, path: str, scope: str) -> State:
    """Return the task that runs the part at ``path``; ``machine``: its name."""
    outer = [] if is_outermost(scope) else ["$.scope"]
    place = "States.Format('{}/0', $.scope)" if outer else "0"
    named = ", ".join([f"{RUN}.id", f"{RUN}.started", literal(path), *outer])
    pattern = "@".join(["{}"] * (3 + len(outer)))
    inputs = {
        "run.$": RUN,
        **({"scope.$": place} if outer else {"scope": place}),
        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
    }
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {
            "StateMachineArn.$": _arn(machine),
            "Name.$": f"States.Hash(States.Format('{pattern}', {named}), 'SHA-256')",
            "Input": inputs,
        },
        "ResultPath": None,
        "Retry": [LIMIT_REACHED],
    }


def _arn(machine: str) -> str:
    """Return what makes the ARN of ``machine``, which is where the run's execution is."""
    words = [f"States.ArrayGetItem(States.StringSplit({RUN}.id, ':'), {n})" for n in (1, 3, 4)]
    return f"States.Format('arn:{{}}:states:{{}}:{{}}:stateMachine:{machine}', {', '.join(words)})"
