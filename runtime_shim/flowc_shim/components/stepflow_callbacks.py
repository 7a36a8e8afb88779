"""What a Stepflow component may ask while it runs, and the answers.

Blobs are answered at once. A sub-run gets a thread, because the component may ask for more while
it waits for one. Nothing outlives the call: sub-runs that nobody waited for are waited for before
the component's result counts.
"""

from __future__ import annotations

import threading
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import ErrorClass, FlowError, platform_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.components.stepflow_errors import Generation
    from flowc_shim.contract.json_types import Json

Answer = dict[str, Any]
_NAMESPACE = uuid.UUID("6f1c0b0e-3f0a-5f0e-9d55-0b8a4f9f2f11")


class InvalidRequest(Exception):
    """A server's request that lacks a parameter, or has one of the wrong type."""


class SubRun:
    """One sub-run that a component submitted."""

    def __init__(self, run_id: str, flow_id: str, flow: Json, inputs: list[Json]) -> None:
        self.run_id = run_id
        self.flow_id = flow_id
        self.flow_name = flow.get("name") if isinstance(flow, dict) else None
        self.inputs = inputs
        self.created = _now()
        self.completed: str | None = None
        self.results: list[Json] = []
        self.error: FlowError | None = None
        self.ended = threading.Event()

    def end(self, results: list[Json], error: FlowError | None) -> None:
        """Record the results, or that the run could not be made."""
        self.results, self.error = results, error
        self.completed = _now()
        self.ended.set()


