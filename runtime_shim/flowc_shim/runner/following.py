"""A process that follows: it runs the program of its place, and decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.errors import FlowError
from flowc_shim.contract.steps import PlanCall
from flowc_shim.contract.verdict import Status, Verdict
from flowc_shim.language.evaluate import evaluate
from flowc_shim.runner.attempts import call_of, choose
from flowc_shim.runner.host import Host
from flowc_shim.runner.keys import parse_indices

if TYPE_CHECKING:
    from typing import Any

    from flowc_shim.runner.gang import Gang
    from flowc_shim.runner.runtime import Runtime


def follow(runtime: Runtime, gang: Gang) -> Verdict:
    """Follow who leads to the end; the verdict says nothing of the unit."""
    gang.join()
    while (found := gang.next_call()) is not None:
        _make(runtime, gang, *found)
    return Verdict(Status.DONE)


def _make(runtime: Runtime, gang: Gang, number: int, content: dict[str, Any]) -> None:
    """Make one call, as who leads makes it."""
    step, indices = runtime.plan.steps[content["step"]], parse_indices(content["scope"])
    assert isinstance(step.body, PlanCall)
    assert gang.rank is not None
    with gang.until_over(number) as stop:
        try:
            value = evaluate(step.body.input, runtime.scope(step, indices))
            candidate = choose(step.body.candidates, value)
            client = runtime.clients.bring_up(candidate.component_class, stop)
            call = call_of(
                runtime, step, candidate, indices, value, content["attempt"],
                hosts=tuple(content["hosts"]), ranks=(gang.rank,), cancelled=stop,
            )  # fmt: skip
            output = client.call(call, Host(runtime, call.idempotency_key))
            if gang.rank == 0:
                # Before it is written anywhere; who leads looks at the rest.
                runtime.variables.refuse_secrets(output, f"the output of `{step.id}`")
                gang.say(f"output/{number}", output)
        except FlowError as failure:
            if not stop.is_set():
                error = runtime.variables.masked(failure.info.with_attempt(content["attempt"]))
                gang.say(f"failed/{number}/{gang.rank}", error.to_json())
