"""DAG templates: scopes, segments and fan-outs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowc_shim.contract.scopes import ROOT, in_finally, is_outermost
from flowc_targets._shared.names import unique_names
from flowc_targets.argo.cells import (
    SETTLES_PER_TASK,
    Cell,
    Segment,
    cells_of,
    guarded,
    segments_of,
)
from flowc_targets.argo.edges import Run, after_loop, count_of, edge, ended_somehow, go_of
from flowc_targets.argo.lanes import as_lane, lane_scope
from flowc_targets.argo.leaves import LeafClass, light_class, settle_parameters, unit_class
from flowc_targets.argo.passes import (
    AGAIN,
    around,
    chunk_dag,
    chunks_of,
    dag_inputs,
    entering,
    goes_on,
    next_place,
    same_place,
)
from flowc_targets.argo.tasks import SCOPE, Document, dag, scope_argument, task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowc.ir.layout import Layout, LoopFacts, Unit, WhileFacts
    from flowc_targets.argo.means import Means

ENTRY = "main"
EXIT = ":on-exit"
NAME = 63
"""Longest name of a task or template; Argo allows 128, but names end up in pods' names."""

WORDS = frozenset(
    ["and", "contains", "else", "endsWith", "false", "if", "in", "let", "matches", "nil", "not",
     "or", "startsWith", "true"]
)  # fmt: skip
"""No names for tasks: ``depends`` is evaluated as an expression over the tasks' names."""

SHOWN_STEPS = 20
"""Steps of a unit that its pod names."""


@dataclass(slots=True)
class Dags:
    """The DAG templates of a flow, and the classes of pods that they use, in order of use.

    ``means``: what the pods of a unit may do that others may not.
    """

    layout: Layout
    means: Mapping[str, Means]
    templates: list[Document] = field(default_factory=list)
    leaves: dict[LeafClass, None] = field(default_factory=dict)
    template_names: dict[str, str] = field(default_factory=dict)

    def leaf(self, leaf: LeafClass) -> str:
        """Return the name of the template for ``leaf``, which is emitted from now on."""
        self.leaves.setdefault(leaf)
        return leaf.name


def build_dags(layout: Layout, means: Mapping[str, Means]) -> Dags:
    """Return all DAG templates, each before those that it calls."""
    dags = Dags(layout, means)
    segments = {scope: segments_of(cells_of(layout, scope)) for scope in layout.scopes}
    ids = [EXIT, *(_scope_id(layout, scope) for scope in layout.scopes if is_outermost(scope))]
    for loop in layout.loops:
        ids += [f"{loop}:fan", f"{loop}:item"]
    for loop in layout.whiles:
        ids += [f"{loop}:pass", f"{loop}:chunk"]
    for scope, found in segments.items():
        if len(found) > 1:
            ids += [_segment_id(scope, segment) for segment in found]
    dags.template_names = unique_names(ids, NAME, WORDS)
    for scope, found in segments.items():
        _scope_dag(dags, scope, found)
    return dags


def _scope_id(layout: Layout, scope: str) -> str:
    if is_outermost(scope):
        return scope or ENTRY
    return f"{scope}:pass" if scope in layout.whiles else f"{scope}:item"


def _segment_id(scope: str, segment: Segment) -> str:
    return f"{scope or ENTRY}:from:{_relative(segment.cells[0].id, scope)}"


def _relative(id: str, scope: str) -> str:
    return id[len(scope) + 1 :] if scope else id


def _scope_dag(dags: Dags, scope: str, segments: list[Segment]) -> None:
    """Add the template of a scope: the entrypoint, or the body of a loop's item."""
    name = dags.template_names[_scope_id(dags.layout, scope)]
    inputs = dag_inputs(dags.layout, scope)
    cells = [cell for segment in segments for cell in segment.cells]
    names = unique_names(_task_ids(dags.layout, cells, scope), NAME, WORDS)
    here = len(dags.templates)
    if len(segments) == 1:
        # A dead unit fails its item's DAG, which the loop's close tolerates and settles: there,
        # settling costs no pod per item.
        tasks = _tasks(dags, scope, cells, names, settle=is_outermost(scope))
        dags.templates.insert(here, dag(name, inputs, tasks or [_empty_run(dags)]))
        return
    parts = [dags.template_names[_segment_id(scope, segment)] for segment in segments]
    outer = [
        task(part, part, [parts[index] for index in segment.after], same_place(inputs))
        for part, segment in zip(parts, segments, strict=True)
    ]
    dags.templates.append(dag(name, inputs, outer))
    for part, segment in zip(parts, segments, strict=True):
        here = len(dags.templates)
        tasks = _tasks(dags, scope, segment.cells, names, settle=True)
        dags.templates.insert(here, dag(part, inputs, tasks))


