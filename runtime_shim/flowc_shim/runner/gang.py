"""Processes in several places that make one call together: one leads, the others follow.

An engine that starts them together tells each how many there are and which of them it is. They find
each other in the state store, below ``gangs/<id>`` of the run:

| key | who | says |
|---|---|---|
| ``host/<rank>`` | everyone | where it runs |
| ``call/<n>`` | the first | call n begins: number of the attempt, all hosts |
| ``failed/<n>/<rank>`` | the others | the program there failed |
| ``over/<n>`` | the first | the call ended |
| ``end`` | the first | there are no more calls |

The first runs the unit as always: attempts, results and failures are decided by it alone. The
others evaluate the same input and run the same program, as long as they are told to.
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
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.commit import land

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowc_shim.components.api import Call, CallHost, ComponentClient
    from flowc_shim.contract.json_types import Json
    from flowc_shim.stores.api import StateStore

BATCH_NODES = "AWS_BATCH_JOB_NUM_NODES"
BATCH_NODE = "AWS_BATCH_JOB_NODE_INDEX"
BATCH_JOB = "AWS_BATCH_JOB_ID"
"""What Batch tells the nodes of a job (https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html).
The id has the number of the node behind a ``#``."""
HOST = "FLOWC_HOST"
"""The own address, where the machine's name does not lead to it."""

POLL_SECONDS = 0.5
ASSEMBLY_SECONDS = 600.0
"""How long the first waits for the others: their machines are there, their images may not be."""


@dataclass
class Gang:
    """This process's part: ``rank`` of ``size``, below ``prefix`` in ``store``."""

    store: StateStore
    prefix: str
    rank: int
    size: int
    host: str
    calls: int = 0

    def lead(self, client: ComponentClient, call: Call, host: CallHost) -> Json:
        """Make ``call`` with the others; raises FlowError, also what one of them failed with."""
        hosts = self._assemble(call.cancelled)
        self.calls += 1
        number = self.calls
        self.say(f"call/{number}", {"attempt": call.attempt, "hosts": hosts})
        stop = threading.Event()
        failures: list[ErrorInfo] = []

        def look() -> bool:
            failures.extend(self._failures(number))
            return bool(failures) or call.cancelled.is_set()

        inner = replace(call, hosts=hosts, ranks=(0,), cancelled=stop)
        try:
            with _watching(look, stop):
                return client.call(inner, host)
        except FlowError:
            if failures:
                raise FlowError(failures[0]) from None
            raise
        finally:
            self.say(f"over/{number}", {})

    def join(self) -> None:
        """Say where this process is."""
        self.say(f"host/{self.rank}", {"host": self.host})

    def next_call(self) -> tuple[int, dict[str, Any]] | None:
        """Return number and content of the next call once there is one, None when there is none."""
        self.calls += 1
        while True:
            found = self.store.read_many([self._key(f"call/{self.calls}"), self._key("end")])
            call = found.get(self._key(f"call/{self.calls}"))
            if call is not None:
                return self.calls, json.loads(call)
            if found:
                return None
            time.sleep(POLL_SECONDS)

    @contextmanager
    def until_over(self, number: int) -> Iterator[threading.Event]:
        """Yield what is set when the first says that call ``number`` is over."""
        stop = threading.Event()
        keys = [self._key(f"over/{number}"), self._key("end")]
        with _watching(lambda: bool(self.store.read_many(keys)), stop):
            yield stop

    def say(self, name: str, content: Json) -> None:
        """Write one of the records of this module's table."""
        land(self.store, self._key(name), json.dumps(content).encode())

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def _others(self, what: str) -> list[str]:
        return [self._key(f"{what}/{rank}") for rank in range(1, self.size)]

    def _assemble(self, cancelled: threading.Event) -> tuple[str, ...]:
        """Return all hosts; raises FlowError ``PLACES_MISSING`` (platform)."""
        end = time.monotonic() + ASSEMBLY_SECONDS
        keys = self._others("host")
        while len(found := self.store.read_many(keys)) < len(keys):
            if time.monotonic() > end or cancelled.wait(POLL_SECONDS):
                message = f"{len(found) + 1} of {self.size} places have begun"
                raise platform_error("PLACES_MISSING", message)
        return (self.host, *(str(json.loads(found[key])["host"]) for key in keys))

    def _failures(self, number: int) -> list[ErrorInfo]:
        found = self.store.read_many(self._others(f"failed/{number}"))
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


def gang_of(env: Mapping[str, str], store: StateStore, run_prefix: str) -> Gang | None:
    """Return this process's part in what the engine started together, None if it is alone."""
    size = int(env.get(BATCH_NODES) or 1)
    if size == 1:
        return None
    job = env[BATCH_JOB].partition("#")[0]
    return Gang(store, f"{run_prefix}/gangs/{job}", int(env[BATCH_NODE]), size, _own_host(env))


def _own_host(env: Mapping[str, str]) -> str:
    return env.get(HOST) or socket.gethostbyname(socket.gethostname())
