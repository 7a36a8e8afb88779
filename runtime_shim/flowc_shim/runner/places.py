"""Calls in several places on Kubernetes: a JobSet per call, led by the process that has it made.

The places run this process's own command again, as followers (:mod:`flowc_shim.runner.gang`): they
have no account that may do anything, decide nothing, and end when they are told to. The process
that leads waits, so its pod is small; what the program needs, its places have.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flowc_shim.components.limits import Limits
from flowc_shim.contract.errors import FlowError, platform_error
from flowc_shim.engines.api import EngineUnavailable
from flowc_shim.engines.job_sets import INDEX_LABEL, LABEL, JobSets, job_set, lost
from flowc_shim.engines.kube_api import inside
from flowc_shim.engines.pod_log import PodLog
from flowc_shim.engines.pods import Pods
from flowc_shim.runner.gang import GANG, GANG_SIZE, POLL_SECONDS, Gang
from flowc_shim.runner.pod_document import handed_on, owners, with_more

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc_shim.components.api import Call
    from flowc_shim.contract.errors import ErrorInfo
    from flowc_shim.contract.json_types import Json
    from flowc_shim.engines.kube_api import KubeApi
    from flowc_shim.runner.gang import Place
    from flowc_shim.stores.api import StateStore

LOOK_SECONDS = 5.0
"""How often the cluster is asked whether the places are still there."""
LOG_SECONDS = 5.0
CONTAINER = "main"
LONGEST_NAME = 63
_HASH = 10
_ROOM = len("-places-0-9999-abcde")
"""What Kubernetes adds to the name of a JobSet in those of its pods."""


@dataclass(frozen=True, slots=True)
class Places:
    """How this process has calls made in several places.

    ``template``: the name of the PodTemplate of a place. ``arguments``: of this process's own
    command. ``environment``: this process's, which says in what pod it is: the end of that is the
    end of its places.
    """

    connect: Callable[[], KubeApi]
    store: StateStore
    run: str
    template: str
    arguments: Sequence[str]
    environment: Mapping[str, str]

    def lead(self, call: Call, place: Place, size: int) -> Json:
        """Make ``call`` in ``size`` places; raises FlowError."""
        gang = Gang(self.store, self.run, uuid.uuid4().hex, None, size)
        with self._started(call, gang, size) as watch:
            hosts = gang.assemble(call.cancelled, watch.look)
            with gang.calling(call.attempt, place, hosts, call.cancelled) as (stop, failures):
                return _output(gang, call, stop, failures, watch)

    @contextlib.contextmanager
    def _started(self, call: Call, gang: Gang, size: int) -> Iterator[_Watch]:
        """Have the JobSet of a call as long as the block runs."""
        try:
            api = self.connect()
            job_sets, pods = JobSets(api), Pods(api)
            template = pods.template(self.template)
            if template is None:
                message = f"PodTemplate {self.template} is not there"
                raise platform_error("ENGINE_UNAVAILABLE", message)
            name = job_set_name(self.template, call.idempotency_key)
            told = {**handed_on(self.environment), GANG: gang.id, GANG_SIZE: str(size)}
            filled = filled_template(template, self.arguments, told)
            job_sets.create(job_set(name, filled, size, owners(self.environment)))
        except EngineUnavailable as error:
            raise platform_error("ENGINE_UNAVAILABLE", str(error)) from error
        watch = _Watch(job_sets, pods, name, size)
        try:
            yield watch
        finally:
            try:
                gang.say("end", {})
                watch.read_to_the_end()
            finally:
                # Its owner's end is the end of it at the latest.
                with contextlib.suppress(EngineUnavailable):
                    job_sets.delete(name)


@dataclass(slots=True)
class _Watch:
    """Looks after a JobSet, not too often; an API that does not answer proves nothing."""

    job_sets: JobSets
    pods: Pods
    name: str
    size: int
    due: float = 0.0
    logs: dict[str, PodLog] = field(default_factory=dict)

    def look(self) -> None:
        """Raise FlowError ``PLACE_LOST`` (platform) if it has failed or is gone."""
        if time.monotonic() < self.due:
            return
        self.due = time.monotonic() + LOOK_SECONDS
        try:
            error = lost(self.job_sets.get(self.name))
            self._follow_logs()
        except EngineUnavailable:
            return
        if error is not None:
            raise error

    def _follow_logs(self) -> None:
        """Let what new places print go where the lines of this process go."""
        if len(self.logs) == self.size:
            return
        for pod in self.pods.selected(f"{LABEL}={self.name}"):
            name, labels = pod["metadata"]["name"], pod["metadata"].get("labels") or {}
            if name not in self.logs:
                prefix = f"[{labels.get(INDEX_LABEL, '?')}] "
                self.logs[name] = PodLog(self.pods, name, CONTAINER, prefix)
                self.logs[name].begin()

    def read_to_the_end(self) -> None:
        """Wait for the last lines, as places end that were told to, but not for long."""
        with contextlib.suppress(EngineUnavailable):
            self._follow_logs()
        end = time.monotonic() + LOG_SECONDS
        for log in self.logs.values():
            log.lines(max(0.0, end - time.monotonic()))


def _output(
    gang: Gang, call: Call, stop: threading.Event, failures: list[ErrorInfo], watch: _Watch
) -> Json:
    """Wait for what the first place puts out; raises FlowError."""
    limits = Limits(replace(call, cancelled=stop))
    while (found := gang.output()) is None:
        try:
            limits.check()
        except FlowError:
            if failures:
                raise FlowError(failures[0]) from None
            raise
        watch.look()
        stop.wait(limits.slice(POLL_SECONDS))
    output: Json = json.loads(found)
    return output


def places_of(template: str, env: Mapping[str, str], store: StateStore, run: str) -> Places:
    """Return how this process has calls made in several places, of the PodTemplate ``template``."""
    return Places(inside, store, run, template, sys.argv[1:], env)


def job_set_name(base: str, key: str) -> str:
    """Return the name of the JobSet of a call, the same for each attempt at it."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:_HASH]
    return f"{base[: LONGEST_NAME - _ROOM - _HASH - 1].rstrip('-.')}-{digest}"


def filled_template(
    template: Mapping[str, Any], arguments: Sequence[str], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the template of a place with the command's arguments, and what it has to be told."""
    spec = template["spec"]
    (container,) = spec["containers"]
    filled = with_more(container, env=environment, words=arguments)
    return {**template, "spec": {**spec, "containers": [filled]}}
