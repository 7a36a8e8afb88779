"""Edges: when a task starts, and which dead units it settles first.

What is right here was read in Argo's source (``workflow/controller/dag.go``, 4.0.7):

* A plain ``u`` in ``depends`` means ``u.Succeeded || u.Skipped || u.Daemoned``
  (``common.expandDependency``), so readers of a heavy unit that its guard skipped still start.
* A task whose ``depends`` is false is *omitted*, and an omitted leaf inherits the worst phase of
  its ancestors (``assessDAGPhase``): an unhandled failure fails the DAG although nothing reads it.
* The phase of a DAG is that of its leaves. A failed task behind which some task *completed* does
  not count: that task's phase took over the branch. So a unit whose failure may become a value
  must have a reader that tolerates its death, and that reader must never run because of an
  *omitted* one: it would turn an unhandled failure further up into a success.
* Outputs and exit code of a failed task do not exist, and an argument that names them requeues the
  Workflow for ever (``ErrRequeue``). A status always exists.
"""

from __future__ import annotations

from dataclasses import dataclass

_DIED = ("Succeeded", "Failed", "Errored")


@dataclass(frozen=True, slots=True)
class Edge:
    """A part of ``depends``, and ``unit=status`` if the reader has to settle the unit."""

    depends: str
    settle: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A unit as its readers see it: its id, its task, its guard's task if it has one."""

    unit: str
    task: str
    ask: str | None = None
    handled: bool = False


def edge(before: Run) -> Edge:
    """Return the edge from ``before`` to a reader of it."""
    if not before.handled:
        return Edge(before.task)
    if before.ask is None:
        return Edge(_any(before.task, _DIED), f"{before.unit}={{{{tasks.{before.task}.status}}}}")
    # A guard that died leaves its unit omitted: to the reader, the unit died.
    depends = _any(before.task, (*_DIED, "Skipped"))
    depends = f"({depends[1:-1]} || {before.ask}.Failed || {before.ask}.Errored)"
    status = (
        f"{{{{=tasks['{before.ask}'].status == 'Succeeded'"
        f" ? tasks['{before.task}'].status : tasks['{before.ask}'].status}}}}"
    )
    return Edge(depends, f"{before.unit}={status}")


def after_loop(open_run: Run, fan: str, *, may_skip: bool = False) -> Edge:
    """Return when a loop is closed: after all items, whatever became of them.

    The close judges how many items may fail, so it tolerates a failed fan-out. The fan-out of no
    item succeeds. If the opening died, the fan-out is omitted; then the loop is only closed if its
    failure may become a value. ``may_skip``: passes, of which there may be none.
    """
    ended = (*_DIED, "Skipped") if may_skip else _DIED
    if not open_run.handled:
        return Edge(_any(fan, ended))
    opened = edge(open_run)
    return Edge(f"{opened.depends} && {_any(fan, (*ended, 'Omitted'))}", opened.settle)


def ended_somehow(task: str) -> str:
    """Return the part of ``depends`` that holds once nothing more will become of ``task``."""
    return _any(task, (*_DIED, "Skipped", "Omitted"))


def count_of(open_task: str) -> str:
    """Return the expression for the number of items that an opening decided.

    Resolved in ``resolveDependencyReferences`` before the fan-out's template is entered; that is
    strict about ``tasks.…``, and the validator passes expressions unread.
    """
    return f"{{{{=jsonpath(tasks['{open_task}'].outputs.parameters.verdict, '$.count')}}}}"


def go_of(ask_task: str) -> str:
    """Return the condition that a guard answered with "start"."""
    return f"{{{{=jsonpath(tasks['{ask_task}'].outputs.parameters.verdict, '$.go')}}}} == true"


def _any(task: str, phases: tuple[str, ...]) -> str:
    return "(" + " || ".join(f"{task}.{phase}" for phase in phases) + ")"
