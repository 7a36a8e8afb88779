"""The journal of one run: typed rows over a state store, each decided exactly once."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import ErrorInfo
from flowc_shim.contract.outcomes import EDGE_TRUE, Outcome
from flowc_shim.runner import keys
from flowc_shim.runner.attempt_rows import AttemptRows
from flowc_shim.runner.failing_rows import FailingRows
from flowc_shim.runner.records import EndRecord, LoopRecord, PassState, StepRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.stores.api import StateStore

LARGE_KEPT = 32
"""Large values that are kept in memory, those used last."""


class Journal(AttemptRows, FailingRows):
    """Reads and commits of one run by one writer; safe to use from several threads.

    Step records never change once committed, so those that were read are kept, without the values
    that are too large for them.
    """

    def __init__(self, store: StateStore, run: str, writer: str | None = None) -> None:
        super().__init__(store, run, writer)
        self._known: dict[tuple[Indices, str], StepRecord] = {}
        self._large: OrderedDict[str, Json] = OrderedDict()
        self._start: list[dict[str, Json]] = []
        self._conclusion: EndRecord | None = None

    # the run

    def begin(
        self,
        value: Json,
        header: dict[str, Json] | None = None,
        trigger: Json = None,
        started: float | None = None,
        variables: dict[str, Json] | None = None,
    ) -> Json:
        """Put the run's input in if absent; returns the input that the run has.

        ``trigger``: what started it. ``started``: when, in seconds since the epoch; now without it.
        ``variables``: those that are given with the start.
        """
        row = {**self._pack(value), "trigger": trigger, "started": started or time.time()}
        if variables:
            row["variables"] = self._pack(variables)
        row = self._decide(keys.input_key(self.run), row)
        if header is not None:
            self.write_header(header)
        self._start = [{**row, "input": self._unpack(row)}]
        return self._start[0]["input"]

    def write_header(self, header: dict[str, Json]) -> None:
        """Write the run's header if nobody did, and let people find the run.

        By its name; and with its ``deployment``, in the order of start and among the runs that the
        sweeper looks after.
        """
        row = self._decide(
            keys.header_key(self.run), {"run": self.run, "started": time.time(), **header}
        )
        if row.get("deployment"):
            deployment, started = str(row["deployment"]), float(row["started"])
            self._decide(keys.open_run_key(deployment, self.run), {"run": self.run})
            listed = keys.run_of_deployment_key(deployment, started, self.run)
            self._decide(listed, {"run": self.run})
        if header.get("name"):
            self._decide(keys.alias_key(str(header["name"]), self.run), {"run": self.run})

    def header(self) -> dict[str, Json]:
        """Return the run's header, empty if nobody wrote one."""
        return self._read(keys.header_key(self.run)) or {}

    def input(self) -> Json:
        """Return the run's input; raises KeyError if the run never began."""
        return self._beginning()["input"]

    def trigger(self) -> Json:
        """Return what triggered the run, None if nobody wrote that down."""
        try:
            return self._beginning().get("trigger")
        except KeyError:
            return None

    def started(self) -> float | None:
        """Return when the run began, in seconds since the epoch; None if it never did."""
        try:
            return self._beginning().get("started")
        except KeyError:
            return None

    def variables(self) -> dict[str, Json]:
        """Return the variables that came with the start; raises KeyError if there was none."""
        row = self._beginning().get("variables")
        return {} if row is None else self._unpack(row)

    # runs that this one starts

    def commit_start(self, name: str, flow: str, given: Json) -> None:
        """Write down once what the run of ``flow`` called ``name`` is started with."""
        self._decide(keys.start_key(self.run, name), {"flow": flow, **self._pack(given)})

    def start(self, name: str) -> Json:
        """Return what the run called ``name`` is started with, None if it is not."""
        row = self._read(keys.start_key(self.run, name))
        return None if row is None else self._unpack(row)

    def _beginning(self) -> dict[str, Json]:
        if not self._start:
            row = self._read(keys.input_key(self.run))
            if row is None:
                raise KeyError(f"run {self.run} has no input: it never began")
            self._start = [{**row, "input": self._unpack(row)}]
        return self._start[0]

    def end(self) -> EndRecord | None:
        """Return how the run ended, None while it has not."""
        return self._read_end(keys.end_key(self.run))

    def conclusion(self) -> EndRecord | None:
        """Return how everything but the ``finally:`` steps ended, None while it has not."""
        if self._conclusion is None:
            self._conclusion = self._read_end(keys.conclusion_key(self.run))
        return self._conclusion

    def _read_end(self, key: str) -> EndRecord | None:
        row = self._read(key)
        return None if row is None else self._end_of(row)

    def _end_of(self, row: dict[str, Json]) -> EndRecord:
        return EndRecord(Outcome(row["outcome"]), self._unpack(row), row["error"], row["ended"])

    def commit_end(self, end: EndRecord) -> EndRecord:
        """End the run, or adopt the end that it already has."""
        return self._commit_end(keys.end_key(self.run), end)

    def commit_conclusion(self, end: EndRecord) -> EndRecord:
        """Decide how everything but the ``finally:`` steps ended, or adopt what is decided."""
        self._conclusion = self._commit_end(keys.conclusion_key(self.run), end)
        return self._conclusion

    def _commit_end(self, key: str, end: EndRecord) -> EndRecord:
        row: dict[str, Json] = {
            "outcome": end.outcome.value,
            **self._pack(end.output),
            "error": None if end.error is None else dict(end.error),
            "ended": time.time(),
        }
        return self._end_of(self._decide(key, row))

    # steps

    def record(self, indices: Indices, step: str) -> StepRecord | None:
        """Return a step's result, None while it is not decided."""
        known = self._known.get((indices, step))
        if known is not None:
            return known
        row = self._read(keys.record_key(self.run, indices, step))
        return None if row is None else self._remember(indices, step, row)

    def records(self, places: Sequence[tuple[Indices, str]]) -> list[StepRecord | None]:
        """Return the results at ``places``, in one read where the store can."""
        missing = [place for place in places if place not in self._known]
        wanted = {keys.record_key(self.run, *place): place for place in missing}
        for key, body in self.store.read_many(list(wanted)).items():
            self._remember(*wanted[key], json.loads(body))
        return [self._known.get(place) for place in places]

    def commit_record(self, indices: Indices, step: str, record: StepRecord) -> StepRecord:
        """Decide a step, or adopt the result that it already has."""
        row: dict[str, Json] = {"outcome": record.outcome.value}
        if record.outcome in EDGE_TRUE:
            row |= self._pack(record.value)
        row |= {
            "error": None if record.error is None else record.error.to_json(),
            "attempt": record.attempt,
            "input_digest": record.input_digest,
            "unit": record.unit,
            "started": record.started or time.time(),
            "ended": time.time(),
        }
        return self._remember(
            indices, step, self._decide(keys.record_key(self.run, indices, step), row)
        )

    def _remember(self, indices: Indices, step: str, row: dict[str, Json]) -> StepRecord:
        record = StepRecord(
            outcome=Outcome(row["outcome"]),
            value=row.get("value"),
            error=None if row["error"] is None else ErrorInfo.from_json(row["error"]),
            attempt=row["attempt"],
            input_digest=row["input_digest"],
            unit=row["unit"],
            started=row["started"],
            ended=row["ended"],
            writer=row["writer"],
            blob=row.get("blob", ""),
        )
        with self._lock:
            self._known[(indices, step)] = record
        return record

    def value(self, record: StepRecord | PassState) -> Json:
        """Return a step's value, or a state; large ones are read when they are first asked for."""
        if not record.blob:
            return record.value
        with self._lock:
            if record.blob in self._large:
                self._large.move_to_end(record.blob)
                return self._large[record.blob]
        value = self._unpack({"blob": record.blob})
        with self._lock:
            self._large[record.blob] = value
            if len(self._large) > LARGE_KEPT:
                self._large.popitem(last=False)
        return value

    # loops

    def loop(self, indices: Indices, loop: str) -> LoopRecord | None:
        """Return the decided items of a loop, None while they are not decided."""
        row = self._read(keys.loop_key(self.run, indices, loop))
        return None if row is None else self._loop(row)

    def commit_loop(self, indices: Indices, loop: str, record: LoopRecord) -> LoopRecord:
        """Decide the items of a loop, or adopt those that it already has."""
        lists: dict[str, Any] = {"items": record.items, "product": record.product}
        decided = {"count": record.count, "started": time.time(), **self._pack(lists)}
        row = self._decide(keys.loop_key(self.run, indices, loop), decided)
        return self._loop(row)

    def _loop(self, row: dict[str, Json]) -> LoopRecord:
        lists = self._unpack(row)
        return LoopRecord(
            row["count"],
            lists["items"],
            [(name, values) for name, values in lists["product"]],
            row.get("started", 0.0),
        )

    def read_rollups(self, indices: Indices, loop: str, wanted: Sequence[tuple[int, int]]) -> int:
        """Take what lanes rolled up, by lane and part; returns how many of these there are."""
        rows = [keys.rollup_key(self.run, indices, loop, lane, part) for lane, part in wanted]
        found = self.store.read_many(rows)
        for body in found.values():
            for item, steps in json.loads(body)["items"].items():
                for step, row in steps.items():
                    self._remember((*indices, int(item)), step, row)
        return len(found)

    def commit_rollup(
        self,
        indices: Indices,
        loop: str,
        lane: int,
        part: int,
        places: Sequence[tuple[Indices, str]],
    ) -> None:
        """Put the results at ``places``, which are all decided, into one row."""
        items: dict[str, dict[str, Json]] = {}
        for place, step in places:
            items.setdefault(str(place[-1]), {})[step] = _row(self._known[(place, step)])
        self._decide(keys.rollup_key(self.run, indices, loop, lane, part), {"items": items})

    # passes of a `while`

    def state(self, indices: Indices, loop: str, number: int) -> PassState | None:
        """Return the state after ``number`` passes, None while there is none."""
        row = self._read(keys.state_key(self.run, indices, loop, number))
        return None if row is None else _state(number, row)

    def commit_state(
        self, indices: Indices, loop: str, number: int, value: Json, *, go: bool
    ) -> PassState:
        """Decide the state after ``number`` passes, or adopt the one that there is."""
        row = {"go": go, **self._pack(value)}
        return _state(number, self._decide(keys.state_key(self.run, indices, loop, number), row))

    def latest_state(self, indices: Indices, loop: str, most: int) -> PassState | None:
        """Return the state after the most passes that were done, None if the loop never began."""
        first = self.state(indices, loop, 0)
        if first is None or not first.go:
            return first
        wanted = partial(keys.state_key, self.run, indices, loop)
        number = self._last_number(wanted, 0, most)
        return first if number == 0 else self.state(indices, loop, number)


def _state(number: int, row: dict[str, Json]) -> PassState:
    return PassState(number, bool(row["go"]), row.get("value"), str(row.get("blob", "")))


def _row(record: StepRecord) -> dict[str, Json]:
    """Return what :meth:`Journal._remember` reads."""
    value = {"blob": record.blob} if record.blob else {"value": record.value}
    return {
        "outcome": record.outcome.value,
        **(value if record.outcome in EDGE_TRUE else {}),
        "error": None if record.error is None else record.error.to_json(),
        "attempt": record.attempt,
        "input_digest": record.input_digest,
        "unit": record.unit,
        "started": record.started,
        "ended": record.ended,
        "writer": record.writer,
    }
