"""A run without an engine: a compiled flow, a store, and components that do what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.conformance.engines import compile_case
from tests.conformance.model import Case

from flowc_shim.contract.errors import final_error, platform_error, timeout_error, user_error
from flowc_shim.runner.commands import Request, perform
from flowc_shim.runner.finish import begin_run
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.runtime import Runtime
from flowc_shim.runner.variables import Variables
from flowc_shim.stores.memory import MemoryStore

if TYPE_CHECKING:
    import threading

    from flowc.target import Compilation
    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.errors import FlowError
    from flowc_shim.contract.plan import Plan
    from flowc_shim.contract.verdict import Verdict
    from flowc_shim.stores.api import StateStore

RUN = "run-1"


def retry(user: int = 0, platform: int = 0, timeout: int = 0, **more: Any) -> dict[str, Any]:
    """A `retry:` whose waits are none, so that tests are quick."""
    no_wait = {"delay": "0s", "jitter": False}
    budgets = {"user": user, "platform": platform, "timeout": timeout}
    return {**{name: {"max": most, **no_wait} for name, most in budgets.items()}, **more}


def compile_flow(steps: list[dict[str, Any]], output: Any = None, **keys: Any) -> Compilation:
    """Compile steps; one without a kind calls a component of its own."""
    flow = {"schema": "flowc/v1", "name": "case", "steps": _with_component(steps), **keys}
    if output is not None:
        flow["output"] = output
    case = Case("case", flow, None, "succeeded", None, {}, None)
    return compile_case(case, "local", "step", store="memory:")


def _with_component(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = []
    for step in steps:
        new = dict(step)
        if "steps" in new:
            new["steps"] = _with_component(new["steps"])
        elif "component" not in new:
            new["component"] = "/t/echo"
        done.append(new)
    return done


def plan_of(steps: list[dict[str, Any]], output: Any = None, **keys: Any) -> Plan:
    """The plan of :func:`compile_flow`."""
    return compile_flow(steps, output, **keys).plan


def fails(kind: str = "user", code: str = "BAD") -> FlowError:
    """An error for a component to raise."""
    return {
        "user": lambda: user_error(code, "it failed"),
        "final": lambda: final_error(code, "it failed"),
        "platform": lambda: platform_error(code, "it failed"),
        "timeout": lambda: timeout_error("too slow"),
    }[kind]()


@dataclass
class Components:
    """Pool and client in one: a step does what ``does`` says under its id, else echoes its input.

    A list is one behaviour per call, of which the last stays. ``one_call``: a process can make one.
    """

    does: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    code: str = ""
    one_call: bool = False

    def bring_up(self, name: str, cancelled: threading.Event) -> Components:
        return self

    def call(self, call: Call, host: CallHost) -> Any:
        self.calls.append(call)
        done = self.does.get(call.step_id, call.input)
        if isinstance(done, list):
            done = done.pop(0) if len(done) > 1 else done[0]
        if isinstance(done, BaseException):
            raise done
        return done(call, host) if callable(done) else done

    def used_up(self, name: str) -> bool:
        """Whether this was called, and that was all that it could be."""
        return self.one_call and bool(self.calls)

    def code_version(self, name: str, component: str) -> str:
        """What a test says that the code is."""
        return self.code

    def close(self) -> None:
        """Nothing was started."""

    def called(self) -> list[str]:
        """The steps that were called, in order."""
        return [call.step_id for call in self.calls]


@dataclass
class World:
    """One run of one plan; every :meth:`shim` is a process of its own, as far as stores see."""

    plan: Plan
    components: Components = field(default_factory=Components)
    store: StateStore = field(default_factory=MemoryStore)
    run_key: str = RUN

    def shim(self, **keys: Any) -> Runtime:
        """A runtime with a writer and a memory of its own."""
        variables = keys.pop("variables", None) or Variables(self.plan.variables, environ={})
        return Runtime(
            self.plan,
            Journal(keys.pop("store", self.store), self.run_key),
            self.components,
            variables,
            **keys,
        )

    def begin(self, value: Any = None) -> World:
        """Let the run's input land."""
        begin_run(self.shim(), value)
        return self

    def run(
        self, unit: str, scope: str = "", *, shim: Runtime | None = None, **settled: str
    ) -> Verdict:
        """Run a unit in a shim of its own; ``settled``: unit → what the engine says."""
        deaths = {before: (status, "") for before, status in settled.items()}
        return perform(shim or self.shim(), Request("run-unit", unit, scope, deaths))

    def finish(self, status: str = "Succeeded") -> str:
        """End the run and return its outcome."""
        perform(self.shim(), Request("finish", status=status))
        end = self.shim().journal.end()
        assert end is not None
        return end.outcome.value

    def outcome(self, step: str, *indices: int) -> str | None:
        """The outcome of a step as a fresh reader sees it."""
        record = self.shim().journal.record(indices, step)
        return None if record is None else record.outcome.value


def run_all(world: World, *units: str) -> list[str]:
    """Run units of the outermost scope one after the other; their statuses."""
    return [world.run(unit).status.value for unit in units]
