"""Place a program on a stack: classes for calls, numbers for limits, values for variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.ir.model import Call, Loop, Program, Step
from flowc.ir.placement import PlacedCall, Placement
from flowc.passes.declared_schemas import DeclaredSchemas
from flowc.placing.bindings import Bound, bindings_of, holds_in, known_plugin
from flowc.placing.check_inputs import check_input
from flowc.placing.check_locations import check_locations
from flowc.placing.check_preemptible import check_preemptible
from flowc.placing.fixed_values import Fixed
from flowc.placing.other_stacks import OtherStacks, qualified_profile
from flowc.placing.ports import Ports, ports_of
from flowc.placing.resources import check_requirement, own_needs, resources_of
from flowc.placing.routing import Routing, compile_stack_routes
from flowc.placing.variables import LOCAL, Given, VariableRules, resolve_variables
from flowc.source.bindings import StepBinding
from flowc.source.port_bindings import PortBinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.diagnostics import Diagnostics
    from flowc.source.bindings import Binding
    from flowc.source.project_model import Environment
    from flowc.source.stack_model import Stack
    from flowc_shim.contract.json_types import Json

_UNBOUND = Bound()


def place(
    program: Program,
    stack: Stack,
    *,
    diagnostics: Diagnostics,
    environment: Environment | None = None,
    sets: Mapping[str, Json] | None = None,
    target: str | None = None,
    require_values: bool = True,
    sole_flow: bool = False,
    flow: str = "",
    bindings: Iterable[Binding] = (),
    project: str = "",
    branch: str = "",
    check_values: bool = True,
    has_all_routes: bool = True,
    stacks: Mapping[str, Stack] | None = None,
    detached: Mapping[str, PlacedCall] | None = None,
) -> Placement | None:
    """Return ``program`` placed on ``stack``, or None if a step cannot be (reported).

    ``target``: None if it is not known yet; then nothing is refused that some target accepts.
    ``flow``: the name that ``bindings`` call the flow by. ``check_values``: the program is whole,
    so that what its inputs lack is lacking and not merely unresolved. ``stacks``: those of the
    file, which bindings may name. ``detached``: the calls that start runs, by step path. The other
    parameters are those of :class:`flowc.driver.Options`.
    """
    local = target is None or target == LOCAL
    rules = VariableRules(require_values, local, sole_flow)
    sources = _sources(stack, environment)
    variables = resolve_variables(program, sources, sets or {}, rules, diagnostics)
    given = frozenset(one.name for one in program.variables if one.given)
    name = None if environment is None else environment.name
    # of two that say the same thing the project's wins, and then the later one
    told = [one for one in (*stack.bindings, *bindings) if one.flow in (None, flow)]
    of_steps = [one for one in told if isinstance(one, StepBinding)]
    of_ports = [one for one in told if isinstance(one, PortBinding) and holds_in(one, name)]
    ports = ports_of(program, of_ports, diagnostics) if check_values else Ports()
    placing = _Placing(
        program=program,
        schemas=DeclaredSchemas(program),
        stack=stack,
        routing=compile_stack_routes(stack, has_all_routes, diagnostics),
        fixed=Fixed(variables.known, given, diagnostics),
        bound=bindings_of(program, name, of_steps, stack, diagnostics),
        ports=ports,
        others=OtherStacks(stack, stacks or {}, diagnostics),
        local=local,
        check_values=check_values,
        detached=detached or {},
        diagnostics=diagnostics,
    )
    calls, concurrency, complete = placing.steps()
    timeout, flow_timeouts = placing.fixed.timeout(program.timeout), placing.flow_timeouts()
    if not complete:
        return None
    return Placement(
        stack=placing.others.merged(),
        calls=calls,
        concurrency=concurrency,
        variables=tuple(variables.plan),
        secrets=variables.secrets,
        project=project,
        branch=branch,
        timeout=timeout,
        flow_timeouts=flow_timeouts,
        data=ports.run,
    )


def _sources(stack: Stack, environment: Environment | None) -> tuple[Given, ...]:
    on_stack = Given(stack.variables, stack.variable_spans, f"stack `{stack.name}`")
    if environment is None:
        return (on_stack,)
    what = f"environment `{environment.name}`"
    return (
        Given(environment.variables, environment.variable_spans, what, exclusive=True),
        on_stack,
    )


@dataclass(slots=True)
class _Placing:
    """One program on its way onto one stack."""

    program: Program
    schemas: DeclaredSchemas
    stack: Stack
    routing: Routing
    fixed: Fixed
    bound: Mapping[str, Bound]
    ports: Ports
    others: OtherStacks
    local: bool
    check_values: bool
    detached: Mapping[str, PlacedCall]
    diagnostics: Diagnostics

    def steps(self) -> tuple[dict[str, PlacedCall], dict[str, int], bool]:
        """Place every step; the last of the result says whether all could be placed."""
        calls: dict[str, PlacedCall] = {}
        concurrency: dict[str, int] = {}
        complete = True
        for path, step in self.program.steps.items():
            if isinstance(step.body, Loop):
                concurrency[path] = self.fixed.concurrency(step.body, step.span)
            if not isinstance(step.body, Call):
                continue
            call = self._placed(step, step.body)
            complete = complete and call is not None
            if call is not None:
                calls[path] = call
        return calls, concurrency, complete

    def flow_timeouts(self) -> dict[str, float]:
        """Return the seconds that sub-flows have, by the path of their step."""
        found: dict[str, float] = {}
        for path, step in self.program.steps.items():
            flow = step.body.flow if isinstance(step.body, Loop) else None
            seconds = None if flow is None else self.fixed.timeout(flow.timeout)
            if seconds is not None:
                found[path] = seconds
        return found

    def _placed(self, step: Step, body: Call) -> PlacedCall | None:
        call = self._call(step, body) if body.detached is None else self.detached.get(step.path)
        if call is not None and self.check_values:
            check_input(step, body, call, self.schemas, self.diagnostics)
        return call

    def _call(self, step: Step, body: Call) -> PlacedCall | None:
        bound = self.bound.get(step.path, _UNBOUND)
        timeout = self.fixed.timeout(step.timeout)
        retry = self.fixed.retry(step.retry)
        routing = self.routing if bound.stack is None else self.others.routing(bound.stack)
        if routing is None:
            return None
        wanted = resources_of(step, bound.resources, routing.stack, self.fixed)
        if not body.component.value:
            return None  # it could not be read
        plugin = bound.plugin
        if plugin is not None and bound.stack is not None:
            plugin = known_plugin(plugin, routing.stack, self.diagnostics)
        if bound.inherited and routing.leads_to_builtins(body.component.value):
            plugin = None  # they run wherever a shim does
        candidates = routing.route(body.component, plugin)
        if not candidates:
            return None
        names = dict.fromkeys(candidate.component_class for candidate in candidates)
        classes = tuple(routing.stack.classes[name] for name in names)
        if wanted is not None and not self.local:
            check_requirement(step, wanted, classes, self.diagnostics)
        profile = wanted.profile if wanted else None
        if bound.stack is not None:
            candidates, classes = self.others.qualified(bound.stack.value, candidates, classes)
            profile = qualified_profile(bound.stack.value, profile)
        call = PlacedCall(
            candidates=candidates,
            classes=classes,
            timeout=timeout,
            retry=retry,
            needs=own_needs(wanted, classes),
            profile=profile,
            locations=bound.locations,
            data=self.ports.steps.get(step.path, {}),
        )
        check_locations(step, call, self.diagnostics)
        if not self.local:
            check_preemptible(step, call, self.diagnostics)
        return call
