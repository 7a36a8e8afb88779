"""The journal of one run: typed rows over a state store, each decided exactly once."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

from flowc_shim.artifacts.reference import KEY as ARTIFACT
from flowc_shim.artifacts.uses import stores_in
from flowc_shim.contract.errors import ErrorInfo
from flowc_shim.contract.outcomes import EDGE_TRUE, Outcome
from flowc_shim.runner import keys
from flowc_shim.runner.records import (
    RECORD_VERSION,
    AttemptRow,
    EndRecord,
    LoopRecord,
    PassState,
    StepRecord,
)
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.blobs import get_blob, put_blob
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.stores.api import StateStore

BLOB_THRESHOLD = 64 * 1024
"""Bytes of JSON above which a value becomes a blob."""

ATTEMPTS_TOGETHER = 16
"""Attempts of a step that are read at a time."""

LARGE_KEPT = 32
"""Large values that are kept in memory, those used last."""

VALUE_KIND = "value"


def new_writer() -> str:
    """Return an id for one process and its intents; a restarted process takes another."""
    return uuid.uuid4().hex


class Journal:
    """Reads and commits of one run by one writer; safe to use from several threads.

    Step records never change once committed, so those that were read are kept, without the values
    that are too large for them.
    """

    def __init__(self, store: StateStore, run: str, writer: str | None = None) -> None:
        self.store = store
        self.run = run
        self.writer = writer or new_writer()
        self.prefix = keys.run_prefix(run)
        self._known: dict[tuple[Indices, str], StepRecord] = {}
        self._used: set[str] = set()
        self._large: OrderedDict[str, Json] = OrderedDict()
        self._counted: set[tuple[str, Indices, int]] = set()
        self._lock = threading.Lock()
        self._start: list[dict[str, Json]] = []
        self._conclusion: EndRecord | None = None

    # values

    def _pack(self, value: Json) -> dict[str, Json]:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        if f'"{ARTIFACT}"' in text:
            self._use_files(value)
        if len(text) > BLOB_THRESHOLD:
            return {"blob": put_blob(self.store, self.prefix, value, VALUE_KIND)}
        return {"value": value}

    def _use_files(self, value: Json) -> None:
        """Say that this run uses files which other runs stored, before a record says so."""
        for stored_by in stores_in(value) - self._used - {self.prefix}:
            self._decide(keys.run_use_key(stored_by, self.run), {"run": self.run})
            self._used.add(stored_by)

    def _unpack(self, row: dict[str, Json]) -> Json:
        if "blob" not in row:
            return row.get("value")
        try:
            return get_blob(self.store, self.prefix, row["blob"])[0]
        except KeyError as error:
            raise StoreUnavailable(f"blob {row['blob']} of run {self.run} is gone") from error

    def _read(self, key: str) -> dict[str, Json] | None:
        body = self.store.read(key)
        return None if body is None else json.loads(body)

    def _decide(self, key: str, row: dict[str, Json]) -> dict[str, Json]:
        return commit(self.store, key, {"v": RECORD_VERSION, **row}, self.writer).record

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

    # attempts

    def attempts(self, indices: Indices, step: str) -> list[AttemptRow]:
        """Return the attempts that were ever begun, in order."""
        out: list[AttemptRow] = []
        if self._read(keys.attempt_key(self.run, indices, step, 1)) is None:
            return out
        while len(out) % ATTEMPTS_TOGETHER == 0:  # numbers have no gaps
            more = self._attempts_from(indices, step, len(out) + 1)
            if not more:
                break
            out += more
        return out

    def _attempts_from(self, indices: Indices, step: str, first: int) -> list[AttemptRow]:
        numbers = range(first, first + ATTEMPTS_TOGETHER)
        begun = {keys.attempt_key(self.run, indices, step, n): n for n in numbers}
        ended = {keys.attempt_end_key(self.run, indices, step, n): n for n in numbers}
        rows = self.store.read_many([*begun, *ended])
        errors = {
            n: ErrorInfo.from_json(json.loads(rows[key])["error"])
            for key, n in ended.items()
            if key in rows
        }
        out = []
        for key, n in begun.items():
            if key not in rows:
                break
            row = json.loads(rows[key])
            out.append(AttemptRow(n, row["writer"], row["started"], errors.get(n)))
        return out

    def begin_attempt(self, indices: Indices, step: str, number: int) -> int:
        """Claim attempt ``number``, or the next free one; returns the number claimed."""
        while True:
            key = keys.attempt_key(self.run, indices, step, number)
            row = self._decide(key, {"started": time.time()})
            if row["writer"] == self.writer:
                return number
            number += 1

    def end_attempt(self, indices: Indices, step: str, error: ErrorInfo) -> None:
        """Write how attempt ``error.attempt`` failed."""
        key = keys.attempt_end_key(self.run, indices, step, error.attempt)
        self._decide(key, {"error": error.to_json(), "ended": time.time()})

    # loops

    def loop(self, indices: Indices, loop: str) -> LoopRecord | None:
        """Return the decided items of a loop, None while they are not decided."""
        row = self._read(keys.loop_key(self.run, indices, loop))
        return None if row is None else self._loop(row)

    def commit_loop(self, indices: Indices, loop: str, record: LoopRecord) -> LoopRecord:
        """Decide the items of a loop, or adopt those that it already has."""
        lists: dict[str, Any] = {"items": record.items, "product": record.product}
        row = self._decide(
            keys.loop_key(self.run, indices, loop), {"count": record.count, **self._pack(lists)}
        )
        return self._loop(row)

    def _loop(self, row: dict[str, Json]) -> LoopRecord:
        lists = self._unpack(row)
        return LoopRecord(
            row["count"], lists["items"], [(name, values) for name, values in lists["product"]]
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

    # flags

    def set_failing(self, scope: str, indices: Indices, reason: dict[str, Json]) -> bool:
        """Say that nothing new may start in this scope; whether it was this writer who did."""
        row = self._decide(keys.failing_key(self.run, scope, indices), {"reason": reason})
        return bool(row["writer"] == self.writer)

    def count_failed_item(
        self, loop: str, indices: Indices, index: int, most: int, *, maybe_counted: bool
    ) -> int:
        """Write down that item ``index`` failed, once; returns how many items have, up to ``most``.

        Rows are numbered without gaps, so the last one is found without reading them all.
        ``maybe_counted``: another process may have written it, and was killed then.
        """
        with self._lock:
            if (loop, indices, index) in self._counted:
                return 0
            self._counted.add((loop, indices, index))
        if maybe_counted:
            rows = [keys.failed_item_key(self.run, loop, indices, n) for n in range(1, most + 1)]
            found = self.store.read_many(rows).values()
            if index in [json.loads(body)["item"] for body in found]:
                return len(found)
        number = 0
        while number < most:
            wanted = partial(keys.failed_item_key, self.run, loop, indices)
            number = self._last_number(wanted, number, most) + 1
            if number > most:
                return most
            row = self._decide(
                keys.failed_item_key(self.run, loop, indices, number), {"item": index}
            )
            if row["writer"] == self.writer and row["item"] == index:
                return number
        return most

    def _last_number(self, key: Callable[[int], str], known: int, most: int) -> int:
        """Return the number of the last row there is, from ``known``, which is there (or 0).

        Rows are numbered without gaps.
        """
        while True:
            numbers, step = [], 1
            while known + step <= most:
                numbers.append(known + step)
                step *= 2
            wanted = {key(n): n for n in numbers}
            found = self.store.read_many(list(wanted))
            if not found:
                return known
            known = max(wanted[key] for key in found)

    def set_loop_failing(self, loop: str, indices: Indices) -> None:
        """Say that a loop has more failed items than it tolerates."""
        self._decide(keys.loop_failing_key(self.run, loop, indices), {})

    def failing_reason(self, scope: str, indices: Indices) -> dict[str, Json] | None:
        """Return why the scope is failing, None if it is not."""
        row = self._read(keys.failing_key(self.run, scope, indices))
        return None if row is None else row["reason"]

    def any_key(self, wanted: Sequence[str]) -> bool:
        """Whether any of these keys exists."""
        if len(wanted) == 1:
            return self.store.read(wanted[0]) is not None
        return bool(self.store.read_many(list(wanted)))


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
