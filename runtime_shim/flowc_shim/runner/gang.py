"""Processes in several places that make one call together: one leads, the others follow.

An engine that starts them together tells each how many there are and which of them it is. They find
each other in the state store, below ``gangs/<id>`` of the run:

| key | who | says |
|---|---|---|
| ``host/<rank>`` | everyone | where it runs |
| ``call/<n>`` | the leader | call n begins: which, number of the attempt, all hosts |
| ``failed/<n>/<rank>`` | the followers | the program there failed |
| ``output/<n>`` | the first place, where it follows | what its program put out |
| ``over/<n>`` | the leader | the call ended |
| ``end`` | the leader | there are no more calls |

The leader runs the unit as always: attempts, results and failures are decided by it alone. The
followers evaluate the same input and run the same program, as long as they are told to. Of the
nodes of a Batch job the first one leads. Where a JobSet starts the places
(:mod:`flowc_shim.runner.places`), all of them follow: the process that had it made leads.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import ErrorInfo, FlowError, platform_error
from flowc_shim.runner.keys import end_key, gang_prefix, indices_text
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.commit import land

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowc_shim.components.api import Call, CallHost, ComponentClient
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.stores.api import StateStore

PLACE = "JOB_COMPLETION_INDEX"
"""What an indexed Job of Kubernetes tells its pods: which of them they are, from 0."""
GANG = "FLOWC_GANG"
"""What who leads tells the places that a JobSet starts: the id below which they meet."""
GANG_SIZE = "FLOWC_GANG_SIZE"

Place = tuple[str, "Indices"]
"""Which call it is: path of its step, and indices."""

BATCH_NODES = "AWS_BATCH_JOB_NUM_NODES"
BATCH_NODE = "AWS_BATCH_JOB_NODE_INDEX"
BATCH_JOB = "AWS_BATCH_JOB_ID"
"""What Batch tells the nodes of a job (https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html).
The id has the number of the node behind a ``#``."""
HOST = "FLOWC_HOST"
"""The own address, where the machine's name does not lead to it."""

POLL_SECONDS = 0.5
ASSEMBLY_SECONDS = 600.0
"""How long who leads waits for the rest once one place has begun: the machines are there, images
may not be. After that all of them are let go, so that two calls that each hold half of what both
need do not wait for ever."""


