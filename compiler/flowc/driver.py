"""The compiler's core: a decoded flow and a stack become a compilation.

Pure: no files, clock, environment or network. Problems accumulate in the diagnostics; each stage
stops at its barrier, where going on would only report consequences.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowc.detached import detached_flows, options_for, options_without, starting_calls
from flowc.diagnostics import Diagnostics, Severity
from flowc.ir.build_plan import MAX_ITEMS, build_plan
from flowc.ir.layout import STEP, build_layout
from flowc.ir.resolve import resolve
from flowc.passes import BARRIERS, INDEPENDENT, PASSES, Context
from flowc.placing import place
from flowc.placing.routing import plan_routes
from flowc.target import Compilation, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.ir.model import Program
    from flowc.ir.placement import PlacedCall, Placement
    from flowc.source.bindings import Binding
    from flowc.source.model import SourceFlow
    from flowc.source.project_model import Environment, Trigger
    from flowc.source.stack_model import Stack
    from flowc_shim.contract.json_types import Json

_HASH = 6
_NAME_PART = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile, besides flow and stack. ``stacks``: all of the file, for bindings.

    ``flow``: the flow's name in its project or else from its file. ``sets``: values for a local
    run only. ``require_values``: variables that a run needs must have a value. ``sole_flow``: the
    environment serves no other flow. ``has_all_routes``: the stack was decoded without losing any.
    ``triggers``: what starts the flow there.
    """

    flow: str = ""
    granularity: str = STEP
    project: str = ""
    branch: str = ""
    environment: Environment | None = None
    bindings: tuple[Binding, ...] = ()
    stacks: Mapping[str, Stack] = field(default_factory=dict)
    sets: Mapping[str, Json] = field(default_factory=dict)
    require_values: bool = True
    sole_flow: bool = False
    has_all_routes: bool = True
    triggers: tuple[Trigger, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """A Program, and whether it is whole: free of errors, all passes done.

    One that is not may only be looked at for further, independent errors. ``detached``: the same of
    the flows that its steps start runs of, by step path.
    """

    program: Program
    whole: bool
    detached: Mapping[str, Analysis] = field(default_factory=dict)


def analyse(flow: SourceFlow, diagnostics: Diagnostics, *, sound: bool = True) -> Analysis:
    """Return the Program of ``flow``, checked; it is the same under any stack.

    ``sound``: the flow was decoded without errors. What a pass finds in one that was not may be a
    consequence, so that only passes run then which look at one thing at a time, and only errors
    count.
    """
    found = Diagnostics()
    program = resolve(flow, found)
    whole = sound and not found.has_errors
    context = Context(found)
    for one in PASSES:
        if whole or one in INDEPENDENT:
            program = one(program, context)
        if one in BARRIERS and found.has_errors:
            whole = False
    detached = _analyse_detached(program, found, sound=sound)
    _take(found, diagnostics, only_errors=not sound)
    return Analysis(program, whole and not found.has_errors, detached)


def _analyse_detached(
    program: Program, diagnostics: Diagnostics, *, sound: bool
) -> dict[str, Analysis]:
    """Return the flows that steps start runs of; one that several do is analysed once."""
    known: dict[object, Analysis] = {}
    found = {}
    for path, flow in detached_flows(program):
        if flow.variant not in known:
            known[flow.variant] = analyse(flow.flow, diagnostics, sound=sound)
        found[path] = known[flow.variant]
    return found


def compile_program(
    analysis: Analysis, stack: Stack, target: Target, options: Options, diagnostics: Diagnostics
) -> Compilation | None:
    """Return the program placed on ``stack`` and checked for ``target``, or None after errors."""
    below = _compile_detached(analysis, stack, target, options, diagnostics)
    found = Diagnostics()
    placement = _place(analysis, stack, target, options, found, starting_calls(analysis, below))
    _take(found, diagnostics, only_errors=not analysis.whole)
    if placement is None or found.has_errors or not analysis.whole:
        return None
    compilation = replace(
        _compilation(analysis.program, placement, options, target), detached=below
    )
    found = Diagnostics()
    target.check(compilation, found)
    _take(found, diagnostics)
    return None if found.has_errors else compilation


def _compile_detached(
    analysis: Analysis, stack: Stack, target: Target, options: Options, diagnostics: Diagnostics
) -> dict[str, Compilation]:
    """Return what steps start runs of, by step path, without what has errors."""
    known: dict[int, Compilation | None] = {}
    for child in analysis.detached.values():
        if id(child) not in known:
            own = options_for(child, options)
            known[id(child)] = compile_program(child, stack, target, own, diagnostics)
    found = {path: known[id(child)] for path, child in analysis.detached.items()}
    return {path: child for path, child in found.items() if child is not None}


def compile_flow(
    flow: SourceFlow, stack: Stack, target: Target, options: Options, diagnostics: Diagnostics
) -> Compilation | None:
    """Return everything that ``target`` needs to emit or run ``flow``, or None after errors.

    ``flow`` must have been decoded without errors.
    """
    analysis = analyse(flow, diagnostics)
    return compile_program(analysis, stack, target, options, diagnostics)


def _place(
    analysis: Analysis,
    stack: Stack,
    target: Target,
    options: Options,
    found: Diagnostics,
    detached: Mapping[str, PlacedCall],
) -> Placement | None:
    options = options_without(analysis, options)
    return place(
        analysis.program,
        stack,
        environment=options.environment,
        sets=options.sets,
        target=target.name,
        require_values=options.require_values,
        sole_flow=options.sole_flow,
        flow=options.flow,
        bindings=options.bindings,
        project=options.project,
        branch=options.branch,
        check_values=analysis.whole,
        has_all_routes=options.has_all_routes,
        stacks=options.stacks,
        detached=detached,
        diagnostics=found,
    )


def _compilation(
    program: Program, placement: Placement, options: Options, target: Target
) -> Compilation:
    flow = options.flow or program.name or "flow"
    shared = shared_name(flow, options)
    placement = replace(placement, endpoints=target.endpoints(placement.stack, shared))
    limits = target.limits
    layout = build_layout(
        program, placement, options.granularity,
        limits.get("pass_seconds"), limits.get("container_calls"),
    )  # fmt: skip
    routes = plan_routes(program, placement)
    plan = build_plan(
        program, placement, layout, routes,
        limits.get("max_items", MAX_ITEMS), limits.get("max_items_nested"), limits.get("lanes", 0),
    )  # fmt: skip
    name = compilation_name(flow, options)
    return Compilation(program, placement, layout, plan, name, shared, options.triggers)


def compilation_name(flow: str, options: Options) -> str:
    """Return the base of all names on a target: ``<project>-<branch>-<flow>``, what is there.

    In a project a short hash follows where the spelling lost something, or where the branch has a
    hyphen itself: ``feature/x`` and ``feature-x`` are two branches, and neither is ``feature`` with
    a flow ``x-…``.
    """
    if not options.project:
        return slug(flow) or "flow"
    parts = (options.project, options.branch, flow)
    name = "-".join(part for part in map(slug, parts) if part)
    if all(slug(part) == part for part in parts) and "-" not in options.branch:
        return name
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return "-".join(part for part in (name, digest[:_HASH]) if part)


def shared_name(flow: str, options: Options) -> str:
    """Return the base of names of what the flows of a project and branch share.

    Without a project nothing says which flows belong together, so that ``flow`` has its own.
    """
    return compilation_name("" if options.project else flow, options)


def slug(text: str) -> str:
    """Return ``text`` in lower case with everything but letters and digits as single hyphens.

    >>> slug("My Flow (v2)")
    'my-flow-v2'
    """
    return _NAME_PART.sub("-", text.lower()).strip("-")


def _take(found: Diagnostics, into: Diagnostics, *, only_errors: bool = False) -> None:
    into.found.extend(one for one in found if one.severity is Severity.ERROR or not only_errors)
