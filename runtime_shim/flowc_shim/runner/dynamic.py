"""Flows that arrive as data (`eval`, `map`, `iterate`, `runs/submit`): Stepflow's dialects, lazily.

Such a flow has no plan: it is decoded when it comes, its steps run in this process as they are
needed, by the same values, policies and clients. It is part of one component call, so it is done
again if that call is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc_shim.components.api import Call
from flowc_shim.components.limits import stopped_error
from flowc_shim.contract.errors import ErrorClass, FlowError, final_error
from flowc_shim.contract.policies import DEFAULT_PLATFORM, Budget, Retry
from flowc_shim.language import values as v
from flowc_shim.language.decode import decode_value
from flowc_shim.language.evaluate import SkippedReference, evaluate, holds
from flowc_shim.language.forms import Spelling, ValueSyntaxError
from flowc_shim.language.references import step_uses
from flowc_shim.language.routes import Router, compile_routes
from flowc_shim.runner.attempts import choose
from flowc_shim.runner.host import Host

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.runtime import Runtime

MAX_PARALLEL_RUNS = 32
"""Items of one submission that run at the same time unless the caller wants fewer."""

DEFAULT_RETRIES = 3

MAX_DEPTH = 20
"""Flows that submit flows that submit flows …: a flow may come back to itself through its input."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Where a flow was submitted: a key that is the same over attempts, and how deep it is."""

    key: str
    depth: int


@dataclass(frozen=True, slots=True)
class _Step:
    id: str
    component: str
    input: v.Value
    skip_if: v.Condition | None
    retry: Retry
    default: v.Value | None
    must_execute: bool


@dataclass(frozen=True, slots=True)
class _Flow:
    steps: dict[str, _Step]
    output: v.Value
    defaults: dict[str, Json]


def run_dynamic_flow(
    runtime: Runtime,
    place: Submission,
    flow: Json,
    inputs: list[Json],
    max_concurrency: int | None,
    overrides: Json,
) -> list[Json]:
    """Return Stepflow's FlowResult of ``flow`` for each of ``inputs``, in order.

    Raises FlowError (final) if the flow itself is malformed.
    """
    if place.depth > MAX_DEPTH:
        raise final_error("TOO_DEEP", f"flows submit flows more than {MAX_DEPTH} deep")
    try:
        decoded = _decode(_override(flow, overrides))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise final_error("INVALID_INPUT", f"flow given as data: {error}") from error
    router = _router(runtime)
    runs = [
        _DynamicRun(runtime, f"{place.key}/{index}", place.depth, router, decoded, value)
        for index, value in enumerate(inputs)
    ]
    width = min(len(runs), max_concurrency or MAX_PARALLEL_RUNS, MAX_PARALLEL_RUNS)
    if width <= 1:
        return [run.result() for run in runs]
    with ThreadPoolExecutor(width, thread_name_prefix="subflow") as pool:
        try:
            return list(pool.map(lambda run: run.result(), runs))
        except BaseException:
            runtime.cancelled.set()  # the process is being ended: so must what the threads wait for
            raise


def _router(runtime: Runtime) -> Router:
    if runtime.plan.routes is None:
        raise final_error("CONFIGURATION", "the plan has no routes for flows given as data")
    return compile_routes([(pattern, rules) for pattern, rules in runtime.plan.routes])


def _override(flow: Json, overrides: Json) -> Json:
    """Apply Stepflow's overrides: an RFC 7396 merge patch per step id."""
    if not overrides:
        return flow
    patches = overrides.get("steps", overrides)
    known = {step.get("id") for step in flow.get("steps") or []}
    for name in patches:
        if name not in known:
            raise final_error("INVALID_INPUT", f"override of `{name}`, which is not a step")
    steps = [
        merge_patch(step, patches[step["id"]].get("value")) if step["id"] in patches else step
        for step in flow.get("steps") or []
    ]
    return {**flow, "steps": steps}


