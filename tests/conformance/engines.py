"""Running a conformance case on a target, and reading back what became of it."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

import pytest
from tests.conformance.model import HERE, Case, Observed, run_input

from flowc.detached import flow_name
from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.link_flows import link_flows
from flowc.source.stack_model import Ecs, StoreSpec
from flowc.source.yaml_reader import read
from flowc.targets import find_target
from flowc_shim.contract.steps import PlanLoop, PlanWhile
from flowc_shim.runner.journal import Journal
from flowc_shim.runner.keys import run_prefix
from flowc_shim.runner.plans import publish_plan
from flowc_shim.runner.starts import CLAIM
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engines.argo.engine import ArgoEngine, Result

    from flowc.diagnostics import Span
    from flowc.source.link_flows import Load
    from flowc.source.model import SourceFlow
    from flowc.target import Compilation
    from flowc_shim.contract.plan import Plan
    from flowc_shim.stores.api import StateStore

PYTHON_PATH = "PYTHONPATH"
IMAGES = "/i/"
"""Where the stack routes components to that have an image of their own."""


def compile_case(
    case: Case,
    target_name: str,
    granularity: str,
    *,
    store: str,
    compute: str | None = None,
    name: str = "",
    diagnostics: Diagnostics | None = None,
) -> Compilation:
    """Return the compilation of a case; any error is an AssertionError with its text.

    ``name``: the flow's name on the target, where flows live side by side. ``diagnostics``: gets
    the notes.
    """
    diagnostics = Diagnostics() if diagnostics is None else diagnostics
    document = read(case.flow_text(), f"{case.slug}.json", diagnostics)
    flow = decode_flow(document, diagnostics) if document else None
    if flow is not None:
        flow = link_flows(flow, _sub_flows(case, diagnostics), diagnostics)
    stack_text = (HERE / "stack.yaml").read_text(encoding="utf-8")
    stack_text += f"bindings: {json.dumps(case.bindings)}\n"
    stack_file = read(stack_text, str(HERE / "stack.yaml"), diagnostics)
    assert stack_file is not None
    stack = decode_stacks(stack_file, diagnostics, {})["default"]
    if IMAGES in case.flow_text() and target_name == "step-functions":
        compute = "ecs"  # which alone has a place for them
    stack = replace(stack, state_store=StoreSpec(store, stack.span), compute=compute)
    if compute == "ecs":
        stack = replace(stack, ecs=Ecs(stack.span, "flowc", ("subnet-1",)))
    target = find_target(target_name, diagnostics)
    assert flow is not None and target is not None, _text(diagnostics)
    options = Options(granularity=granularity, flow=name)
    compilation = compile_flow(flow, stack, target, options, diagnostics)
    assert compilation is not None, _text(diagnostics)
    return compilation


def is_refused(case: Case, target: str, granularity: str) -> bool:
    """Whether the case says that ``target`` refuses its flow; then it does, and says why."""
    reason = case.refused.get(target)
    if reason is None:
        return False
    with pytest.raises(AssertionError, match=re.escape(reason)):
        compile_case(case, target, granularity, store="s3://conformance/state")
    return True


def _sub_flows(case: Case, diagnostics: Diagnostics) -> Load:
    """Return what reads the flows that a case holds besides its own."""

    def load(path: str, _at: Span) -> SourceFlow | None:
        flow = {"schema": "flowc/v1", **case.flows[path.removeprefix("./")]}
        document = read(json.dumps(flow, indent=2), path, diagnostics)
        return None if document is None else decode_flow(document, diagnostics)

    return load


def _text(diagnostics: Diagnostics) -> str:
    return "; ".join(f"{d.code.number} {d.message}" for d in diagnostics.sorted())


def observe(plan: Plan, store: StateStore, run: str) -> Observed:
    """Read a finished run out of its store."""
    journal = Journal(store, run)
    end = journal.end()
    assert end is not None, f"run {run} has no end record"
    outcomes: dict[str, str] = {}
    for scope in ("", "finally"):
        _outcomes(plan, journal, scope, (), outcomes)
    return Observed(end.outcome.value, end.output, outcomes, dict(end.error) if end.error else None)


def with_runs(
    compilation: Compilation,
    store: StateStore,
    run: str,
    key_of: Callable[[str, Compilation], str],
) -> Observed:
    """Read a finished run with those that it started.

    ``key_of``: waits for one to end, by its name and what it is of, and returns its key.
    """
    observed = observe(compilation.plan, store, run)
    flows = {flow_name(child): child for child in compilation.detached.values()}
    for key in store.list(f"{run_prefix(run)}/starts"):
        body = store.read(key)
        if body is not None and not key.endswith(CLAIM):
            child = flows[json.loads(body)["flow"]]
            known = key_of(unquote(key.rpartition("/")[2]), child)
            found = with_runs(child, store, known, key_of)
            observed.runs.append((child.program.name, found))
    return observed


def _outcomes(
    plan: Plan, journal: Journal, scope: str, indices: tuple[int, ...], out: dict[str, str]
) -> None:
    for path in plan.scope_steps.get(scope, ()):
        record = journal.record(indices, path)
        if record is not None:
            place = ".".join(map(str, indices))
            out[f"{path}[{place}]" if indices else path] = record.outcome.value
        for index in range(_times(plan, journal, path, indices)):
            _outcomes(plan, journal, path, (*indices, index), out)


def _times(plan: Plan, journal: Journal, path: str, indices: tuple[int, ...]) -> int:
    """How many items or passes the step at a place has."""
    body = plan.steps[path].body
    if isinstance(body, PlanWhile):
        latest = journal.latest_state(indices, path, body.max_iterations)
        return 0 if latest is None else latest.number + 1
    loop = journal.loop(indices, path) if isinstance(body, PlanLoop) else None
    return loop.count if loop else 0


@contextmanager
def components_on_path() -> Iterator[None]:
    """Let Python workers import the components of this folder, and find its podman."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PYTHON_PATH, str(HERE / "python"), prepend=os.pathsep)
        patch.setenv("PATH", str(HERE / "bin"), prepend=os.pathsep)
        yield