@dataclass
class Gang:
    """This process's part: place ``rank`` of ``size`` of the gang ``id`` of ``run``.

    ``rank`` is None for a leader that is none of the places; ``led``: all places follow it.
    """

    store: StateStore
    run: str
    id: str
    rank: int | None
    size: int
    host: str = ""
    led: bool = False
    calls: int = 0

    @property
    def follows(self) -> bool:
        """Whether this process decides nothing."""
        return self.led or bool(self.rank)

    def lead(self, client: ComponentClient, call: Call, host: CallHost, place: Place) -> Json:
        """Make ``call`` with the others; raises FlowError, also what one of them failed with."""
        hosts = (self.host, *self.assemble(call.cancelled))
        with self.calling(call.attempt, place, hosts, call.cancelled) as (stop, failures):
            try:
                return client.call(replace(call, hosts=hosts, ranks=(0,), cancelled=stop), host)
            except FlowError:
                if failures:
                    raise FlowError(failures[0]) from None
                raise

    @contextmanager
    def calling(
        self, attempt: int, place: Place, hosts: tuple[str, ...], cancelled: threading.Event
    ) -> Iterator[tuple[threading.Event, list[ErrorInfo]]]:
        """Tell the followers of a call that begins, and that it is over.

        Yields what is set once one of them has failed, or the call is to end; and the failures.
        """
        self.calls += 1
        number = self.calls
        step, indices = place
        about: Json = {"step": step, "scope": indices_text(indices), "attempt": attempt}
        self.say(f"call/{number}", {**about, "hosts": list(hosts)})
        stop = threading.Event()
        failures: list[ErrorInfo] = []

        def look() -> bool:
            failures.extend(self._failures(number))
            return bool(failures) or cancelled.is_set()

        try:
            with _watching(look, stop):
                yield stop, failures
        finally:
            self.say(f"over/{number}", {})

    def output(self) -> bytes | None:
        """Return what the first place said that the call put out, None as long as it did not."""
        return self.store.read(self._key(f"output/{self.calls}"))

    def join(self) -> None:
        """Say where this process is."""
        self.say(f"host/{self.rank}", {"host": self.host})

    def next_call(self) -> tuple[int, dict[str, Any]] | None:
        """Return number and content of the next call once there is one, None when there is none."""
        self.calls += 1
        while True:
            call_key = self._key(f"call/{self.calls}")
            found = self.store.read_many([call_key, self._key("end"), end_key(self.run)])
            call = found.get(call_key)
            if call is not None:
                return self.calls, json.loads(call)
            if found:
                return None
            time.sleep(POLL_SECONDS)

    @contextmanager
    def until_over(self, number: int) -> Iterator[threading.Event]:
        """Yield what is set when the first says that call ``number`` is over."""
        stop = threading.Event()
        keys = [self._key(f"over/{number}"), self._key("end"), end_key(self.run)]
        with _watching(lambda: bool(self.store.read_many(keys)), stop):
            yield stop

    def say(self, name: str, content: Json) -> None:
        """Write one of the records of this module's table."""
        land(self.store, self._key(name), json.dumps(content).encode())

    def _key(self, name: str) -> str:
        return f"{gang_prefix(self.run, self.id)}/{name}"

    def _followers(self, what: str) -> list[str]:
        first = 0 if self.rank is None else 1
        return [self._key(f"{what}/{rank}") for rank in range(first, self.size)]

    def assemble(
        self, cancelled: threading.Event, waiting: Callable[[], None] = lambda: None
    ) -> tuple[str, ...]:
        """Return the hosts of all followers; raises FlowError ``PLACES_MISSING`` (platform).

        ``waiting`` is called now and then, and may end it with an error of its own.
        """
        keys = self._followers("host")
        end = None if self.rank is None else time.monotonic() + ASSEMBLY_SECONDS
        while len(found := self.store.read_many(keys)) < len(keys):
            waiting()
            if found and end is None:
                end = time.monotonic() + ASSEMBLY_SECONDS
            late = end is not None and time.monotonic() > end
            if late or cancelled.wait(POLL_SECONDS):
                begun = self.size - len(keys) + len(found)
                message = f"{begun} of {self.size} places have begun"
                raise platform_error("PLACES_MISSING", message)
        return tuple(str(json.loads(found[key])["host"]) for key in keys)

    def _failures(self, number: int) -> list[ErrorInfo]:
        found = self.store.read_many(self._followers(f"failed/{number}"))
        return [ErrorInfo.from_json(json.loads(found[key])) for key in sorted(found)]


@contextmanager
def _watching(look: Callable[[], bool], stop: threading.Event) -> Iterator[None]:
    """Set ``stop`` once ``look`` says so, as long as the block runs; stores may be away."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            try:
                if look():
                    stop.set()
                    return
            except StoreUnavailable:
                continue

    watcher = threading.Thread(target=watch, name="gang", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def gang_of(env: Mapping[str, str], store: StateStore, run: str) -> Gang | None:
    """Return this process's part in what the engine started together, None if it is alone."""
    if GANG in env:
        rank, size = int(env[PLACE]), int(env[GANG_SIZE])
        return Gang(store, run, env[GANG], rank, size, _own_host(env), led=True)
    size = int(env.get(BATCH_NODES) or 1)
    if size == 1:
        return None
    job = env[BATCH_JOB].partition("#")[0]
    return Gang(store, run, job, int(env[BATCH_NODE]), size, _own_host(env))


def _own_host(env: Mapping[str, str]) -> str:
    return env.get(HOST) or socket.gethostbyname(socket.gethostname())
