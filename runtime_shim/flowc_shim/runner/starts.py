"""Starting a run out of a run: once, however often it is tried.

The run's name is derived from the run and the step that start it, so that an engine starts none
twice. What it is started with is a row of the run that starts it, and of all runs that claim that
row only the first is admitted: so names that an engine forgets do no harm either.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import final_error, platform_error
from flowc_shim.contract.trigger import Origin
from flowc_shim.runner import keys
from flowc_shim.runner.journal import Journal
from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.runtime import Runtime

LONGEST_FLOW = 40
"""Characters of a flow's name in that of a run: a Workflow has 63 in all."""

DIGITS = 20
CLAIM = ".run"
"""How the key of a row ends that says which run took a start; no name has a dot."""


def run_name(flow: str, key: str) -> str:
    """Return the name of the run of ``flow`` that the call with this idempotency key starts."""
    return f"{flow[:LONGEST_FLOW].strip('-')}-{hashlib.sha256(key.encode()).hexdigest()[:DIGITS]}"


def start_run(runtime: Runtime, flow: str, key: str, given: Json) -> str:
    """Start the run of ``flow`` that ``key`` names, unless it is started; return its name.

    ``given``: ``{input, variables}``. Raises FlowError; then it may be started all the same, and is
    not started again by the next attempt.
    """
    name = run_name(flow.rpartition("-")[0], key)
    runtime.variables.refuse_secrets(given, f"what run `{name}` is started with")
    try:
        runtime.journal.commit_start(name, flow, given)
    except StoreUnavailable as error:
        raise platform_error("STORE_UNAVAILABLE", str(error)) from error
    origin = Origin(runtime.journal.run, name)
    trigger = {"run": runtime.run_name, "origin": origin.to_json()}
    _ask_engine(json.loads(runtime.starts or "{}"), runtime.journal.run, flow, name, trigger)
    return name


def _ask_engine(
    how: dict[str, Any], run: str, flow: str, name: str, trigger: dict[str, Json]
) -> None:
    """Have the engine start the run; ``how``: which engine, and what it calls the flow."""
    engine = how.get("engine")
    if engine == "local":
        return  # whoever runs this one looks for the row
    if engine == "kubernetes":
        from flowc_shim.engines.start_workflow import start_workflow

        start_workflow(how, name, trigger)
    elif engine == "step-functions":
        from flowc_shim.engines.start_execution import start_execution

        start_execution(how, run, name, trigger)
    else:
        raise final_error("CONFIGURATION", f"nothing says how runs of `{flow}` are started here")


def given_to(runtime: Runtime, origin: Origin) -> dict[str, Json]:
    """Return what a run is started with: ``{input, variables}``.

    Raises FlowError (INVALID_INPUT) if nobody wrote it down.
    """
    found = Journal(runtime.journal.store, origin.run).start(origin.name)
    if not isinstance(found, dict):
        text = f"the run's trigger: run {origin.run} did not start `{origin.name}`"
        raise final_error("INVALID_INPUT", text)
    return found


def claim_key(origin: Origin) -> str:
    """Return the key of the row that says which run is the one that was started."""
    return keys.start_key(origin.run, origin.name) + CLAIM
