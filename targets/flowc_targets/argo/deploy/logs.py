"""What the pods of a run printed, by unit."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from flowc.deploy.provider import DeployError, LogLine
from flowc_targets.argo.deploy.kinds import PODS
from flowc_targets.argo.deploy.workflows import engine_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.deploy.provider import EngineRun
    from flowc_targets.argo.deploy.connection import Connection
    from flowc_targets.argo.deploy.kinds import Document
    from flowc_targets.argo.deploy.workflows import Workflows

WORKFLOW = "workflows.argoproj.io/workflow"
_POLL = 2.0
_OF_EXECUTOR = " argo=true "


def logs(
    connection: Connection,
    namespace: str,
    workflows: Workflows,
    run: EngineRun,
    units: Sequence[str],
    follow: bool,
) -> Iterator[LogLine]:
    """Yield the lines of a run's pods; with ``follow`` as they come, until the run has ended."""
    reader = _Reader(connection, namespace, run, frozenset(units))
    if not follow:
        for pod in reader.pods():
            yield from reader.lines(pod, follow=False)
        return
    yield from _following(reader, workflows, run)


def _following(reader: _Reader, workflows: Workflows, run: EngineRun) -> Iterator[LogLine]:
    """Yield lines of all pods as they come: a thread for each, so that none waits for another."""
    lines: queue.Queue[LogLine | DeployError] = queue.Queue()
    threads: dict[str, threading.Thread] = {}
    while True:
        found = workflows.read(run)
        ended = found is None or engine_run(found).state.ended
        for pod in reader.pods():
            name = pod["metadata"]["name"]
            if name not in threads and _has_begun(pod):
                threads[name] = threading.Thread(
                    target=_pump, args=(reader, pod, lines), name=name, daemon=True
                )
                threads[name].start()
        if ended:
            for thread in threads.values():
                thread.join()
        yield from _drained(lines, 0 if ended else _POLL)
        if ended:
            return


def _pump(reader: _Reader, pod: Document, lines: queue.Queue[LogLine | DeployError]) -> None:
    try:
        for line in reader.lines(pod, follow=True):
            lines.put(line)
    except DeployError as error:
        lines.put(error)


def _drained(lines: queue.Queue[LogLine | DeployError], seconds: float) -> Iterator[LogLine]:
    until = time.monotonic() + seconds
    while True:
        try:
            line = lines.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return
        if isinstance(line, DeployError):
            raise line
        yield line


def _has_begun(pod: Document) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Running", "Succeeded", "Failed")


class _Reader:
    """The pods of one run, in the order in which they began."""

    def __init__(
        self, connection: Connection, namespace: str, run: EngineRun, units: frozenset[str]
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._run = run
        self._units = units

    def pods(self) -> list[Document]:
        """Return the pods of the wanted units that are there."""
        path = PODS.path(self._namespace)
        found = self._connection.list(path, f"{WORKFLOW}={self._run.name}")
        mine = [pod for pod in found if self._is_mine(pod)]
        return sorted(mine, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))

    def _is_mine(self, pod: Document) -> bool:
        owners = pod["metadata"].get("ownerReferences") or []
        of_run = any(owner.get("uid") == self._run.key for owner in owners)
        return of_run and (not self._units or _note(pod, "unit") in self._units)

    def lines(self, pod: Document, *, follow: bool) -> Iterator[LogLine]:
        """Yield what the unit's container printed; nothing if it never began."""
        if not follow and not _has_begun(pod):
            return
        path = PODS.path(self._namespace, pod["metadata"]["name"]) + "/log"
        unit, scope = _note(pod, "unit") or "", _note(pod, "scope") or ""
        with self._connection.stream(path, **asked(follow)) as lines:
            for line in lines:
                yield from printed(unit, scope, line)


def asked(follow: bool) -> dict[str, str]:
    """Return how a unit's container is asked for what it printed."""
    return {"container": "main", "timestamps": "true", "follow": str(follow).lower()}


def printed(unit: str, scope: str, line: str) -> Iterator[LogLine]:
    """Yield a line with its time, unless Argo's executor wrote it, which wraps the container."""
    stamp, _, text = line.partition(" ")
    if _OF_EXECUTOR not in f"{text} ":
        yield LogLine(unit, scope, text, stamp)


def _note(pod: Document, name: str) -> str | None:
    found = (pod["metadata"].get("annotations") or {}).get(f"flowc.dev/{name}")
    return None if found is None else str(found)
