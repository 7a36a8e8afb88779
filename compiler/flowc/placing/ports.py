"""Ports: inputs of the run, and of steps, that bindings give a file that is there already."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Severity, codes
from flowc.ir.model import Call, Program
from flowc.ir.placement import file_reference
from flowc.ir.references import expression_references, span_of
from flowc.json_schema import Lead, dereference, follow_schema, mismatches, schema_problem
from flowc.passes.step_values import all_nodes
from flowc.placing.bindings import is_step
from flowc.source.decode_steps import ITEM
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.source.model import At
    from flowc.source.port_bindings import PortBinding


@dataclass(frozen=True, slots=True)
class Ports:
    """URIs of files: ``run``, by key of the run's input; ``steps``, by step path, then by key."""

    run: Mapping[str, At[str]] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, At[str]]] = field(default_factory=dict)


def ports_of(program: Program, bindings: Iterable[PortBinding], diagnostics: Diagnostics) -> Ports:
    """Return what ``bindings`` give; of two for one port the later one holds."""
    run: dict[str, At[str]] = {}
    steps: dict[str, dict[str, At[str]]] = {}
    inputs = _Inputs.of(program)
    for one in bindings:
        if not one.path:
            if inputs.takes(one, diagnostics):
                run[one.key] = one.data
            continue
        path = _call_at(program, one, diagnostics)
        if path is not None and _has_room(program, path, one, diagnostics):
            steps.setdefault(path, {})[one.key] = one.data
    return Ports(run, steps)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The members of the run's input: ``names`` that are declared or read; is all of it read?"""

    program: Program
    names: frozenset[str]
    whole: bool

    @classmethod
    def of(cls, program: Program) -> _Inputs:
        declared = dereference(_schema(program), _schema(program))
        properties = declared.get("properties") if isinstance(declared, dict) else None
        names = set(properties) if isinstance(properties, dict) else set()
        read = {path[:1] for path in _read(program)}
        names.update(str(path[0]) for path in read if path)
        return cls(program, frozenset(names), () in read)

    def takes(self, one: PortBinding, diagnostics: Diagnostics) -> bool:
        """Whether the run's input has such a member, and it may be a file; if not, reported."""
        schema = _schema(self.program)
        found = follow_schema(schema, (one.key,))
        if one.key not in self.names and (not self.whole or found.lead is Lead.NOWHERE):
            self._unknown(one, diagnostics)
            return False
        if found.lead is not Lead.SOMEWHERE or not isinstance(found.schema, dict):
            return True
        definitions = schema.get("$defs") if isinstance(schema, dict) else None
        wanted = {**found.schema, **({"$defs": definitions} if definitions else {})}
        problems = mismatches(wanted, file_reference(one.data.value))
        for problem in problems[:1]:
            diagnostics.report(
                codes.INPUT_MISMATCH,
                f"what is bound to `{one.port.value}` is a file, `{{$artifact: uri}}`, "
                f"and the flow's schema takes none: {problem.message}",
                one.data.span,
                # Stepflow never compared the two, and flows rely on it.
                severity=None if self.program.enforce_schemas else Severity.WARNING,
            )
        return not (problems and self.program.enforce_schemas)

    def _unknown(self, one: PortBinding, diagnostics: Diagnostics) -> None:
        near = get_close_matches(one.key, sorted(self.names), n=1)
        known = ", ".join(f"`{one.sibling('', name)}`" for name in sorted(self.names)[:12])
        diagnostics.report(
            codes.UNKNOWN_PORT,
            f"the flow reads no `{one.key}` of its input",
            one.port.span,
            hint=f"write `{one.sibling('', near[0])}`" if near
            else f"its inputs: {known or 'none'}",
        )  # fmt: skip


def _schema(program: Program) -> object:
    schema = True if program.input_schema is None else program.input_schema.value
    return True if schema_problem(schema) is not None else schema


def _read(program: Program) -> Iterable[tuple[str | int, ...]]:
    """Yield the paths of the run's input that anything reads; expressions of sub-flows do not."""
    for scope, node in all_nodes(program):
        if isinstance(node, v.InputRef):
            yield node.path
        elif isinstance(node, v.Expr) and program.flow_around(scope) is None:
            for ref in expression_references(node):
                if ref.root == "input":
                    yield ref.path


def _call_at(program: Program, one: PortBinding, diagnostics: Diagnostics) -> str | None:
    """Return the path of the component call that is meant, None (reported) if there is none."""
    if not is_step(
        program, one.path, one.port, lambda path: one.sibling(path, one.key), diagnostics
    ):
        return None
    step = program.steps[one.path]
    if isinstance(step.body, Call) and step.body.detached is None:
        return one.path
    item = f"{one.path}/{ITEM}"  # a loop over a component
    if program.scopes.get(one.path) == (item,) and isinstance(program.steps[item].body, Call):
        return item
    diagnostics.report(
        codes.UNKNOWN_PORT,
        f"step `{step.id}` calls no component: ports are inputs of the run, and of such steps",
        one.port.span,
        secondary=[(step.span, "this step")],
        hint="bind what the steps in it read, or write the file into the flow",
    )
    return None


def _has_room(program: Program, path: str, one: PortBinding, diagnostics: Diagnostics) -> bool:
    """Whether the step's input has no such member yet, and may get one; if not, reported."""
    body = program.steps[path].body
    assert isinstance(body, Call)
    if body.input == v.NULL:
        return True
    if not isinstance(body.input, v.ObjectValue):
        diagnostics.report(
            codes.UNKNOWN_PORT,
            f"the input of step `{program.steps[path].id}` has no members of its own",
            one.port.span,
            secondary=[(body.input_span, "this is all of it")],
            hint="write it as a mapping, or bind an input of the flow",
        )
        return False
    written = dict(body.input.members).get(one.key)
    if written is None:
        return True
    reads = written.path if isinstance(written, v.InputRef) else ()
    port = one.sibling("", str(reads[0])) if len(reads) == 1 else ""
    diagnostics.report(
        codes.CONTRADICTORY_KEYS,
        f"the flow gives `{one.key}` of step `{program.steps[path].id}` a value already",
        one.port.span,
        secondary=[(span_of(written) or body.input_span, "here")],
        hint=f"bind what it reads: `port: {port}`" if port else "leave one of them out",
    )
    return False
