"""``cache:`` of a step: a result that some run came to is copied by later ones.

An entry is written once and never changed: ``cache/<digest>/<window>``, put if absent; a window is
as long as the entry's time to live. So an entry of the current window is young enough, and one of
the window before may be; older ones are never looked at. The first of several producers wins, the
others keep their own result. Nothing is shared: a hit is copied into the run's own record.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.artifacts.uses import stores_in
from flowc_shim.contract.errors import final_error
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.contract.plan import PLAN_VERSION
from flowc_shim.contract.steps import PlanCall, PlanStep
from flowc_shim.language.canonical import canonical, digest
from flowc_shim.language.evaluate import evaluate
from flowc_shim.runner.attempts import choose
from flowc_shim.runner.keys import Indices, cache_key, cache_prefix, cache_use_key
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.blobs import get_blob, put_blob
from flowc_shim.stores.bodies import CorruptBody
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.journal import Journal
    from flowc_shim.runner.records import StepRecord
    from flowc_shim.runner.runtime import Runtime

TAKING_SECONDS = 3600
"""How long after its time to live a result that was found in time may still be on its way."""

LARGE = 64 * 1024
"""Bytes of JSON above which a value is a blob beside its entry."""


@dataclass(frozen=True, slots=True)
class CachePlace:
    """Where a result is kept: the digest of all that it depends on, and for how long in seconds."""

    digest: str
    ttl: float

    @property
    def window(self) -> int:
        """Return the number of the current window."""
        return int(time.time() // self.ttl)


@dataclass(frozen=True, slots=True)
class Hit:
    """A result that was found."""

    value: Json


def cache_place(
    runtime: Runtime, step: PlanStep, indices: Indices, value: Json
) -> CachePlace | None:
    """Return where the result of a step with the input ``value`` is kept, None without ``cache``.

    Raises FlowError and SkippedReference as evaluating the policy's key does.
    """
    call = step.body
    if not isinstance(call, PlanCall) or call.cache is None:
        return None
    key = value
    if call.cache.key is not None:
        key = evaluate(call.cache.key, runtime.scope(step, indices))
    candidate = choose(call.candidates, value)
    name = candidate.component_class
    depends_on = {
        "language": PLAN_VERSION,
        "project": runtime.plan.project,
        "component": [name, candidate.component],
        "version": call.cache.versions.get(name, ""),
        "code": runtime.clients.code_version(name, candidate.component),
        "schema": runtime.plan.step_schemas.get(step.path),
        "ttl": call.cache.ttl,
        "key": key,
    }
    try:
        return CachePlace(digest(depends_on), call.cache.ttl)
    except ValueError as error:  # 1e999 is read as infinity
        raise final_error("INVALID_INPUT", f"the key of `cache` is not JSON: {error}") from error


def look_up(runtime: Runtime, place: CachePlace) -> Hit | None:
    """Return the result at ``place`` that is still young enough, None if there is none."""
    store, now = runtime.journal.store, place.window
    wanted = [cache_key(place.digest, window) for window in (now, now - 1)]
    found = store.read_many(wanted)
    for key in wanted:
        with suppress(CorruptBody, KeyError, ValueError, TypeError):
            entry = json.loads(found[key])
            if time.time() - entry["created"] <= place.ttl:
                return Hit(_value(runtime, place, entry))
    return None


def _value(runtime: Runtime, place: CachePlace, entry: dict[str, Json]) -> Json:
    if "blob" not in entry:
        return entry["value"]
    return get_blob(runtime.journal.store, cache_prefix(place.digest), entry["blob"])[0]


def publish(runtime: Runtime, place: CachePlace | None, record: StepRecord) -> None:
    """Let later runs have a result that this process decided; one that cannot be is no failure."""
    journal = runtime.journal
    mine = record.writer == journal.writer and record.outcome is Outcome.SUCCEEDED
    if place is None or not mine:
        return
    value = journal.value(record)
    entry: dict[str, Json] = {"created": time.time(), "run": journal.run}
    with suppress(StoreUnavailable, CorruptBody):
        _use_files(journal, place, value)
        if len(canonical(value)) > LARGE:
            entry["blob"] = put_blob(journal.store, cache_prefix(place.digest), value, tries=1)
        else:
            entry["value"] = value
        key = cache_key(place.digest, place.window)
        commit(journal.store, key, entry, journal.writer, tries=1)


def _use_files(journal: Journal, place: CachePlace, value: Json) -> None:
    """Say that files are used as long as somebody may take the result that refers to them."""
    row = {"until": time.time() + place.ttl + TAKING_SECONDS}
    for stored_by in stores_in(value):
        key = cache_use_key(stored_by, place.digest, place.window)
        commit(journal.store, key, row, journal.writer, tries=1)
