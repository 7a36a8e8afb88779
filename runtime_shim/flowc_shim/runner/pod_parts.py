"""What is beside a program in its pod: ``stage`` before it, ``collect`` after it.

They read and write the stores, which the program does not know of. ``stage`` evaluates the call's
input as the unit's process does, since an input may hold what no store may (secrets), and writes
the folder that the program sees. ``collect`` waits until the unit's process says that the program
has ended, and takes what it wrote; it ends by itself when nobody leads it any more.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.components.command_contract import OutputFolder, WorkFolder
from flowc_shim.components.json_text import encode_json
from flowc_shim.contract.errors import FlowError, final_error
from flowc_shim.contract.steps import PlanCall
from flowc_shim.language.evaluate import evaluate
from flowc_shim.runner import keys
from flowc_shim.runner.attempts import call_of, choose
from flowc_shim.runner.host import Host
from flowc_shim.runner.pod_talk import ENDED, OVER, Answer, PodTalk
from flowc_shim.stores.api import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_shim.components.api import Call
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
_EVERYBODY = 0o777
"""The program runs as whom its image says."""


@dataclass(frozen=True, slots=True)
class PodPart:
    """Which call it is about; ``folder``: where the program's folder is."""

    step: str
    indices: Indices
    attempt: int
    pod: str
    folder: Path


def stage(runtime: Runtime, part: PodPart) -> bool:
    """Write the program's folder; return whether that went well, and answer if it did not."""
    try:
        call = _call(runtime, part)
        WorkFolder(call, _host(runtime, call), at=part.folder)
        (part.folder / "files-out").chmod(_EVERYBODY)
    except FlowError as failure:
        _talk(runtime, part).give(Answer(error=runtime.variables.masked(failure.info)))
        return False
    return True


def collect(runtime: Runtime, part: PodPart) -> None:
    """Wait for the program's end, and answer with what it wrote."""
    if not _is_wanted(runtime, part):
        return
    try:
        answer = Answer(_output(runtime, part))
    except FlowError as failure:
        answer = Answer(error=runtime.variables.masked(failure.info))
    _talk(runtime, part).give(answer)


def _output(runtime: Runtime, part: PodPart) -> Json:
    call = _call(runtime, part)
    try:
        output = OutputFolder(_host(runtime, call), at=part.folder).output(call.component)
        encode_json(output)
    except (OSError, ValueError) as error:
        raise final_error("INVALID_OUTPUT", f"{call.component}: {error}") from error
    # Before it is written anywhere; the unit's process looks at the rest.
    runtime.variables.refuse_secrets(output, f"the output of `{call.step_id}`")
    return output


def _is_wanted(runtime: Runtime, part: PodPart) -> bool:
    """Wait until the program has ended; return False if nobody waits for what it wrote.

    That is so when the step is decided, its next attempt has begun, or the run has ended.
    """
    run = runtime.journal.run
    ended = _talk(runtime, part).key(ENDED)
    nobody = [
        _talk(runtime, part).key(OVER),
        keys.record_key(run, part.indices, part.step),
        keys.attempt_key(run, part.indices, part.step, part.attempt + 1),
        keys.end_key(run),
    ]
    pause = FIRST_PAUSE
    while True:
        with suppress(StoreUnavailable):  # one that is away for a while says nothing
            found = runtime.journal.store.read_many([ended, *nobody])
            if found:
                return ended in found
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _talk(runtime: Runtime, part: PodPart) -> PodTalk:
    return PodTalk(runtime.journal.store, runtime.journal.run, part.pod)


def _host(runtime: Runtime, call: Call) -> Host:
    return Host(runtime, call.idempotency_key)


def _call(runtime: Runtime, part: PodPart) -> Call:
    """Return the call as the unit's process makes it."""
    step = runtime.plan.steps[part.step]
    assert isinstance(step.body, PlanCall)
    value = evaluate(step.body.input, runtime.scope(step, part.indices))
    return call_of(
        runtime, step, choose(step.body.candidates, value), part.indices, value, part.attempt,
        hosts=(), ranks=(), cancelled=runtime.cancelled,
    )  # fmt: skip
