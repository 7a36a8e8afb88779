"""Source → Program: every name becomes a path, or a diagnostic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.ir.model import Call, Loop, Program, Step, SubFlow, While
from flowc.ir.names import Names, report_inner, report_inside_condition, report_unknown_step
from flowc.ir.references import rewrite, span_of, step_uses
from flowc.ir.scopes import Around, Scope, enter, find_foreach, find_while, join
from flowc.ir.settings import Settings
from flowc.ir.step_data import data_of
from flowc.ir.sub_flows import (
    Inside,
    enter_sub_flow,
    is_sub_flow,
    refuse_secrets,
    starting_call,
)
from flowc.source.model import (
    At,
    SourceCall,
    SourceFlow,
    SourceLoop,
    SourceRetry,
    SourceStep,
    SourceSubFlow,
    SourceVariable,
    SourceWhile,
)
from flowc.source.text_spans import part_span
from flowc_shim.contract.policies import OnError
from flowc_shim.contract.scopes import FINALLY, ROOT, in_finally
from flowc_shim.language import values as v
from flowc_shim.language.expressions import ExpressionSyntaxError, parse, references

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_shim.contract.json_types import Json

MAX_DEPTH = 10
"""Loops and sub-flows around a step."""


@dataclass(slots=True)
class _Resolver:
    flow: SourceFlow
    diagnostics: Diagnostics
    steps: dict[str, Step] = field(default_factory=dict)
    id_spans: dict[str, Span] = field(default_factory=dict)
    inner_ids: dict[str, str] = field(default_factory=dict)
    merged: dict[str, SourceVariable] = field(default_factory=dict)
    step_schemas: dict[str, At[Json]] = field(default_factory=dict)
    inside: Inside | None = None
    """The sub-flow that is being resolved, None for the flow itself."""

    @property
    def names(self) -> Names:
        """Return what expressions and variables may name anywhere in the flow."""
        declared = frozenset(variable.name for variable in self.flow.variables)
        return Names(declared, self.diagnostics)

    @property
    def settings(self) -> Settings:
        """Return what fixes the settings of the flow and of its steps."""
        if self.inside is None:
            return Settings(self.names, {}, None, self.diagnostics)
        return Settings(self.names, self.inside.given, self.inside.around, self.diagnostics)

    def run(self) -> Program:
        self.merged.update((variable.name, variable) for variable in self.flow.variables)
        self.step_schemas.update(self.flow.step_schemas)
        self._remember_inner_ids(self.flow.steps, ROOT)
        self._remember_inner_ids(self.flow.finally_steps, FINALLY)
        for step in self.flow.finally_steps:
            self.inner_ids.setdefault(step.id.value, FINALLY)
        scope = enter(ROOT, self.flow.steps, (), {}, self.diagnostics)
        self._steps(self.flow.steps, scope)
        self._finally(scope)
        flow = self.flow
        return Program(
            name=flow.name or "",
            file=flow.file,
            span=flow.span,
            steps=self.steps,
            output=self._value(flow.output, scope, None),
            input_schema=flow.input_schema,
            output_schema=flow.output_schema,
            step_schemas=self.step_schemas,
            variables=tuple(self.merged.values()),
            fail_fast=flow.fail_fast,
            timeout=self.settings.at(flow.timeout, "`timeout`"),
            enforce_schemas=flow.facts.enforce_schemas,
            implicit_defaults=flow.facts.implicit_defaults,
            unconsumed_steps_run=flow.facts.unconsumed_steps_run,
            output_may_skip=flow.facts.output_may_skip,
            description=flow.description,
            version=flow.version,
            tags=flow.tags,
            owner=flow.owner,
        )

    def _finally(self, outer: Scope) -> None:
        """Resolve the steps that run after everything, in a scope of their own."""
        last = self.flow.finally_steps
        for step in self.flow.steps:
            if step.id.value == FINALLY and (last or isinstance(step.body, SourceLoop)):
                self.diagnostics.report(
                    codes.DUPLICATE_STEP,
                    f"`{FINALLY}` is the name of what runs after everything",
                    step.id.span,
                    hint="give the step another id",
                )
        if last:
            self._steps(last, enter(FINALLY, last, (), outer.paths, self.diagnostics))

    def _remember_inner_ids(self, steps: Iterable[SourceStep], scope: str) -> None:
        for step in steps:
            if not isinstance(step.body, SourceCall) and not is_sub_flow(step):
                inner = join(scope, step.id.value)
                for child in step.body.steps:
                    self.inner_ids.setdefault(child.id.value, inner)
                self._remember_inner_ids(step.body.steps, inner)

    def _steps(self, steps: tuple[SourceStep, ...], scope: Scope) -> None:
        for source in steps:
            path = join(scope.path, source.id.value)
            if path in self.steps:
                self._step(source, path, scope)  # a duplicate, reported; for what else is wrong
                continue
            self.id_spans[path] = source.id.span
            self.steps[path] = self._step(source, path, scope)
            if not isinstance(source.body, SourceCall):
                self._loop_body(source, source.body, path, scope)

    def _loop_body(
        self, source: SourceStep, loop: SourceLoop | SourceWhile, path: str, outer: Scope
    ) -> None:
        around = Around(source.id.value, path, isinstance(loop, SourceWhile))
        loops = (*outer.loops, around)
        depth = path.count("/") + 1 - in_finally(path)
        if depth > MAX_DEPTH:
            self.diagnostics.report(
                codes.LOOPS_TOO_DEEP,
                f"`{source.id.value}` is nested {depth} deep; {MAX_DEPTH} is the most",
                source.id.span,
                hint="move the inner loops into fewer levels with `product`",
            )
            return
        if isinstance(loop, SourceLoop) and loop.flow is not None:
            self._sub_flow(loop.flow, path)
            return
        inner = enter(path, loop.steps, loops, outer.paths, self.diagnostics)
        self._steps(loop.steps, inner)
        step = self.steps[path]
        body = self._with_inner_values(step.body, loop, inner, replace(inner, paths=outer.paths))
        self.steps[path] = replace(step, body=body, data=self._outer_data(path, body, step.data))

    def _sub_flow(self, sub: SourceSubFlow, path: str) -> None:
        """Resolve another flow as the body of the step at ``path``: it sees nothing around it."""
        flow, step = sub.flow, self.steps[path]
        if flow is None or not isinstance(step.body, Loop):
            return  # it could not be read, which was reported
        refuse_secrets(step.body.items, self.merged, self.diagnostics)
        inside = enter_sub_flow(sub, flow, path, self.merged, self.settings)
        self.step_schemas.update((join(path, k), schema) for k, schema in flow.step_schemas.items())
        inner = _Resolver(
            flow, self.diagnostics, self.steps, self.id_spans, {}, self.merged,
            self.step_schemas, inside,
        )  # fmt: skip
        inner._remember_inner_ids(flow.steps, path)
        scope = enter(path, flow.steps, (), {}, self.diagnostics)
        inner._steps(flow.steps, scope)
        output = inner._value(flow.output, scope, None)
        facts = replace(inside.facts, timeout=inner.settings.at(flow.timeout, "`timeout`"))
        self.steps[path] = replace(step, body=replace(step.body, output=output, flow=facts))

    def _with_inner_values(
        self,
        body: Call | Loop | While,
        source: SourceLoop | SourceWhile,
        inner: Scope,
        before: Scope,
    ) -> Loop | While:
        """Return ``body`` with what is evaluated inside; ``before``: a pass that has no steps."""
        output = self._value(source.output, inner, None)
        if isinstance(body, While) and isinstance(source, SourceWhile):
            tested = source.condition
            condition = v.Condition(
                self._value(tested.value, before, inner.path), tested.test, tested.at
            )
            return replace(body, output=output, condition=condition)
        assert isinstance(body, Loop)
        return replace(body, output=output)

    def _outer_data(self, path: str, body: Loop | While, data: tuple[str, ...]) -> tuple[str, ...]:
        """Return what a loop reads: its own values, and what its body reads outside of it."""
        prefix = path + "/"
        found = dict.fromkeys(data)
        for inner_path, inner in self.steps.items():
            if inner_path.startswith(prefix) and inner.scope == path:
                found.update(dict.fromkeys((*inner.data, *inner.needs)))
        for value in body.inner_values():
            found.update(dict.fromkeys(use.step for use in step_uses(value)))
        return tuple(step for step in found if not step.startswith(prefix))

    def _step(self, source: SourceStep, path: str, scope: Scope) -> Step:
        source = self.settings.of_step(source)
        body = self._body(source, path, scope)
        when = source.when
        if when is not None:
            when = v.Condition(self._value(when.value, scope, path), when.test, when.at)
        default = source.on_error.default
        on_error = source.on_error
        if default is not None:
            on_error = OnError(self._value(default, scope, path))
        retry = source.retry
        if retry is not None and retry.condition is not None:
            condition = self._value(retry.condition, scope, path, {"error"})
            assert isinstance(condition, v.Expr)
            retry = SourceRetry(retry.user, retry.platform, retry.timeout, condition, retry.span)
        cache = source.cache
        if cache is not None and cache.key is not None:
            cache = replace(cache, key=self._value(cache.key, scope, path))
        needs = tuple(
            dict.fromkeys(
                target
                for need in source.needs
                if (target := self._find(need.value, need.span, scope, path)) is not None
            )
        )
        return Step(
            path=path,
            scope=scope.path,
            span=source.id.span,
            body=body,
            data=data_of(body, when, on_error, retry, cache),
            needs=needs,
            when=when,
            join_any=source.join_any,
            on_error=on_error,
            timeout=source.timeout,
            retry=retry,
            cache=cache,
            resources=source.resources,
            root=source.must_execute,
            plain=source.plain,
            tags=source.tags,
            output_schema=source.output_schema,
        )

    def _body(self, source: SourceStep, path: str, scope: Scope) -> Call | Loop | While:
        body = source.body
        if isinstance(body, SourceCall):
            value = self._value(body.input, scope, path)
            if body.detached is None:
                return Call(body.component, value, body.input_span)
            return starting_call(body, body.detached, value, self.merged, self.diagnostics)
        if isinstance(body, SourceWhile):
            return While(
                state=self._value(body.state, scope, path),
                condition=v.Condition(v.NULL),  # like the output, once the inner scope is known
                output=v.NULL,
                max_iterations=body.max_iterations,
                stop_at_limit=body.stop_at_limit,
            )
        return Loop(
            output=v.NULL,  # resolved once the inner scope is known
            items=None if body.items is None else self._value(body.items, scope, path),
            product=tuple((name, self._value(item, scope, path)) for name, item in body.product),
            concurrency=body.concurrency,
            tolerance=body.tolerance,
            records=body.records,
            flow=None if body.flow is None else SubFlow(body.flow.file.value),
        )

    def _value(
        self,
        value: v.Value,
        scope: Scope,
        here: str | None,
        names: frozenset[str] | set[str] = frozenset(),
    ) -> v.Value:
        return rewrite(value, lambda leaf: self._leaf(leaf, scope, here, names))

    def _leaf(
        self, leaf: v.Value, scope: Scope, here: str | None, names: frozenset[str] | set[str]
    ) -> v.Value:
        if isinstance(leaf, v.StepRef):
            found = self._find(leaf.step, span_of(leaf), scope, here)
            return v.NULL if found is None else v.StepRef(
                found, leaf.path, leaf.tolerant, leaf.on_skip, leaf.at
            )  # fmt: skip
        if isinstance(leaf, v.VariableRef):
            self.names.check_variable(
                leaf.name, span_of(leaf), has_default=leaf.default is not None
            )
            return leaf if self.inside is None else self.inside.variable(leaf)
        if isinstance(leaf, v.InputRef):
            return leaf if self.inside is None else self.inside.input(leaf)
        if isinstance(leaf, (v.ItemRef, v.IndexRef)):
            return replace(
                leaf, loop=find_foreach(leaf.loop, span_of(leaf), scope, self.diagnostics)
            )
        if isinstance(leaf, (v.StateRef, v.IterationRef)):
            return replace(leaf, loop=find_while(span_of(leaf), scope, self.diagnostics))
        if isinstance(leaf, v.Expr):
            return self._expression(leaf, scope, here, names)
        return leaf

    def _find(self, name: str, span: Span | None, scope: Scope, here: str | None) -> str | None:
        path = scope.paths.get(name)
        if path is not None and path == here:
            self.diagnostics.report(
                codes.SELF_REFERENCE,
                f"step `{name}` refers to itself",
                span,
                label="this is the step itself",
                hint="refer to an earlier step, or remove the reference",
            )
            return None
        if path is not None and here is not None and here.startswith(path + "/"):
            self.diagnostics.report(
                codes.SELF_REFERENCE,
                f"the body of loop `{name}` refers to the loop's own result",
                span,
                hint="refer to an inner step instead",
            )
            return None
        if path is None and name in self.inner_ids:
            if self.inner_ids[name] == here:
                report_inside_condition(name, span, self.diagnostics)
                return None
            report_inner(name, self.inner_ids[name], span, self.diagnostics)
        elif path is None:
            known = _all_steps((*self.flow.steps, *self.flow.finally_steps))
            written = {step.id.value: step.id.span for step in known}
            report_unknown_step(name, span, scope.paths, written, self.diagnostics)
        return path

    def _expression(
        self, expr: v.Expr, scope: Scope, here: str | None, names: frozenset[str] | set[str]
    ) -> v.Value:
        span = span_of(expr)
        try:
            found = references(parse(expr.text))
        except ExpressionSyntaxError as error:
            self.diagnostics.report(
                codes.EXPRESSION_SYNTAX,
                str(error),
                part_span(span, expr.text, error.offset, error.length) if span else None,
                hint="`docs/language.md`, section 6, has the grammar",
            )
            return expr
        steps: dict[str, str] = {}
        for ref in found:
            at = part_span(span, expr.text, ref.offset, ref.length) if span else None
            if ref.root == "steps" and ref.step is not None:
                path = self._find(ref.step, at, scope, here)
                if path is not None:
                    steps[ref.step] = path
            else:
                self.names.check(ref.root, ref.path, at, names | scope.names())
        return v.Expr(expr.text, tuple(sorted(steps.items())), expr.at)


def _all_steps(steps: Iterable[SourceStep]) -> Iterable[SourceStep]:
    for step in steps:
        yield step
        if not isinstance(step.body, SourceCall):
            yield from _all_steps(step.body.steps)


def resolve(flow: SourceFlow, diagnostics: Diagnostics) -> Program:
    """Return the Program of ``flow``; problems with names go to ``diagnostics``.

    The result is only meaningful if no error was reported.
    """
    return _Resolver(flow, diagnostics).run()
