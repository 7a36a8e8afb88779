"""What most commands begin with: load, analyse, compile, and report what was found."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TextIO

from flowc.cli.reporting import report
from flowc.diagnostics import Diagnostics
from flowc.driver import Analysis, Options, analyse, compile_program
from flowc.loading import Choice, LoadedFlow, Loader, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import Stack
    from flowc.target import Compilation, Target
    from flowc_shim.contract.json_types import Json


_NO_FLOW = "schema: flowc/v1\nsteps: []\noutput: {}\n"
"""A flow that needs nothing of a stack but what every flow needs."""


@dataclass(slots=True)
class Session:
    """One command's work: its loader, and everything found so far."""

    lenient: bool = False
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    loader: Loader = field(init=False)

    def __post_init__(self) -> None:
        self.loader = Loader(self.diagnostics, lenient=self.lenient)

    def analyse(self, flow: LoadedFlow) -> Analysis | None:
        """Return the program of ``flow``; None if too little of it could be read."""
        if not flow.complete:
            return None
        return analyse(flow.source, self.diagnostics, sound=flow.sound)

    def compile(
        self, flow: LoadedFlow, place: Place, target: Target, options: Options
    ) -> Compilation | None:
        """Return the compilation of ``flow`` at ``place``, or None after errors."""
        analysis = self.analyse(flow)
        if analysis is None:
            return None
        return compile_program(analysis, place.stack, target, options, self.diagnostics)

    def compile_named(
        self, name: str, choice: Choice, target_name: str, granularity: str
    ) -> Compilation | None:
        """Return the compilation of the flow called ``name`` for one target, or None."""
        return self.compile_loaded(self.loader.flow(name), choice, target_name, granularity)

    def compile_loaded(
        self,
        flow: LoadedFlow | None,
        choice: Choice,
        target_name: str,
        granularity: str,
        sets: Mapping[str, Json] | None = None,
    ) -> Compilation | None:
        """Return the compilation of ``flow`` for one target, or None after any error at all."""
        from flowc.targets import find_target

        target = find_target(target_name, self.diagnostics)
        choice = replace(choice, target=target.name if target is not None else None)
        place = None if flow is None else self.loader.place(flow, choice)
        if flow is None or place is None or target is None:
            if flow is not None:
                self.analyse(flow)  # for what else there is to say
            return None
        check_target(place, target, self.diagnostics)
        check_strategy(flow, place, target, self.diagnostics)
        options = replace(
            self.loader.options(flow, place, granularity), require_values=True, sets=sets or {}
        )
        compilation = self.compile(flow, place, target, options)
        return None if self.diagnostics.has_errors else compilation

    def check_stack(self, stack: Stack) -> None:
        """Report what of ``stack`` its own target cannot serve, whatever flow runs on it."""
        from flowc.source.decode_flow import decode_flow
        from flowc.source.yaml_reader import read
        from flowc.targets import find_target

        target = find_target(stack.target or "local", self.diagnostics)
        document = read(_NO_FLOW, "<no flow>", self.diagnostics)
        source = None if document is None else decode_flow(document, self.diagnostics)
        if target is not None and source is not None:
            analysis = analyse(source, self.diagnostics)
            unbound = replace(stack, bindings=())  # of steps that this flow has not
            compile_program(analysis, unbound, target, Options(flow="none"), self.diagnostics)

    def report(self, format: str, stream: TextIO | None = None) -> int:
        """Print everything found, by default on stderr; return the exit code."""
        return report(self.diagnostics, self.loader.texts, format, stream or sys.stderr)


def check_target(place: Place, target: Target, diagnostics: Diagnostics) -> None:
    """Report a target that is not the one that the stack is for."""
    from flowc.diagnostics import codes

    stack = place.stack
    if stack.target is not None and stack.target != target.name:
        diagnostics.report(
            codes.TARGET_DIFFERS,
            f"stack `{stack.name}` is for target `{stack.target}`, not `{target.name}`",
            stack.target_span or stack.span,
            hint=f"choose `--target {stack.target}`, or a stack that is for `{target.name}`",
        )


def check_strategy(
    flow: LoadedFlow, place: Place, target: Target, diagnostics: Diagnostics
) -> None:
    """Report a run strategy: nothing acts on one yet, and it must not be taken for kept.

    Here runs are started by hand, and meet nobody.
    """
    from flowc.cli.local_runs import LOCAL
    from flowc.diagnostics import codes

    if target.name == LOCAL or flow.project is None or not flow.listed:
        return
    strategy = flow.project.strategy_of(flow.name, place.environment)
    if strategy is not None and strategy.value != "parallel":
        diagnostics.report(
            codes.NOT_BUILT_YET,
            f"`strategy: {{rule: {strategy.value}}}` of flow `{flow.name}` is not built yet",
            strategy.span,
            hint="leave the strategy out: runs then start whenever they are due",
        )
