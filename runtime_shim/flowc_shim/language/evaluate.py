"""The meaning of values: evaluation against what a run knows at one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flowc_shim.contract.errors import FlowError, final_error
from flowc_shim.contract.json_types import Json
from flowc_shim.contract.secrets import SecretMissing
from flowc_shim.language import values as v
from flowc_shim.language.expressions import (
    ExpressionError,
    ExpressionSyntaxError,
    parse,
)
from flowc_shim.language.expressions import (
    evaluate as evaluate_expression,
)
from flowc_shim.language.paths import Path, PathNotFound, follow, render_path

if TYPE_CHECKING:
    from collections.abc import Callable


class SkippedReference(Exception):
    """A strict reference met a step that was skipped: the reader is skipped too."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


class Scope(Protocol):
    """What values may name at one place of one run."""

    def input(self) -> Json:
        """Return the run's input."""

    def variable(self, name: str) -> Json:
        """Return a variable's value; raises KeyError if it has none."""

    def step(self, path: str) -> Json:
        """Return the output of the step at ``path``; raises SkippedReference."""

    def item(self, loop: str | None) -> Json:
        """Return the current item of the nearest (None), or the named, loop."""

    def index(self, loop: str | None) -> int:
        """Return the current index of the nearest (None), or the named, loop."""

    def state(self, loop: str | None) -> Json:
        """Return the current state of the nearest (None), or the named, ``while``."""

    def iteration(self, loop: str | None) -> int:
        """Return how many passes of that ``while`` came before the current one."""

    def run(self) -> Json:
        """Return what is known of the run itself."""

    def trigger(self) -> Json:
        """Return what started the run, null for somebody's hand."""


def _follow(value: Json, path: Path, what: str) -> Json:
    try:
        return follow(value, path)
    except PathNotFound as error:
        raise final_error(
            "EXPRESSION_FAILURE", f"{what} path {render_path(path)} not found", type="PathNotFound"
        ) from error


def evaluate(value: v.Value, scope: Scope) -> Json:
    """Return the JSON that ``value`` is in ``scope``.

    Raises SkippedReference, and FlowError (class ``user``, final, EXPRESSION_FAILURE) for a path,
    variable or expression that fails.
    """
    if isinstance(value, v.Literal):
        return value.value
    if isinstance(value, v.ObjectValue):
        return {key: evaluate(member, scope) for key, member in value.members}
    if isinstance(value, v.ListValue):
        return [evaluate(item, scope) for item in value.items]
    if isinstance(value, v.StepRef):
        return _step(value, scope)
    if isinstance(value, v.InputRef):
        return _follow(scope.input(), value.path, "input")
    if isinstance(value, v.VariableRef):
        return _variable(value, scope)
    if isinstance(value, v.If):
        if truthy(value.condition, scope):
            return evaluate(value.then, scope)
        return None if value.otherwise is None else evaluate(value.otherwise, scope)
    if isinstance(value, v.Coalesce):
        return _coalesce(value, scope)
    if isinstance(value, v.Expr):
        return _expression(value, scope)
    if isinstance(value, v.ItemRef):
        return _follow(scope.item(value.loop), value.path, "item")
    if isinstance(value, v.IndexRef):
        return scope.index(value.loop)
    if isinstance(value, v.StateRef):
        return _follow(scope.state(value.loop), value.path, "state")
    if isinstance(value, v.IterationRef):
        return scope.iteration(value.loop)
    if isinstance(value, v.TriggerRef):
        trigger = scope.trigger()
        return None if trigger is None else _follow(trigger, value.path, "trigger")
    return _follow(scope.run(), value.path, "run")


def truthy(value: v.Value, scope: Scope) -> bool:
    """Whether ``value`` counts as true: only null, false and a failed evaluation do not."""
    try:
        result = evaluate(value, scope)
    except FlowError:
        return False
    return result is not None and result is not False


def holds(condition: v.Condition, scope: Scope) -> bool:
    """Whether ``condition`` holds; raises FlowError where it must be a boolean and is not."""
    if condition.test == "truthy":
        return truthy(condition.value, scope)
    if condition.test == "falsy":
        return not truthy(condition.value, scope)
    result = evaluate(condition.value, scope)
    if condition.test == "null":
        return result is None
    if not isinstance(result, bool):
        raise final_error(
            "EXPRESSION_FAILURE", "the condition is not a boolean", type="NotBoolean", data=result
        )
    return result


