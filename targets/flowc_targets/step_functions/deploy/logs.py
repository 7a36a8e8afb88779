"""What units printed: CloudWatch's log groups of functions and jobs, told apart by run and unit.

A function's log stream is of one environment, which works on one invocation after the other. The
handler's first line says for which run and unit; what follows is of them, until the next one's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import LogLine
from flowc_shim.aws_lambda import WORKS_FOR
from flowc_targets.step_functions.deploy.executions import execution_of, find_run
from flowc_targets.step_functions.deploy.kinds_compute import Functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.deploy.provider import EngineRun
    from flowc_targets.step_functions.deploy.cloud import Cloud

FOLLOW_SECONDS = 2.0
LATE_SECONDS = 60
"""How long after its end lines of a run may still come."""

_PLATFORM = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ")


@dataclass(slots=True)
class _Reader:
    """Reads on, and remembers what was read. ``stream``: log stream → (unit, scope) now."""

    cloud: Cloud
    base: str
    run: EngineRun
    units: frozenset[str]
    streams: dict[tuple[str, str], tuple[str, str] | None] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def read(self) -> Iterator[LogLine]:
        """Yield the lines that came since."""
        for function in Functions().names(self.cloud, self.base):
            yield from self._function(f"/aws/lambda/{function}")
        yield from self._jobs()

    def _function(self, group: str) -> Iterator[LogLine]:
        for event in self._events(group):
            key = (group, str(event["logStreamName"]))
            text = str(event["message"]).rstrip("\n")
            if text.startswith(WORKS_FOR):
                self.streams[key] = self._mine(json.loads(text[len(WORKS_FOR) :]))
            elif self.streams.get(key) and not text.startswith(_PLATFORM):
                unit, scope = self.streams[key] or ("", "")
                yield from self._line(unit, scope, event, text)

    def _mine(self, works: dict[str, str]) -> tuple[str, str] | None:
        if works.get("run") != self.run.key:
            return None
        return works.get("unit") or works.get("op", ""), works.get("scope", "")

    def _events(self, group: str) -> Iterator[dict[str, Any]]:
        start = int((self.run.started or 0) * 1000)
        chosen: dict[str, Any] = {"logGroupName": group, "startTime": start}
        if self.run.ended is not None:
            chosen["endTime"] = int((self.run.ended + LATE_SECONDS) * 1000)
        if self.cloud.find("logs", "filter_log_events", **chosen, limit=1) is None:
            return
        for event in self.cloud.pages("logs", "filter_log_events", "events", **chosen):
            if event["eventId"] not in self.seen:
                self.seen.add(event["eventId"])
                yield event

    def _line(self, unit: str, scope: str, event: dict[str, Any], text: str) -> Iterator[LogLine]:
        if not self.units or unit in self.units:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, timezone.utc)
            yield LogLine(unit, scope, text, at.isoformat(timespec="milliseconds"))

    def _jobs(self) -> Iterator[LogLine]:
        for job in self._submitted():
            container = job.get("container") or {}
            stream, words = container.get("logStreamName"), container.get("command") or []
            unit, scope = _option(words, "--unit"), _option(words, "--scope")
            if not stream:
                continue
            group = f"/flowc/{self.base}/jobs"
            arguments = {"logGroupName": group, "logStreamNames": [stream]}
            for event in self.cloud.pages("logs", "filter_log_events", "events", **arguments):
                if event["eventId"] not in self.seen:
                    self.seen.add(event["eventId"])
                    yield from self._line(unit, scope, event, str(event["message"]))

    def _submitted(self) -> list[dict[str, Any]]:
        """Return the jobs that the execution's history names."""
        history = self.cloud.pages(
            "stepfunctions", "get_execution_history", "events",
            executionArn=execution_of(self.run), maxResults=1000,
        )  # fmt: skip
        ids = []
        for event in history:
            details = event.get("taskSubmittedEventDetails") or {}
            if details.get("resourceType") == "batch":
                output = json.loads(details.get("output") or "{}")
                ids += [output["JobId"]] if "JobId" in output else []
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), 100):
            jobs = self.cloud.call("batch", "describe_jobs", jobs=ids[start : start + 100])
            found += jobs["jobs"]
        return found


def read_logs(
    cloud: Cloud, base: str, run: EngineRun, units: Sequence[str], follow: bool
) -> Iterator[LogLine]:
    """Yield what the units printed; ``follow``: until the run has ended."""
    reader = _Reader(cloud, base, run, frozenset(units))
    while True:
        yield from reader.read()
        if not follow or reader.run.state.ended:
            return
        cloud.wait(FOLLOW_SECONDS)
        reader.run = find_run(cloud, base, run.key) or reader.run


def _option(words: Sequence[str], name: str) -> str:
    return words[words.index(name) + 1] if name in words else ""
