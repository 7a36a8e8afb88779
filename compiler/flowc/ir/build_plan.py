"""Program + Placement + Layout → the plan that the shim reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ir.model import Call, Program, Step, SubFlow, While
from flowc.ir.placement import IN_CONTAINER, file_reference
from flowc_shim.contract.plan import Plan
from flowc_shim.contract.policies import Cache
from flowc_shim.contract.scopes import in_finally
from flowc_shim.contract.steps import PlanCall, PlanFlow, PlanLoop, PlanStep, PlanUnit, PlanWhile
from flowc_shim.language.canonical import digest

if TYPE_CHECKING:
    from flowc.ir.layout import Layout
    from flowc.ir.placement import PlacedCall, Placement
    from flowc.source.stack_model import ComponentClass
    from flowc_shim.contract.json_types import Json

MAX_ITEMS = 25_000
"""Items of one loop that the language allows (section 7)."""


def build_plan(
    program: Program,
    placement: Placement,
    layout: Layout,
    routes: Json = None,
    max_items: int = MAX_ITEMS,
    max_items_nested: int | None = None,
    lanes: int = 0,
) -> Plan:
    """Return the plan.

    ``routes`` go in for flows that components submit at run time. ``max_items``: what the target
    can fan out; a loop that turns out larger fails before its first item. ``max_items_nested``:
    the same for loops inside loops, where that is less. ``lanes``: the most tasks of a loop whose
    body is one unit, which run several items each above that number; 0 without such.
    """
    nested = max_items if max_items_nested is None else max_items_nested
    stack = placement.stack
    called = (cls for call in placement.calls.values() for cls in call.classes)
    used = {one.name: one for cls in called for one in stack.together(cls)}
    classes = {**stack.classes, **used} if routes is not None else used
    units = {
        unit.id: PlanUnit(unit.id, unit.kind, unit.scope, unit.steps, unit.after, unit.inner)
        for unit in layout.units.values()
    }
    return Plan(
        name=program.name,
        project=placement.project,
        branch=placement.branch,
        steps={
            path: _step(step, placement, _fan_out(path, layout, max_items, nested, lanes))
            for path, step in program.steps.items()
        },
        units=units,
        output=program.output,
        output_may_skip=program.output_may_skip,
        variables=placement.variables,
        classes={name: _configuration(classes[name], placement) for name in sorted(classes)},
        routes=routes,
        input_schema=program.input_schema.value if program.input_schema else None,
        output_schema=program.output_schema.value if program.output_schema else None,
        step_schemas=_step_schemas(program),
        enforce_schemas=program.enforce_schemas,
        fail_fast=program.fail_fast,
        timeout=placement.timeout,
        data={key: file_reference(uri.value) for key, uri in sorted(placement.data.items())},
    )


def _configuration(cls: ComponentClass, placement: Placement) -> dict[str, Json]:
    """Return what a client needs to know of a class; of one that is brought up, its address."""
    url = placement.endpoints.get(cls.name)
    return {**cls.config, **({} if url is None else {"url": url})}


def _step_schemas(program: Program) -> dict[str, Json]:
    found = {path: step.output_schema for path, step in program.steps.items() if step.output_schema}
    found.update((path, schema.value) for path, schema in program.step_schemas.items())
    return found


def _fan_out(path: str, layout: Layout, max_items: int, nested: int, lanes: int) -> tuple[int, int]:
    """Return the most items of the loop at ``path``, and the most lanes that run them."""
    facts = layout.loops.get(path)
    if facts is None:
        return max_items, 0
    if lanes and facts.in_lanes(lanes):
        return MAX_ITEMS, facts.most_tasks(lanes)
    return nested if facts.nested or in_finally(path) else max_items, 0


def _step(step: Step, placement: Placement, fan_out: tuple[int, int]) -> PlanStep:
    return PlanStep(
        path=step.path,
        scope=step.scope,
        body=_body(step, placement, fan_out),
        reads=step.reads,
        needs=step.needs,
        when=step.when,
        join_any=step.join_any,
        guard=step.guard,
        on_error=step.on_error,
    )


def _cache(step: Step, call: PlacedCall, placement: Placement) -> Cache | None:
    """Return a step's ``cache``, with what is known of the component before any run."""
    if step.cache is None:
        return None
    versions = {}
    for cls in call.classes:
        image = placement.stack.unit_image if cls.type in IN_CONTAINER else None
        image = image if cls.deploy is None else cls.deploy.image
        versions[cls.name] = digest({"class": dict(cls.config), "image": image})
    return Cache(step.cache.ttl, step.cache.key, versions)


def _body(
    step: Step, placement: Placement, fan_out: tuple[int, int]
) -> PlanCall | PlanLoop | PlanWhile:
    if isinstance(step.body, Call):
        call = placement.calls[step.path]
        return PlanCall(
            component=step.body.component.value,
            candidates=call.candidates,
            input=call.input_of(step.body),
            timeout=call.timeout,
            retry=call.retry,
            cache=_cache(step, call, placement),
            locations=call.hosts,
        )
    loop = step.body
    if isinstance(loop, While):
        return PlanWhile(
            loop.state, loop.condition, loop.output, loop.max_iterations, loop.stop_at_limit
        )
    return PlanLoop(
        output=loop.output,
        items=loop.items,
        product=loop.product,
        concurrency=placement.concurrency[step.path],
        tolerance=loop.tolerance,
        max_items=fan_out[0],
        records=loop.records,
        lanes=fan_out[1],
        flow=None
        if loop.flow is None
        else _flow(loop.flow, placement.flow_timeouts.get(step.path)),
    )


def _flow(flow: SubFlow, timeout: float | None) -> PlanFlow:
    return PlanFlow(
        flow.input_schema.value if flow.input_schema else None,
        flow.output_schema.value if flow.output_schema else None,
        tuple(flow.variables),
        flow.fail_fast,
        timeout,
    )
