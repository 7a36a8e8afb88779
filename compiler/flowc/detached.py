"""Detached flows: each is compiled by itself, and pinned by its digest in what starts runs of it.

It has the names of the flow that starts it and is deployed with it: a release is all of them.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowc.ir.model import Call
from flowc.ir.placement import RUNS, PlacedCall
from flowc.placing.variables import variable_names
from flowc.source.decode_sub_flow import INPUT
from flowc.source.stack_model import ComponentClass
from flowc_shim.contract.steps import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc.driver import Analysis, Options
    from flowc.ir.model import Detached, Program
    from flowc.target import Compilation

CLASS = "detached flows"
"""The class in plans whose components are flows; no plugin that is written has its type."""

SHOWN = 8
"""Digits of a digest in names."""

LONGEST_NAME = 30
_NAME_PART = re.compile(r"[^a-z0-9]+")


def detached_flows(program: Program) -> Iterator[tuple[str, Detached]]:
    """Yield the steps that start runs, and of what."""
    for path, step in program.steps.items():
        if isinstance(step.body, Call) and step.body.detached is not None:
            yield path, step.body.detached


def options_for(child: Analysis, options: Options) -> Options:
    """Return how to compile a detached flow: where the one that starts it is, and no more of it."""
    known = variable_names(child.program)
    given = {variable.name for variable in child.program.variables if variable.given}
    sets = {name: value for name, value in options.sets.items() if name in known - given}
    return replace(options, sets=sets, bindings=(), sole_flow=False, triggers=())


def options_without(analysis: Analysis, options: Options) -> Options:
    """Return ``options`` for a flow, without what is of the detached flows below it alone."""
    if not analysis.detached:
        return options
    own = variable_names(analysis.program)
    others = _names_below(analysis) - own
    sets = {name: value for name, value in options.sets.items() if name not in others}
    return replace(options, sets=sets, sole_flow=False)


def _names_below(analysis: Analysis) -> set[str]:
    found: set[str] = set()
    for child in analysis.detached.values():
        found |= variable_names(child.program) | _names_below(child)
    return found


def starting_calls(analysis: Analysis, below: Mapping[str, Compilation]) -> dict[str, PlacedCall]:
    """Return the calls that start runs, by step path; all of them have one class."""
    flows: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for child in below.values():
        name, plan = flow_name(child), child.plan
        flows[name] = {"plan": plan.digest}
        if plan.input_schema is not None and plan.enforce_schemas:
            # as text, so that nothing in it is taken for the name of a secret
            flows[name]["schema"] = json.dumps(plan.input_schema, sort_keys=True)
            if plan.data:  # what the input lacks is known when the run begins
                flows[name]["data"] = dict(plan.data)
            else:
                schemas[name] = {"type": "object", "properties": {INPUT: plan.input_schema}}
    config = {"type": RUNS, "flows": dict(sorted(flows.items()))}
    cls = ComponentClass(CLASS, RUNS, config, analysis.program.span, input_schemas=schemas)
    return {
        path: PlacedCall((Candidate(CLASS, flow_name(child)),), (cls,))
        for path, child in below.items()
    }


def flow_name(child: Compilation) -> str:
    """Return what a detached flow is called where runs of it are started: its name and version."""
    slug = _NAME_PART.sub("-", child.program.name.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return f"{slug or 'flow'}-{child.plan.digest[:SHOWN]}"