def run_local(case: Case, granularity: str, folder: Path, store: str = "") -> Observed:
    """Run a case on the local target; cases with deaths run each unit in its own process."""
    from flowc_targets.local.run import open_session

    url = store or f"sqlite:///{folder / 'state.db'}"
    compilation = compile_case(case, "local", granularity, store=url)
    with components_on_path(), open_session(compilation) as session:
        value = run_input(case, folder)
        result = session.run(value, isolate=case.deaths, trigger=case.trigger)
        session.wait_detached()
        return with_runs(compilation, session.store, result.run, lambda name, _child: name)


@dataclass(frozen=True)
class Started:
    """A case's run on Argo: the Workflow, and the folder with its store."""

    compilation: Compilation
    folder: Path
    template: str
    workflow: str

    @property
    def store(self) -> str:
        return f"file://{self.folder / 'store'}"


class Argo:
    """Argo's own controller, with a pod per unit; see tests/engines/argo."""

    def __init__(self, engine: ArgoEngine) -> None:
        self.engine = engine

    def start(self, case: Case, granularity: str = "step", value: Any = None) -> Started:
        """Apply a case's emitted manifests and create a Workflow, with ``value`` as its input."""
        name = f"{granularity}-{sha256(case.name.encode()).hexdigest()[:12]}"
        folder = self.engine.cluster.shared / f"{name}-{uuid4().hex[:8]}"
        for part in (folder, folder / "store"):
            part.mkdir()
            part.chmod(0o777)  # pods run as a user of their own
        # compiled for a store that pods could share anywhere; here they get a folder in its place
        compilation = compile_case(case, "argo", granularity, store="s3://conformance", name=name)
        target = find_target("argo", Diagnostics())
        assert target is not None
        template = self.engine.install(target.emit(compilation))
        started = Started(compilation, folder, template, "")
        given = run_input(case, folder) if value is None else value
        return replace(started, workflow=self.submit(started, given, case.trigger))

    def submit(self, started: Started, value: Any, trigger: Any = None, **spec: Any) -> str:
        """Create another Workflow of what was installed, with the same store."""
        # Argo would expand what looks like a variable of its own in the value of a parameter
        given = json.dumps(value).replace("{{", "{\\u007b")
        parameters = {"input": given, "trigger": json.dumps(trigger), "store": started.store}
        return self.engine.submit(started.template, parameters, **spec)

    def observe(self, started: Started, result: Result) -> Observed:
        """Read back what became of a run."""
        store = open_store(started.store)

        def key_of(name: str, _child: Compilation) -> str:
            found = self.engine.wait(name)
            self.engine.delete(name)
            return found.uid

        try:
            return with_runs(started.compilation, store, result.uid, key_of)
        except AssertionError as error:
            logs = self.engine.logs(started.workflow)
            raise AssertionError(f"{error}\n{result.report()}\n{logs}") from error
        finally:
            store.close()

    def run(self, case: Case, granularity: str, seconds: float = 900) -> Observed:
        """Run a case to its end."""
        started = self.start(case, granularity)
        result = self.engine.wait(started.workflow, seconds)
        observed = self.observe(started, result)
        succeeded = observed.outcome in ("succeeded", "skipped")
        assert (result.phase == "Succeeded") == succeeded, result.report()
        self.engine.delete(started.workflow)
        return observed