def merge_patch(target: Json, patch: Json) -> Json:
    """Return ``target`` changed by ``patch`` as RFC 7396 says."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge_patch(out.get(key), value)
    return out


def _decode(flow: Json) -> _Flow:
    if not isinstance(flow, dict) or not isinstance(flow.get("steps") or [], list):
        raise final_error("INVALID_INPUT", "a flow is a mapping with a list of `steps`")
    spelling = Spelling.CLASSIC if _is_classic(flow) else Spelling.MODERN
    try:
        steps = [_decode_step(raw, spelling) for raw in flow.get("steps") or []]
        output = decode_value(flow.get("output"), spelling)
    except ValueSyntaxError as error:
        raise final_error("INVALID_INPUT", f"flow given as data: {error}") from error
    ids = [step.id for step in steps]
    if len(set(ids)) != len(ids):
        raise final_error("INVALID_INPUT", "flow given as data: duplicate step ids")
    schemas = (flow.get("schemas") or {}).get("properties") or {}
    declared = (schemas.get("variables") or flow.get("variables") or {}).get("properties") or {}
    defaults = {k: s["default"] for k, s in declared.items() if "default" in (s or {})}
    return _Flow({step.id: step for step in steps}, output, defaults)


def _is_classic(raw: Json) -> bool:
    """Whether ``$from`` or ``skipIf`` occurs outside of literals."""
    stack = [raw]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "$from" in node or "skipIf" in node:
                return True
            stack.extend(value for key, value in node.items() if key != "$literal")
        elif isinstance(node, list):
            stack.extend(node)
    return False


def _decode_step(raw: Any, spelling: Spelling) -> _Step:
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str) or "component" not in raw:
        raise final_error("INVALID_INPUT", "flow given as data: a step needs `id` and `component`")
    on_error = raw.get("onError") or {}
    action = on_error.get("action", "fail")
    default: v.Value | None = None
    user = 0
    if action == "useDefault":
        literal = spelling is Spelling.MODERN
        value = on_error.get("defaultValue")
        default = v.Literal(value) if literal else decode_value(value, spelling)
    elif action == "retry":
        user = int(on_error.get("maxRetries", DEFAULT_RETRIES))
    elif action != "fail":
        raise final_error("INVALID_INPUT", f"flow given as data: `onError: {action}` is not known")
    skip_if = raw.get("skipIf")
    return _Step(
        id=raw["id"],
        component=str(raw["component"]),
        input=decode_value(raw.get("input"), spelling),
        skip_if=None if skip_if is None else v.Condition(decode_value(skip_if, spelling), "truthy"),
        retry=Retry(user=Budget(max=user, delay=0.1), platform=DEFAULT_PLATFORM),
        default=default,
        must_execute=bool(raw.get("mustExecute")),
    )


@dataclass
class _DynamicRun:
    """One run of a decoded flow; a :class:`flowc_shim.language.evaluate.Scope` of its own."""

    runtime: Runtime
    key: str
    depth: int
    router: Router
    flow: _Flow
    value: Json
    outputs: dict[str, Json] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)

    def result(self) -> Json:
        """Run to the end and return the FlowResult."""
        try:
            for step in self.flow.steps.values():
                if step.must_execute:
                    self._ensure(step.id)
            self._run_unconditional(self.flow.output)
            return {"outcome": "success", "result": evaluate(self.flow.output, self)}
        except SkippedReference:
            return {"outcome": "skipped"}
        except FlowError as failure:
            error = failure.info
            return {"outcome": "failed", "error": {"code": error.code, "message": error.message}}

    def _run_unconditional(self, value: v.Value) -> None:
        """Run what ``value`` surely needs in dependency order, without recursing."""
        order: list[str] = []
        seen: set[str] = set()
        stack: list[tuple[str, bool]] = [(name, False) for name in _sure(value)]
        while stack:
            name, done = stack.pop()
            if done:
                order.append(name)
            elif name not in seen and name in self.flow.steps:
                seen.add(name)
                stack.append((name, True))
                step = self.flow.steps[name]
                if step.skip_if is not None:
                    stack.extend((other, False) for other in _sure(step.skip_if.value))
                else:
                    stack.extend((other, False) for other in _sure(step.input))
        for name in order:
            self._ensure(name)

    def _ensure(self, name: str) -> None:
        if name in self.outputs or name in self.skipped:
            return
        if name not in self.flow.steps:
            raise final_error("EXPRESSION_FAILURE", f"`{name}` is not a step of the flow")
        if name in self.running:
            raise final_error("EXPRESSION_FAILURE", f"step `{name}` waits for itself")
        self.running.add(name)
        step = self.flow.steps[name]
        try:
            if step.skip_if is not None and holds(step.skip_if, self):
                self.skipped.add(name)
                return
            self.outputs[name] = self._call(step, evaluate(step.input, self))
        except SkippedReference:
            self.skipped.add(name)
        except FlowError:
            if step.default is None:
                raise
            self.outputs[name] = evaluate(step.default, self)
        finally:
            self.running.discard(name)

    def _call(self, step: _Step, value: Json) -> Json:
        resolution = self.router.resolve(step.component)
        if not resolution.candidates:
            raise final_error("COMPONENT_NOT_FOUND", f"no route takes `{step.component}`")
        candidate = choose(resolution.candidates, value)
        client = self.runtime.clients.bring_up(candidate.component_class, self.runtime.cancelled)
        key = f"{self.key}/{step.id}"
        used: dict[ErrorClass, int] = {}
        attempt = 0
        while True:
            attempt += 1
            call = Call(
                component=candidate.component,
                input=value,
                attempt=attempt,
                run_id=self.runtime.run_uuid,
                flow_id=self.runtime.plan.digest,
                step_id=step.id,
                idempotency_key=key,
                cancelled=self.runtime.cancelled,
            )
            try:
                return client.call(call, Host(self.runtime, key, self.depth))
            except FlowError as failure:
                error = failure.info
                used[error.error_class] = used.get(error.error_class, 0) + 1
                budget = step.retry.budget(error.error_class)
                if error.final or used[error.error_class] > budget.max:
                    raise
                if self.runtime.cancelled.wait(min(budget.wait(used[error.error_class]), 5.0)):
                    raise stopped_error() from None

    # what values may name

    def input(self) -> Json:
        """Return the input of this run."""
        return self.value

    def variable(self, name: str) -> Json:
        """Return a declared default; flows given as data have no other variables."""
        return self.flow.defaults[name]

    def step(self, path: str) -> Json:
        """Return the output of a step, running it if it was not needed before."""
        self._ensure(path)
        if path in self.skipped:
            raise SkippedReference(path)
        return self.outputs[path]

    def item(self, loop: str | None) -> Json:
        """Raise: Stepflow flows have no loops."""
        raise final_error("EXPRESSION_FAILURE", "no loop is around this value")

    def index(self, loop: str | None) -> int:
        """Raise: Stepflow flows have no loops."""
        raise final_error("EXPRESSION_FAILURE", "no loop is around this value")

    state = item
    iteration = index

    def run(self) -> Json:
        """Raise: Stepflow flows have no `$run`."""
        raise final_error("EXPRESSION_FAILURE", "`$run` is not available here")

    def trigger(self) -> Json:
        """Raise: Stepflow flows have no `$trigger`."""
        raise final_error("EXPRESSION_FAILURE", "`$trigger` is not available here")


def _sure(value: v.Value) -> list[str]:
    return [use.step for use in step_uses(value) if not use.conditions]
