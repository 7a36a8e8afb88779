"""Of all runs that one schedule started for one time, or one step of one run, the store admits one.

Schedulers fire at least once, what cron calls one schedule may be two on an engine, and engines
forget names. The others end ``skipped`` before any step starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flowc_shim.contract.errors import final_error
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.contract.scopes import ROOT
from flowc_shim.runner.records import EndRecord
from flowc_shim.runner.starts import claim_key
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.trigger import Trigger
    from flowc_shim.runner.runtime import Runtime


def admit(runtime: Runtime, trigger: Trigger, header: dict[str, Json]) -> bool:
    """Whether this run may go on; if not, it has ended. A run that was admitted stays so."""
    place = _place(trigger)
    if place is None:
        return True
    key, what = place
    journal = runtime.journal
    first = commit(journal.store, key, {"run": journal.run}, journal.writer).record["run"]
    if first == journal.run:
        return True
    error = final_error("ALREADY_STARTED", f"another run was started for {what} before").info
    reason: dict[str, Json] = {"step": None, "error": error.to_json()}
    journal.write_header(header)
    journal.set_failing(ROOT, (), reason)
    journal.commit_end(EndRecord(Outcome.SKIPPED, error=reason))
    return False


def _place(trigger: Trigger) -> tuple[str, str] | None:
    """Return the key that one run takes, and for what; None if any number of runs may go on."""
    if trigger.origin is not None:
        return claim_key(trigger.origin), f"step of run {trigger.origin.run}"
    due = trigger.value["scheduledTime"]
    if not trigger.schedule or due is None:
        return None
    key = "/".join(["fires", quote(trigger.schedule, safe=""), quote(str(due), safe="")])
    return key, str(due)