class StepFunctions:
    """moto's interpreter with a shim process per task; Lambda functions and Batch jobs alike."""

    def __init__(self) -> None:
        from tests.engines.step_functions.engine import StepFunctionsEngine

        self._environ: dict[str, str] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._has_indices = False
        self._engine = StepFunctionsEngine(
            self._function, job_command=self._job, task_definition=self._task
        )

    def __enter__(self) -> StepFunctions:
        self._engine.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._engine.__exit__(*exception)

    def _function(self, _name: str, _event: Any) -> tuple[list[str], dict[str, str]]:
        program = HERE.parent / "targets/step_functions/function.py"
        return [sys.executable, str(program)], self._environ

    def _job(self, _name: str, body: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
        environ = self._environ
        if not body.get("parameters"):
            command = list(body["containerOverrides"]["command"])
        else:
            nodes = self._jobs[body["jobDefinition"]]["NodeProperties"]
            given = {f"Ref::{name}": value for name, value in body["parameters"].items()}
            written = nodes["NodeRangeProperties"][0]["Container"]["Command"]
            command = [given.get(word, word) for word in written]
            environ = {**environ, "AWS_BATCH_JOB_NUM_NODES": str(nodes["NumNodes"])}
        assert command[0] == "flowc-shim", command
        return [sys.executable, "-m", "flowc_shim", *command[1:]], environ

    def _task(self, name: str) -> dict[str, Any]:
        """Return a task definition; the image in it is this machine with the suite's programs."""
        from flowc_targets.step_functions.deploy.spelling import camel

        task: dict[str, Any] = camel(self._jobs[name])
        for container in task["containerDefinitions"]:
            if container["name"] == "program":
                installed = {"name": PYTHON_PATH, "value": str(HERE / "python")}
                container["environment"].append(installed)
        return task

    def _put_indices(self) -> None:
        """Put the list of indices where a Distributed Map reads it, as a deployment does."""
        if self._has_indices:
            return
        s3 = self._engine.client("s3")
        s3.create_bucket(Bucket="conformance")
        body = json.dumps(list(range(25_000)))
        s3.put_object(Bucket="conformance", Key="state/indices/25000.json", Body=body)
        self._has_indices = True

    def run(
        self,
        case: Case,
        granularity: str,
        folder: Path,
        compute: str | None = None,
        seconds: float = 120,
    ) -> Observed:
        """Run a case's emitted state machine and read back what became of it."""
        # compiled for a store that Lambda could share; the processes get a folder in its place
        compilation = compile_case(
            case, "step-functions", granularity, store="s3://conformance/state", compute=compute
        )
        from flowc_targets.step_functions.definition import define
        from flowc_targets.step_functions.release import Release

        target = find_target("step-functions", Diagnostics())
        assert target is not None
        files = target.emit(compilation)
        definition = json.loads(files["state-machine.asl.json"])
        entries = json.loads(files["objects.json"])
        self._jobs = {one["name"]: one["body"] for one in entries if "definition" in one["kind"]}
        _leave_clock_unscaled(definition, self._engine.time_scale)
        release = Release.of(compilation)
        for one in compilation.family:
            defined = define(one, release)
            machines = {release.part(one, path): part for path, part in defined.parts.items()}
            if one is not compilation:
                machines[release.machine(one)] = defined.machine
            for name, machine in machines.items():
                _leave_clock_unscaled(machine, self._engine.time_scale)
                self._engine.deploy(name, machine)
        self._put_indices()
        (folder / "store").mkdir()
        store = f"file://{folder / 'store'}"
        opened = open_store(store)
        for one in compilation.family:
            publish_plan(opened, one.plan)
        self._environ = {
            "FLOWC_STORE": store,
            PYTHON_PATH: str(HERE / "python"),
            "FLOWC_WORKING_DIRECTORY": str(HERE),
        }
        start = {"input": run_input(case, folder)}
        if case.trigger is not None:
            start["trigger"] = case.trigger
        result = self._engine.run(definition, start, timeout=seconds)

        def key_of(name: str, child: Compilation) -> str:
            place = result.arn.partition(":execution:")[0]
            execution = f"{place}:execution:{release.machine(child)}:{name}"
            return _run_of(opened, self._engine.wait(execution, seconds))

        try:
            observed = with_runs(compilation, opened, _run_of(opened, result), key_of)
        finally:
            opened.close()
        succeeded = observed.outcome in ("succeeded", "skipped")
        assert (result.status == "SUCCEEDED") == succeeded, result.report()
        return observed


def _leave_clock_unscaled(definition: dict[str, Any], scale: float) -> None:
    """Let the clock of a run's timeout go as fast as the shims' clocks do."""
    for state in definition["States"].values():
        for branch in state.get("Branches", ()):
            if "clock" in branch["States"]:
                clock = branch["States"]["clock"]
                clock["Seconds"] = int(clock["Seconds"] / scale)


def _run_of(store: StateStore, result: Any) -> str:
    runs = {unquote(key.split("/")[1]) for key in store.list("runs")}
    own = [run for run in runs if run.startswith(f"{result.arn}@")]
    assert len(own) == 1, f"{len(own)} runs of it in the store; {result.report()}"
    return own[0]
