"""Sub-flows: every step with `flow` gets the steps and the output of that file.

So a flow's program, and with it the digest of its plan, holds all that it runs: what is deployed
later changes no run that is under way. A detached flow stays a flow of its own, and is read here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.source.model import SourceCall, SourceFlow, SourceLoop, SourceStep

if TYPE_CHECKING:
    from flowc.source.model import SourceSubFlow

Load = Callable[[str, Span], "SourceFlow | None"]
"""Returns the flow at a path, relative to the file of the place; None if it was reported."""

_OR_DETACHED = "; or start a run of its own with `detached: true`"


def link_flows(flow: SourceFlow, load: Load, diagnostics: Diagnostics) -> SourceFlow:
    """Return ``flow`` with all flows below it; what cannot be one stays empty, and is reported."""
    return _Linker(load, diagnostics).linked(flow, ())


@dataclass(slots=True)
class _Linker:
    load: Load
    diagnostics: Diagnostics
    known: dict[str, SourceFlow] = field(default_factory=dict)

    def linked(self, flow: SourceFlow, around: tuple[str, ...]) -> SourceFlow:
        """Return ``flow``, which the files ``around`` run, with what it runs itself."""
        if not any(map(_has_sub_flow, (*flow.steps, *flow.finally_steps))):
            return flow
        chain = (*around, flow.file)
        return replace(
            flow,
            steps=tuple(self._step(step, chain) for step in flow.steps),
            finally_steps=tuple(self._step(step, chain) for step in flow.finally_steps),
        )

    def _step(self, step: SourceStep, chain: tuple[str, ...]) -> SourceStep:
        body = step.body
        if isinstance(body, SourceLoop) and body.flow is not None:
            flow = self._flow(body.flow, chain)
            if flow is None:
                return step
            body = replace(
                body, steps=flow.steps, output=flow.output, flow=replace(body.flow, flow=flow)
            )
        elif isinstance(body, SourceCall):
            if body.detached is not None:
                flow = self._flow(body.detached, chain, detached=True)
                body = replace(body, detached=replace(body.detached, flow=flow))
        else:
            body = replace(body, steps=tuple(self._step(inner, chain) for inner in body.steps))
        return replace(step, body=body)

    def _flow(
        self, sub: SourceSubFlow, chain: tuple[str, ...], *, detached: bool = False
    ) -> SourceFlow | None:
        flow = self.load(sub.file.value, sub.file.span)
        if flow is None:
            return None
        if flow.file in chain:
            cycle = " → ".join([*chain[chain.index(flow.file) :], flow.file])
            self.diagnostics.report(
                codes.SUB_FLOW_CYCLE,
                f"these flows run each other: {cycle}",
                sub.file.span,
                hint="use `while` for what is done again and again",
            )
            return None
        if not detached and not self._can_be_one(flow, sub):
            return None
        if flow.file not in self.known:
            named = replace(flow, name=flow.name or PurePosixPath(flow.file).stem)
            self.known[flow.file] = self.linked(named, chain)
        return self.known[flow.file]

    def _can_be_one(self, flow: SourceFlow, sub: SourceSubFlow) -> bool:
        why = None
        if not flow.facts.unconsumed_steps_run:
            why, hint = "it is a Stepflow file", "give it `schema: flowc/v1`"
        elif flow.finally_steps:
            why, hint = "it has `finally`", "write `finally` in the outermost flow" + _OR_DETACHED
        if why is None:
            return True
        self.diagnostics.report(
            codes.NOT_A_SUB_FLOW, f"`{flow.file}` cannot be run by a step: {why}", sub.file.span,
            hint=hint,
        )  # fmt: skip
        return False


def _has_sub_flow(step: SourceStep) -> bool:
    body = step.body
    if isinstance(body, SourceCall):
        return body.detached is not None
    if isinstance(body, SourceLoop) and body.flow is not None:
        return True
    return any(map(_has_sub_flow, body.steps))