class Callbacks:
    """The answers to the requests of one ``components/execute``.

    ``send`` posts an answer; ``give_up`` ends the call. ``host_failure`` is the first failure of
    the infrastructure behind an answer: a component that fails afterwards fails because of it.
    """

    def __init__(
        self,
        call: Call,
        host: CallHost,
        generation: Generation,
        send: Callable[[Answer], None],
        give_up: Callable[[FlowError], None],
    ) -> None:
        self._call = call
        self._host = host
        self._generation = generation
        self._send = send
        self._give_up = give_up
        self._runs: dict[str, SubRun] = {}
        self._batches: dict[str, SubRun] = {}
        self._lock = threading.Lock()
        self.host_failure: FlowError | None = None
        self._methods: dict[str, Callable[[dict[str, Any]], Json]] = {
            "blobs/put": self._put_blob,
            "blobs/get": self._get_blob,
            "runs/submit": self._submit_run,
            "runs/get": self._get_run,
            "flows/evaluate": self._evaluate_flow,
            "flows/get_metadata": self._get_metadata,
            "flows/submit_batch": self._submit_batch,
            "flows/get_batch": self._get_batch,
        }

    def answer(self, request: dict[str, Any]) -> None:
        """Answer one request of the server, in a thread of its own if that may take long."""
        method = str(request.get("method"))
        if method.startswith("blobs/"):
            self._answer(request)
            return
        threading.Thread(
            target=self._answer_or_give_up, args=(request,), name=f"flowc {method}", daemon=True
        ).start()

    def unfinished(self) -> SubRun | None:
        """Return a sub-run that still runs, or None."""
        with self._lock:
            return next((run for run in self._runs.values() if not run.ended.is_set()), None)

    def _answer_or_give_up(self, request: dict[str, Any]) -> None:
        try:
            self._answer(request)
        except FlowError as error:
            self._give_up(error)
        except Exception as error:
            self._give_up(platform_error("CALLBACK_FAILED", repr(error)))

    def _answer(self, request: dict[str, Any]) -> None:
        message: Answer = {"jsonrpc": "2.0", "id": request.get("id")}
        method = self._methods.get(str(request.get("method")))
        try:
            if method is None:
                message["error"] = _error(-32601, f"no method {request.get('method')}")
            else:
                params = request.get("params")
                message["result"] = method(params if isinstance(params, dict) else {})
        except InvalidRequest as error:
            message["error"] = _error(-32602, str(error))
        except FlowError as error:
            if error.info.error_class is ErrorClass.PLATFORM and self.host_failure is None:
                self.host_failure = error
            message["error"] = _error(-32603, error.info.message, {"code": error.info.code})
        self._send(message)

    def _put_blob(self, params: dict[str, Any]) -> Json:
        if "data" not in params:
            raise InvalidRequest("blobs/put lacks `data`")
        kind = params.get("blob_type") or "data"
        return {"blob_id": self._host.put_blob(params["data"], _text(kind, "blob_type"))}

    def _get_blob(self, params: dict[str, Any]) -> Json:
        data, kind = self._host.get_blob(_text(params.get("blob_id"), "blob_id"))
        return {"data": data, "blob_type": kind}

    def _submit_run(self, params: dict[str, Any]) -> Json:
        run = self._start(
            _text(params.get("flowId"), "flowId"),
            _list(params.get("inputs"), "inputs"),
            params.get("maxConcurrency"),
            params.get("overrides"),
            params.get("subflowKey"),
        )
        if params.get("wait"):
            run.ended.wait()
        return self._status(run, with_results=bool(params.get("wait")))

    def _get_run(self, params: dict[str, Any]) -> Json:
        run = self._find(self._runs, _text(params.get("runId"), "runId"))
        if params.get("wait"):
            run.ended.wait()
        return self._status(run, with_results=bool(params.get("includeResults")))

    def _evaluate_flow(self, params: dict[str, Any]) -> Json:
        run = self._start(
            _text(params.get("flow_id"), "flow_id"), [params.get("input")], None, None, None
        )
        run.ended.wait()
        return {"result": _results_or_raise(run)[0]}

    def _get_metadata(self, params: dict[str, Any]) -> Json:
        flow_id = params.get("flow_id")
        flow = self._host.get_blob(flow_id)[0] if isinstance(flow_id, str) else None
        metadata = flow.get("metadata") if isinstance(flow, dict) else None
        return {"flow_metadata": metadata or {}, "step_metadata": None}

    def _submit_batch(self, params: dict[str, Any]) -> Json:
        inputs = _list(params.get("inputs"), "inputs")
        run = self._start(
            _text(params.get("flow_id"), "flow_id"),
            inputs,
            params.get("max_concurrency"),
            None,
            None,
        )
        with self._lock:
            self._batches[run.run_id] = run
        return {"batch_id": run.run_id, "total_runs": len(inputs)}

    def _get_batch(self, params: dict[str, Any]) -> Json:
        run = self._find(self._batches, _text(params.get("batch_id"), "batch_id"))
        if params.get("wait"):
            run.ended.wait()
        ended = run.ended.is_set()
        results = _results_or_raise(run) if ended else []
        failed = sum(result.get("outcome") == "failed" for result in results)
        total = len(run.inputs)
        answer: Answer = {
            "details": {
                "batch_id": run.run_id,
                "flow_id": run.flow_id,
                "total_runs": total,
                "status": "running" if not ended else "failed" if failed else "completed",
                "created_at": run.created,
                "completed_runs": len(results) - failed,
                "running_runs": 0 if ended else total,
                "failed_runs": failed,
                "cancelled_runs": 0,
                "paused_runs": 0,
                "completed_at": run.completed,
            }
        }
        if params.get("include_results") and ended:
            answer["outputs"] = [
                {
                    "batch_input_index": index,
                    "status": _item_status(result),
                    "result": result,
                }
                for index, result in enumerate(results)
            ]
        return answer

    def _find(self, runs: dict[str, SubRun], run_id: str) -> SubRun:
        with self._lock:
            run = runs.get(run_id)
        if run is None:
            raise InvalidRequest(f"no run {run_id} was submitted in this call")
        return run

    def _start(
        self,
        flow_id: str,
        inputs: list[Json],
        max_concurrency: object,
        overrides: Json,
        key: object,
    ) -> SubRun:
        """Begin a sub-run, or return the one that was submitted under the same key."""
        flow = self._host.get_blob(flow_id)[0]
        if not isinstance(flow, dict):
            raise InvalidRequest(f"blob {flow_id} holds no flow")
        with self._lock:
            name = key if isinstance(key, str) else f"#{len(self._runs)}"
            run_id = str(uuid.uuid5(_NAMESPACE, f"{self._call.idempotency_key}/{name}"))
            if run_id in self._runs:
                return self._runs[run_id]
            run = self._runs[run_id] = SubRun(run_id, flow_id, flow, inputs)
        limit = max_concurrency if isinstance(max_concurrency, int) else None
        threading.Thread(
            target=self._run, args=(run, flow, limit, overrides), name="flowc sub-run", daemon=True
        ).start()
        return run

    def _run(self, run: SubRun, flow: Json, limit: int | None, overrides: Json) -> None:
        try:
            run.end(self._host.run_flow(flow, run.inputs, limit, overrides), None)
        except FlowError as error:
            run.end([], error)
        except Exception as error:  # the waiting component must hear of it, whatever it was
            run.end([], platform_error("SUB_RUN_FAILED", repr(error)))

    def _status(self, run: SubRun, *, with_results: bool) -> Answer:
        """Return the RunStatus that the SDKs decode: keys in camel case, no key missing."""
        ended = run.ended.is_set()
        results = _results_or_raise(run) if ended else []
        failed = sum(result.get("outcome") != "success" for result in results)
        status: Answer = {
            "runId": run.run_id,
            "flowId": run.flow_id,
            "status": "running" if not ended else "failed" if failed else "completed",
            "items": {
                "total": len(run.inputs),
                "completed": len(results) - failed,
                "running": 0 if ended else len(run.inputs),
                "failed": failed,
                "cancelled": 0,
            },
            "createdAt": run.created,
        }
        if isinstance(run.flow_name, str):
            status["flowName"] = run.flow_name
        if run.completed is not None:
            status["completedAt"] = run.completed
        if with_results and ended:
            status["results"] = [
                {
                    "itemIndex": index,
                    "status": _item_status(result),
                    "result": self._item_result(result),
                    "completedAt": run.completed,
                }
                for index, result in enumerate(results)
            ]
        return status

    def _item_result(self, result: Answer) -> Answer:
        """Return a FlowResult as SDKs since 0.9 decode it: no ``skipped``, codes are integers.

        One that they cannot decode would leave the component waiting for ever.
        """
        if result.get("outcome") == "success":
            return result
        if result.get("outcome") == "skipped":
            return _failed(self._generation.component_failed, "the flow was skipped", None)
        error = result.get("error") or {}
        code, data = error.get("code"), error.get("data")
        message = str(error.get("message", ""))
        try:
            return _failed(int(str(code)), message, data)
        except ValueError:
            details = data if isinstance(data, dict) else {} if data is None else {"data": data}
            return _failed(self._generation.component_failed, message, {"code": code, **details})


def _failed(code: int, message: str, data: Json) -> Answer:
    return {"outcome": "failed", "error": {"code": code, "message": message, "data": data}}


def _item_status(result: Answer) -> str:
    return "completed" if result.get("outcome") == "success" else "failed"


def _results_or_raise(run: SubRun) -> list[Json]:
    if run.error is not None:
        raise run.error
    return run.results


def _error(code: int, message: str, data: Json = None) -> Answer:
    return {"code": code, "message": message, "data": data}


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"`{name}` has to be a string")
    return value


def _list(value: object, name: str) -> list[Json]:
    if not isinstance(value, list):
        raise InvalidRequest(f"`{name}` has to be a list")
    return value


def _now() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
