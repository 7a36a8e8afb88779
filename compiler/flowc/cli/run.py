"""``flowc run``: a flow, here; the result on stdout, everything else on stderr."""

from __future__ import annotations

import gc
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowc.cli.inputs import (
    MISSING,
    check_input,
    parse_sets,
    read_input,
    read_items,
    read_overrides,
    read_trigger,
)
from flowc.cli.local_runs import LOCAL, error_of, open_session, run_all
from flowc.cli.progress import Progress
from flowc.cli.reporting import say
from flowc.cli.session import Session
from flowc.diagnostics import Severity
from flowc.targets import find_target
from flowc_shim.contract.plan import with_data

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.cli.local_runs import LocalSession, Result
    from flowc.loading import Choice, LoadedFlow
    from flowc.target import Compilation
    from flowc_shim.contract.json_types import Json


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What was asked for; ``input``, ``trigger`` and ``sets`` are still texts."""

    flow: str
    choice: Choice
    input: str | None = None
    trigger: str | None = None
    granularity: str = "step"
    sets: tuple[str, ...] = ()
    overrides: str | None = None
    items: Path | None = None
    concurrency: int = 10
    isolate: bool = False
    format: str = "human"
    lenient: bool = False


def run_run(request: RunRequest) -> int:
    """Run the flow, once or per item; return 0 if every run succeeded."""
    session = Session(request.lenient)
    loader = session.loader
    if request.overrides is not None:
        loader.overrides = read_overrides(request.overrides, session.diagnostics, loader.texts)
    flow = loader.flow(request.flow)
    declared = () if flow is None else flow.source.variables
    sets = parse_sets(request.sets, {one.name: one for one in declared}, session.diagnostics)
    inputs = _inputs(request, session)
    trigger = read_trigger(request.trigger, session.diagnostics, loader.texts)
    compilation = session.compile_loaded(flow, request.choice, LOCAL, request.granularity, sets)
    if flow is not None and inputs is not None and request.items is None:
        _check_input(request, flow, inputs[0], compilation, session)
    code = session.report(request.format)
    if compilation is None or inputs is None or trigger is MISSING or code:
        return 1
    gc.enable()  # from here on the process lives as long as the flow does
    from flowc_shim.stores.api import StoreUnavailable

    target = find_target(LOCAL, session.diagnostics)
    assert target is not None, "it compiled"
    try:
        with open_session(target, compilation, overrides=sets) as running:
            if request.items is not None:
                return _run_items(running, inputs, request)
            return _run_once(running, inputs[0], trigger, request)
    except StoreUnavailable as error:
        say(f"the state store cannot be used: {error}")
        return 1
    except (KeyboardInterrupt, SystemExit):
        say("stopped; `flowc show` has how far it came")
        raise


def _inputs(request: RunRequest, session: Session) -> list[Json] | None:
    if request.items is not None:
        return read_items(request.items, session.diagnostics, session.loader.texts)
    value = read_input(request.input, session.diagnostics, session.loader.texts)
    return None if value is MISSING else [value]


def _check_input(
    request: RunRequest,
    flow: LoadedFlow,
    value: Json,
    compilation: Compilation | None,
    session: Session,
) -> None:
    """Report an input that the flow does not take; a warning where its dialect never compared."""
    if flow.source.input_schema is None:
        return
    schema = flow.source.input_schema.value
    if compilation is not None:
        value = with_data(value, compilation.plan.data)
    elif isinstance(schema, dict):
        schema = {**schema, "required": []}  # what it lacks, bindings may give
    severity = None if flow.source.facts.enforce_schemas else Severity.WARNING
    texts = session.loader.texts
    check_input(request.input, value, schema, session.diagnostics, texts, severity)


def _run_once(running: LocalSession, value: Json, trigger: Json, request: RunRequest) -> int:
    progress = Progress()
    how = {"observe": progress, "isolate": request.isolate, "trigger": trigger}
    [result] = run_all(running, [value], 1, **how)
    progress.rest(result.outcomes)
    succeeded = result.outcome.value == "succeeded"
    say(f"run {result.run} {result.outcome.value}")
    if succeeded:
        _print(result.output)
    else:
        _say_error(result)
        _print(_ended(result))
    _say_detached(running)
    return 0 if succeeded else 1


def _say_detached(running: LocalSession) -> None:
    """Say how the runs ended that steps have started: they are not this run's, but end with it."""
    for result in running.wait_detached():
        say(f"run {result.run} {result.outcome.value}")
        _say_error(result)


def _ended(result: Result) -> dict[str, Any]:
    """Return how a run ended, for machines, where it is not the output alone."""
    found: dict[str, Any] = {"outcome": result.outcome.value}
    if result.outcome.value == "succeeded":
        found["output"] = result.output
    elif result.error is not None:
        found["error"] = error_of(result)
    return found


def _say_error(result: Result) -> None:
    error = error_of(result)
    step = f" in step `{error['step']}`" if error.get("step") else ""
    if error:
        say(f"error{step}: {error.get('code', '')}: {error.get('message', '')}")
        say(f"  look into it with `flowc show {result.run}`")


def _print(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _run_items(running: LocalSession, items: list[Json], request: RunRequest) -> int:
    """Run the flow for every item; print a line per item, in order."""
    started = time.monotonic()
    succeeded = 0
    results = run_all(running, items, request.concurrency, isolate=request.isolate)
    for index, result in enumerate(results):
        _print({"index": index, "run": result.run, **_ended(result)})
        succeeded += result.outcome.value == "succeeded"
        if result.outcome.value != "succeeded":
            say(f"  item {index} {result.outcome.value}")
            _say_error(result)
    _say_detached(running)
    seconds = time.monotonic() - started
    say(f"{succeeded} of {len(items)} succeeded, {seconds:.1f}s")
    return 0 if succeeded == len(items) else 1
