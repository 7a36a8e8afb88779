"""What components may ask of the run: blobs, and flows given as data."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from flowc_shim.blob_api.command import SHARED_PREFIX
from flowc_shim.contract.errors import final_error, platform_error
from flowc_shim.stores.api import StoreUnavailable
from flowc_shim.stores.blobs import get_blob, put_blob

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_shim.components.api import Call
    from flowc_shim.contract.json_types import Json
    from flowc_shim.runner.keys import Indices
    from flowc_shim.runner.runtime import Runtime


class Host:
    """Implements :class:`flowc_shim.components.api.CallHost` for one call of one run.

    ``key``: the call's idempotency key, which those of flows that it submits begin with. ``depth``:
    how many flows given as data are around the call. ``place``: path and indices of its step; a
    step of a flow given as data has none.
    """

    def __init__(
        self,
        runtime: Runtime,
        key: str,
        depth: int = 0,
        place: tuple[str, Indices] | None = None,
    ) -> None:
        self._runtime = runtime
        self._place = place
        self._key = key
        self._depth = depth
        self._submissions = count()
        self._prefix = SHARED_PREFIX if runtime.shares_blobs else runtime.journal.prefix

    def put_blob(self, data: Json, blob_type: str) -> str:
        """Store ``data`` among the run's blobs and return its id."""
        journal = self._runtime.journal
        self._runtime.variables.refuse_secrets(data, "a blob")
        try:
            return put_blob(journal.store, self._prefix, data, blob_type)
        except StoreUnavailable as error:
            raise platform_error("STORE_UNAVAILABLE", str(error)) from error

    def get_blob(self, blob_id: str) -> tuple[Json, str]:
        """Return data and type of one of the run's blobs."""
        journal = self._runtime.journal
        try:
            return get_blob(journal.store, self._prefix, blob_id)
        except KeyError as error:
            raise final_error("BLOB_NOT_FOUND", f"no blob `{blob_id}` in this run") from error
        except StoreUnavailable as error:
            raise platform_error("STORE_UNAVAILABLE", str(error)) from error

    def bring_in(self, value: Json, folder: Path, seen_at: str) -> Json:
        """Copy the files that ``value`` refers to into ``folder``."""
        return self._runtime.artifacts.bring_in(value, folder, seen_at)

    def take_out(self, output: Json, folder: Path) -> Json:
        """Store the files of ``folder`` that ``output`` refers to."""
        return self._runtime.artifacts.take_out(output, folder)

    def start_run(self, flow: str, given: Json) -> str:
        """Start the one run that this step starts; return its name."""
        from flowc_shim.runner.starts import start_run

        return start_run(self._runtime, flow, self._key, given)

    def run_pod(self, call: Call, template: str) -> Json:
        """Run the call's program in a pod made from ``template``."""
        from flowc_shim.runner.program_pods import run_pod

        return run_pod(self._runtime, self._place, call, template)

    def run_flow(
        self, flow: Json, inputs: list[Json], max_concurrency: int | None, overrides: Json = None
    ) -> list[Json]:
        """Run a Stepflow flow given as data once per input; returns FlowResults in order."""
        from flowc_shim.runner.dynamic import Submission, run_dynamic_flow

        place = Submission(f"{self._key}/{next(self._submissions)}", self._depth + 1)
        return run_dynamic_flow(self._runtime, place, flow, inputs, max_concurrency, overrides)
