"""The contract of a component client.

A client turns a :class:`Call` into the component's output or raises
:class:`flowc_shim.contract.errors.FlowError` with the class and code of section 5 of
``docs/language.md``. It never retries: budgets are the runner's.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_shim.contract.json_types import Json


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at one step.

    ``attempt`` is 1-based. ``run_id`` is a UUID text (Stepflow 0.11 refuses others), ``flow_id``
    the plan's digest. ``idempotency_key`` is the same over attempts and resumes. ``timeout``:
    seconds that the call may take, None without a bound. ``cancelled`` is set when the run is
    being stopped; a client that waits looks at it and ends with ``STOPPED``. ``hosts``: where the
    component's program runs, if in several places at once; ``ranks``: which of them are here.
    """

    component: str
    input: Json
    attempt: int
    run_id: str
    flow_id: str
    step_id: str
    idempotency_key: str
    timeout: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    hosts: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()


class CallHost(Protocol):
    """What a component may ask of the run that called it."""

    def put_blob(self, data: Json, blob_type: str) -> str:
        """Store ``data`` (type ``data`` or ``flow``) and return its id."""

    def get_blob(self, blob_id: str) -> tuple[Json, str]:
        """Return data and type of a blob; raises FlowError BLOB_NOT_FOUND."""

    def run_flow(
        self, flow: Json, inputs: list[Json], max_concurrency: int | None, overrides: Json = None
    ) -> list[Json]:
        """Run a Stepflow flow given as data once per input.

        Returns, in order, Stepflow FlowResults: ``{"outcome": "success", "result": …}``,
        ``{"outcome": "failed", "error": {code, message}}`` or ``{"outcome": "skipped"}``.
        """

    def start_run(self, flow: str, given: Json) -> str:
        """Start a run of a detached flow with ``{input, variables}``, once; return its name."""

    def run_pod(self, call: Call, template: str) -> Json:
        """Run the call's program in a pod made from the PodTemplate ``template``.

        Returns its output; raises FlowError.
        """

    def bring_in(self, value: Json, folder: Path, seen_at: str) -> Json:
        """Copy the files that ``value`` refers to into ``folder``; raises FlowError.

        Returns ``value`` with the path below ``seen_at`` of each in its reference.
        """

    def take_out(self, output: Json, folder: Path) -> Json:
        """Store the files of ``folder``; returns ``output`` with references; raises FlowError."""


class ComponentClient(Protocol):
    """One component class (an entry of ``plugins``), ready to be called from several threads."""

    def call(self, call: Call, host: CallHost) -> Json:
        """Return the component's output; raises FlowError."""

    def close(self) -> None:
        """End what was started: processes, connections."""


@runtime_checkable
class OneCall(Protocol):
    """A client that can be called once: another attempt has to be another process's."""

    @property
    def used_up(self) -> bool:
        """Whether it was called."""


@runtime_checkable
class Server(Protocol):
    """A client that starts something before it is called: a service of a deployment."""

    def bring_up(self, cancelled: threading.Event) -> None:
        """Start what is not running; raises FlowError. Called from several threads."""