def needed(guard: v.Guard, scope: Scope) -> bool:
    """Whether any conjunction of ``guard`` holds; a member that fails or is skipped does not."""
    return guard is None or any(reaches(conjunction, scope) for conjunction in guard)


def reaches(conjunction: tuple[v.Condition, ...], scope: Scope) -> bool:
    """Whether all of ``conjunction`` hold; one that fails or is skipped does not."""
    return all(_holds_quietly(condition, scope) for condition in conjunction)


def _holds_quietly(condition: v.Condition, scope: Scope) -> bool:
    try:
        return holds(condition, scope)
    except (FlowError, SkippedReference):
        return False


def _step(ref: v.StepRef, scope: Scope) -> Json:
    try:
        output = scope.step(ref.step)
    except SkippedReference:
        if not ref.tolerant:
            raise
        return None if ref.on_skip is None else evaluate(ref.on_skip, scope)
    # A step whose output is null gives null whatever the path (Stepflow's rule).
    return None if output is None else _follow(output, ref.path, f"step `{ref.step}`")


def _variable(ref: v.VariableRef, scope: Scope) -> Json:
    try:
        return follow(scope.variable(ref.name), ref.path)
    except LookupError as error:
        if ref.default is not None:
            return evaluate(ref.default, scope)
        missing = isinstance(error, SecretMissing)
        message = f"{ref.name}: {error}" if missing else f"undefined variable: {ref.name}"
        raise final_error("EXPRESSION_FAILURE", message, type="UndefinedVariable") from error


def _coalesce(value: v.Coalesce, scope: Scope) -> Json:
    for member in value.members:
        result = evaluate(member, scope)
        if result is not None:
            return result
    return None


_OF_LOOPS: dict[str, Callable[[Scope], Json]] = {
    "item": lambda scope: scope.item(None),
    "index": lambda scope: scope.index(None),
    "state": lambda scope: scope.state(None),
    "iteration": lambda scope: scope.iteration(None),
}


class _ExpressionNames:
    """The names that an expression may use, on top of a :class:`Scope`."""

    def __init__(self, steps: dict[str, str], scope: Scope, error: Json = None) -> None:
        self._steps = steps
        self._scope = scope
        self._error = error

    def name(self, root: str) -> Json:
        if root == "input":
            return self._scope.input()
        if root == "vars":
            return _Variables(self._scope)
        if root in _OF_LOOPS:
            return _OF_LOOPS[root](self._scope)
        if root == "run":
            return self._scope.run()
        if root == "trigger":
            return self._scope.trigger()
        if root == "error" and self._error is not None:
            return self._error
        raise KeyError(root)

    def step(self, step: str) -> Json:
        return self._scope.step(self._steps[step])

    def has_step(self, step: str) -> bool:
        try:
            self._scope.step(self._steps[step])
        except SkippedReference:
            return False
        return True


class _Variables(dict[str, Json]):
    """Variables looked up when they are used, so that an unused secret is never read."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope

    def __contains__(self, key: object) -> bool:
        try:
            self._scope.variable(str(key))
        except KeyError:
            return False
        return True

    def __getitem__(self, key: str) -> Json:
        return self._scope.variable(key)

    def get(self, key: str, default: Json = None) -> Json:
        try:
            return self._scope.variable(key)
        except KeyError:
            return default


def _expression(value: v.Expr, scope: Scope, error: Json = None) -> Json:
    try:
        return evaluate_expression(
            parse(value.text), _ExpressionNames(dict(value.steps), scope, error)
        )
    except (ExpressionError, ExpressionSyntaxError) as failure:
        raise final_error(
            "EXPRESSION_FAILURE", f"`{value.text}`: {failure}", type="ExpressionError"
        ) from failure


def retry_condition(value: v.Expr, scope: Scope, error: Json) -> bool:
    """Whether ``retry.if`` allows another attempt after ``error``; anything but true does not."""
    return _expression(value, scope, error) is True