def _task_ids(layout: Layout, cells: Sequence[Cell], scope: str) -> list[str]:
    ids = []
    settles = 0
    for cell in cells:
        here = _relative(cell.id, scope)
        if len(cell.units) == 2:
            middle = "passes" if cell.id in layout.whiles else "fan"
            ids += [f"{here}:open", f"{here}:{middle}", f"{here}:close"]
        elif cell.units[0].kind == "next":
            ids += [here, AGAIN]
        else:
            ids += [here, f"{here}:ask"] if guarded(cell.units[0]) else [here]
        settles += sum(unit.handled for unit in cell.units)
    return ids + [_settle_id(number) for number in range(-(-settles // SETTLES_PER_TASK))]


def _settle_id(number: int) -> str:
    return f":settle:{number + 1}" if number else ":settle"


def _tasks(
    dags: Dags, scope: str, cells: Sequence[Cell], names: dict[str, str], *, settle: bool
) -> list[Document]:
    """Return the tasks of ``cells``; with ``settle``, so that no handled death fails the DAG."""
    runs = {unit.id: _run(unit, cell, scope, names) for cell in cells for unit in cell.units}
    tasks: list[Document] = []
    read: set[str] = set()
    for cell in cells:
        first = cell.units[0]
        before = [runs[id] for id in first.after if id in runs]
        read.update(run.unit for run in before)
        if len(cell.units) == 2:
            read.add(first.id)
            tasks += _loop_tasks(dags, cell, runs, before, names)
        elif first.kind == "next":
            tasks += _next_tasks(dags, first, runs[first.id], before, names[AGAIN])
        else:
            tasks += _unit_tasks(dags, first, runs[first.id], before)
    if settle:
        unread = [run for run in runs.values() if run.handled and run.unit not in read]
        tasks += _settling(dags, scope, unread, names)
    return tasks


def _run(unit: Unit, cell: Cell, scope: str, names: dict[str, str]) -> Run:
    here = _relative(cell.id, scope)
    if len(cell.units) == 2:
        return Run(unit.id, names[f"{here}:{unit.kind}"], handled=unit.handled)
    ask = names[f"{here}:ask"] if guarded(unit) else None
    return Run(unit.id, names[here], ask, unit.handled)


def _unit_tasks(dags: Dags, unit: Unit, run: Run, before: list[Run]) -> list[Document]:
    scoped = not is_outermost(unit.scope)
    first = unit.scope == ROOT and not unit.after
    unit = as_lane(unit, dags.layout.loops.get(unit.scope))
    edges = [edge(other) for other in before]
    settles = [found.settle for found in edges if found.settle is not None]
    depends = [found.depends for found in edges]
    arguments = [*_unit_arguments(unit), *_settle_arguments(settles)]
    if run.ask is None:
        leaf = unit_class(unit, settles=len(settles), first=first, scoped=scoped)
        leaf = replace(leaf, means=dags.means.get(unit.id))
        return [task(run.task, dags.leaf(leaf), depends, arguments)]
    asking = light_class("ask", settles=len(settles), first=first, scoped=scoped)
    leaf = unit_class(unit, settles=0, first=False, scoped=scoped)
    asked = [argument for argument in arguments if argument["name"] != "steps"]
    heavy = task(run.task, dags.leaf(leaf), [run.ask], _unit_arguments(unit))
    heavy["when"] = go_of(run.ask)
    return [task(run.ask, dags.leaf(asking), depends, asked), heavy]


def _loop_tasks(
    dags: Dags, cell: Cell, runs: dict[str, Run], before: list[Run], names: dict[str, str]
) -> list[Document]:
    """Return the three tasks of a loop: open, fan out, close; and add its fan-out template."""
    opening, closing = cell.units
    scope = opening.scope
    tasks = _unit_tasks(dags, opening, runs[opening.id], before)
    opened = runs[opening.id]
    passes = cell.id in dags.layout.whiles
    fan = names[f"{_relative(cell.id, scope)}:{'passes' if passes else 'fan'}"]
    if passes:
        tasks.append(_passes(dags, dags.layout.whiles[cell.id], scope, opened, fan))
    else:
        count = {"name": "count", "value": count_of(opened.task)}
        template = _fan_out(dags, dags.layout.loops[cell.id], scope)
        tasks.append(task(fan, template, [opened.task], [count, *scope_argument(scope)]))
    end = after_loop(opened, fan, may_skip=passes)
    settles = [end.settle] if end.settle else []
    leaf = unit_class(closing, settles=len(settles), first=False, scoped=not is_outermost(scope))
    arguments = [*_unit_arguments(closing), *_settle_arguments(settles)]
    return [*tasks, task(runs[closing.id].task, dags.leaf(leaf), [end.depends], arguments)]


def _fan_out(dags: Dags, facts: LoopFacts, scope: str) -> str:
    """Add the template that runs a loop's items, and return its name.

    ``parallelism`` is an exact bound here: before a task of this DAG starts, ``checkParallelism``
    counts its running Pod and DAG nodes. So an item is always a DAG, also if one unit is all of it:
    of a unit with a retry strategy it would count the pods only, and start a pod for a re-try
    without looking.

    Among the ``finally`` steps there is none (decision 0027), and no more tasks than may run.
    """
    name = dags.template_names[f"{facts.path}:fan"]
    item = "{{item}}" if is_outermost(scope) else f"{SCOPE}/{{{{item}}}}"
    item = lane_scope(item, facts)
    body = dags.template_names[f"{facts.path}:item"]
    each = task("item", body, [], [{"name": "scope", "value": item}])
    each["withSequence"] = {"count": "{{inputs.parameters.count}}"}
    inputs = ["count"] if is_outermost(scope) else ["scope", "count"]
    parallelism = 0 if in_finally(facts.path) else facts.concurrency
    dags.templates.append(dag(name, inputs, [each], parallelism=parallelism))
    return name


def _passes(dags: Dags, facts: WhileFacts, scope: str, opened: Run, name: str) -> Document:
    """Return the task that goes through all passes; and add the template of a chunk, if need be."""
    template = dags.template_names[f"{facts.path}:pass"]
    if chunks_of(facts) > 1:
        chunk = dags.template_names[f"{facts.path}:chunk"]
        light = unit_class(
            dags.layout.units[facts.open], settles=0, first=False, scoped=not is_outermost(scope)
        )
        dags.templates.append(chunk_dag(chunk, template, dags.leaf(light), facts, scope))
        template = chunk
    first = task(name, template, [opened.task], entering(opened.task, scope))
    first["when"] = go_of(opened.task)
    return first


def _next_tasks(dags: Dags, unit: Unit, run: Run, before: list[Run], again: str) -> list[Document]:
    """Return the task that ends a pass, whatever became of it, and the one that is the next."""
    facts = dags.layout.whiles[unit.scope]
    leaf = unit_class(unit, settles=0, first=False, scoped=True)
    ended = [ended_somehow(other.task) for other in before]
    scope = around(facts)
    onward = task(
        again, dags.template_names[f"{facts.path}:pass"], [run.task], next_place(run.task, scope)
    )
    onward["when"] = goes_on(run.task, facts)
    return [task(run.task, dags.leaf(leaf), ended, _unit_arguments(unit)), onward]


def _settling(dags: Dags, scope: str, unread: list[Run], names: dict[str, str]) -> list[Document]:
    """Return the tasks that settle handled units which no task of this DAG reads.

    Each waits for its units to end, not to be omitted: an omitted one has an unhandled failure
    before it, which a task that completes here would hide.
    """
    tasks = []
    for number, start in enumerate(range(0, len(unread), SETTLES_PER_TASK)):
        edges = [edge(run) for run in unread[start : start + SETTLES_PER_TASK]]
        leaf = light_class("settle", settles=len(edges), scoped=not is_outermost(scope))
        arguments = scope_argument(scope) + _settle_arguments([e.settle or "" for e in edges])
        depends = [found.depends for found in edges]
        tasks.append(task(names[_settle_id(number)], dags.leaf(leaf), depends, arguments))
    return tasks


def _empty_run(dags: Dags) -> Document:
    """Return the one task of a flow that needs no step: it puts the run's input into the store."""
    return task("start", dags.leaf(light_class("settle", first=True)), [], [])


def _unit_arguments(unit: Unit) -> list[Document]:
    arguments = [{"name": "unit", "value": unit.id}, *scope_argument(unit.scope)]
    if unit.kind == "steps" and unit.steps != (unit.id,):
        arguments.append({"name": "steps", "value": _shown(unit.steps)})
    return arguments


def _shown(steps: Sequence[str]) -> str:
    """Return the steps of a unit for people: an annotation of a pod, which must stay small."""
    if len(steps) <= SHOWN_STEPS:
        return ", ".join(steps)
    more = len(steps) - SHOWN_STEPS
    return ", ".join([*steps[: SHOWN_STEPS - 1], f"… ({more:,} more)", steps[-1]])


def _settle_arguments(settles: Sequence[str]) -> list[Document]:
    return [
        {"name": name, "value": value}
        for name, value in zip(settle_parameters(len(settles)), settles, strict=True)
    ]
