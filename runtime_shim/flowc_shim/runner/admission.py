"""Of all runs that one schedule started for one time, the store admits one.

Schedulers fire at least once, and what cron calls one schedule may be two on an engine. The others
end ``skipped`` before any step starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flowc_shim.contract.errors import final_error
from flowc_shim.contract.outcomes import Outcome
from flowc_shim.contract.scopes import ROOT
from flowc_shim.runner.records import EndRecord
from flowc_shim.stores.commit import commit

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.contract.trigger import Trigger
    from flowc_shim.runner.runtime import Runtime


def admit(runtime: Runtime, trigger: Trigger, header: dict[str, Json]) -> bool:
    """Whether this run may go on; if not, it has ended. A run that was admitted stays so."""
    due = trigger.value["scheduledTime"]
    if not trigger.schedule or due is None:
        return True
    journal = runtime.journal
    key = "/".join(["fires", quote(trigger.schedule, safe=""), quote(str(due), safe="")])
    first = commit(journal.store, key, {"run": journal.run}, journal.writer).record["run"]
    if first == journal.run:
        return True
    error = final_error("ALREADY_STARTED", f"another run was started for {due} before").info
    reason: dict[str, Json] = {"step": None, "error": error.to_json()}
    journal.write_header(header)
    journal.set_failing(ROOT, (), reason)
    journal.commit_end(EndRecord(Outcome.SKIPPED, error=reason))
    return False
