"""Stepflow's component protocol: JSON-RPC over HTTP, with answers that may be event streams.

As SDK servers 0.9.2 and 0.11.2 speak it. One call is ``initialize`` (on a connection's first use),
then ``components/execute``; the answer is plain JSON or a stream in which the server asks things
of the run first. Each answer to the server goes out as a request of its own, on a second
connection, and has to reach the process that waits for it: it goes to the address that the call
went to, with the header ``Stepflow-Instance-Id`` and the cookies of a balancer copied.
"""

from __future__ import annotations

import http.client
import threading
import uuid
from typing import TYPE_CHECKING, Any

from flowc_shim.components.http_wire import (
    Connection,
    Endpoint,
    MessageTooLarge,
    connection_error,
    drain,
    read_body,
    read_events,
    status_error,
)
from flowc_shim.components.json_text import decode_json, encode_json
from flowc_shim.components.limits import SocketGuard
from flowc_shim.components.stepflow_errors import NOT_CONFIGURED, Generation, component_error
from flowc_shim.contract.errors import FlowError, final_error, platform_error

if TYPE_CHECKING:
    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.components.process import ServerProcess
    from flowc_shim.components.stepflow_callbacks import Answer, Callbacks
    from flowc_shim.contract.json_types import Json

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
_INSTANCE = "Stepflow-Instance-Id"
_ANSWER_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Waits before an answer is posted again; a balancer may not know the instance yet."""
_DRAIN_SECONDS = 0.2


class StepflowHttpClient:
    """A component class served over HTTP, at ``url`` or by a process that this client starts.

    ``blob_api_url`` goes into ``initialize``: SDKs since 0.10 store and fetch blobs there.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str | None = None,
        process: ServerProcess | None = None,
        blob_api_url: str | None = None,
    ) -> None:
        if (url is None) == (process is None):
            raise final_error("CONFIGURATION", f"plugin `{name}`: give either `url` or `command`")
        self._name = name
        self._process = process
        self._blob_api_url = blob_api_url
        self._endpoint = None if url is None else Endpoint(url)
        self._lock = threading.Lock()

    def call(self, call: Call, host: CallHost) -> Json:
        """Execute a component; raises FlowError.

        PLATFORM: ``UNREACHABLE`` (no answer began), ``STREAM_ENDED`` (an answer ended without a
        result), ``HTTP_429/502/503/504``, ``NOT_INITIALIZED``, ``ANSWER_REFUSED``. USER, final:
        any other HTTP 4xx, ``INVALID_INPUT``, ``INVALID_RESPONSE``, ``NO_BLOB_API``. What the
        component itself reports: see :func:`flowc_shim.components.stepflow_errors.component_error`.
        """
        endpoint = self._open_endpoint(call)
        with SocketGuard(call) as guard:
            exchange = _Exchange(self._name, endpoint, guard, call, host, self._blob_api_url)
            try:
                return exchange.run()
            except FlowError as error:
                guard.check()
                raise self._with_process_news(error) from error.__cause__

    def bring_up(self, cancelled: threading.Event) -> None:
        """Start the process, if there is one and it does not run; raises FlowError."""
        if self._process is not None:
            self._running_endpoint(self._process, cancelled)

    def close(self) -> None:
        """Close idle connections and end the process that was started."""
        if self._endpoint is not None:
            self._endpoint.close()
        if self._process is not None:
            self._process.close()

    def _open_endpoint(self, call: Call) -> Endpoint:
        """Return where to call; starts the process if there is one and it does not run."""
        if self._process is None:
            assert self._endpoint is not None
            return self._endpoint
        return self._running_endpoint(self._process, call.cancelled)

    def _running_endpoint(self, process: ServerProcess, cancelled: threading.Event) -> Endpoint:
        with self._lock:
            url = process.ensure_running(cancelled)
            if self._endpoint is None or self._endpoint.url != url:
                if self._endpoint is not None:
                    self._endpoint.close()
                self._endpoint = Endpoint(url)
            return self._endpoint

    def _with_process_news(self, error: FlowError) -> FlowError:
        """Add to a lost connection how our own server process died, if it did."""
        if self._process is None or error.info.code not in ("UNREACHABLE", "STREAM_ENDED"):
            return error
        news = self._process.death_notice()
        if news is None:
            return error
        return platform_error(
            error.info.code, f"{error.info.message}; {news}", type=error.info.type
        )


class _Exchange:
    """One ``components/execute`` with everything around it."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        guard: SocketGuard,
        call: Call,
        host: CallHost,
        blob_api_url: str | None,
    ) -> None:
        self._who = f"component server `{name}` ({endpoint.url})"
        self._endpoint = endpoint
        self._guard = guard
        self._call = call
        self._host = host
        self._blob_api_url = blob_api_url
        self._instance = ""
        self._address = ""
        self._cookies = ""
        self._id = uuid.uuid4().hex
        self._began = False

    def run(self) -> Json:
        """Return the component's output; raises FlowError."""
        connection: Connection | None = None
        reusable = False
        try:
            self._guard.check()
            request = self._execute_request()
            connection = self._endpoint.take(self._guard)
            generation = self._initialize(connection)
            message, reusable, callbacks = self._execute(connection, request, generation)
            if "error" in message:
                reusable = reusable and not self._lacks_blob_api(message["error"])
                raise self._failure(message["error"], generation, callbacks)
            return self._output(message, callbacks)
        except MessageTooLarge as error:
            raise final_error("INVALID_RESPONSE", f"{self._who}: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            self._guard.check()
            if self._began:
                raise self._stream_ended(error) from error
            raise connection_error(error, self._who) from error
        finally:
            if connection is not None:
                if reusable:
                    self._endpoint.give_back(connection)
                else:
                    connection.close()

    def _initialize(self, connection: Connection) -> Generation:
        """Introduce ourselves once per connection; learn which SDK answers."""
        known = connection.session.get("generation")
        if known is not None:
            return Generation(known)
        # Both spellings: SDKs up to 0.9 read the first, later ones the second.
        params: dict[str, Any] = {"runtime_protocol_version": 1, "runtimeProtocolVersion": 1}
        if self._blob_api_url is not None:
            params["capabilities"] = {"blobApiUrl": self._blob_api_url}
        response = self._post(connection, _request("initialize", uuid.uuid4().hex, params))
        answer = self._json_answer(response, Generation.FROM_0_10)
        if "error" in answer:
            raise component_error(answer["error"], Generation.FROM_0_10)
        result = answer.get("result")
        modern = isinstance(result, dict) and "serverProtocolVersion" in result
        generation = Generation.FROM_0_10 if modern else Generation.UP_TO_0_9
        note = {"jsonrpc": "2.0", "method": "initialized", "params": {}}
        read_body(self._post(connection, encode_json(note)))
        connection.session["generation"] = generation.value
        return generation

    def _execute_request(self) -> bytes:
        call = self._call
        params = {
            "component": call.component,
            "input": call.input,
            "attempt": call.attempt,
            "observability": {
                "trace_id": None,
                "span_id": None,
                "run_id": call.run_id,
                "flow_id": call.flow_id,
                "step_id": call.step_id,
            },
        }
        try:
            return _request("components/execute", self._id, params)
        except (ValueError, TypeError) as error:
            raise final_error("INVALID_INPUT", f"the input is not JSON: {error}") from error

    def _execute(
        self, connection: Connection, request: bytes, generation: Generation
    ) -> tuple[dict[str, Any], bool, Callbacks | None]:
        """Return the answer, whether the connection can be used again, and the callbacks."""
        response = self._post(connection, request, {"Idempotency-Key": self._call.idempotency_key})
        self._began = True
        self._instance = response.getheader(_INSTANCE) or ""
        self._address = connection.address
        self._cookies = _cookies_of(response)
        self._note_instance(connection)
        if not (response.getheader("Content-Type") or "").startswith("text/event-stream"):
            message = self._json_answer(response, generation)
            return message, not response.will_close, None
        if response.status != 200:
            raise status_error(response.status, "", self._who)
        message, callbacks = self._read_stream(response, generation)
        return message, drain(connection, response, _DRAIN_SECONDS), callbacks

    def _note_instance(self, connection: Connection) -> None:
        """Behind a balancer another process may answer: it has to hear of the blob API too."""
        if not self._instance or not self._blob_api_url:
            return
        if connection.session.setdefault("instance", self._instance) != self._instance:
            connection.session.clear()

    def _read_stream(
        self, response: http.client.HTTPResponse, generation: Generation
    ) -> tuple[dict[str, Any], Callbacks]:
        """Answer what the server asks until our result comes; raises FlowError STREAM_ENDED."""
        from flowc_shim.components.stepflow_callbacks import Callbacks

        callbacks = Callbacks(
            self._call, self._host, generation, self._post_answer, self._guard.end
        )
        for event in read_events(response):
            message = self._decode(event)
            if isinstance(message.get("method"), str):
                if "id" in message:
                    callbacks.answer(message)
            elif message.get("id") == self._id:
                return message, callbacks
        raise self._stream_ended(None)

    def _failure(
        self, error: Any, generation: Generation, callbacks: Callbacks | None
    ) -> FlowError:
        """Return whose failure a component's error is: ours, the infrastructure's, or its own."""
        if callbacks is not None and callbacks.host_failure is not None:
            return callbacks.host_failure
        if not self._lacks_blob_api(error):
            return component_error(error, generation)
        if self._blob_api_url is None:
            return final_error(
                "NO_BLOB_API",
                f"{self._call.component} uses blobs, and {self._who} can only do that with a"
                " blob API, which this deployment does not have",
            )
        return platform_error(
            "NOT_INITIALIZED", f"{self._who}: the process that answered was not initialised"
        )

    @staticmethod
    def _lacks_blob_api(error: Any) -> bool:
        return isinstance(error, dict) and NOT_CONFIGURED in str(error.get("message"))

    def _output(self, message: dict[str, Any], callbacks: Callbacks | None) -> Json:
        if message.get("id") != self._id:
            raise final_error("INVALID_RESPONSE", f"{self._who} answered another request")
        result = message.get("result")
        if not isinstance(result, dict) or "output" not in result:
            raise final_error("INVALID_RESPONSE", f"{self._who} answered without an output")
        if callbacks is not None:
            self._await_sub_runs(callbacks)
        return result["output"]

    def _await_sub_runs(self, callbacks: Callbacks) -> None:
        while (run := callbacks.unfinished()) is not None:
            self._guard.check()
            run.ended.wait(self._guard.slice())

    def _post_answer(self, answer: Answer) -> None:
        """Post the answer to a server's request, again if it went to the wrong process."""
        body = encode_json(answer)
        named = {_INSTANCE: self._instance, "Cookie": self._cookies}
        headers = {name: value for name, value in named.items() if value}
        for pause in (*_ANSWER_PAUSES, None):
            error = self._try_answer(body, headers)
            if error is None:
                return
            if pause is None:
                raise error
            self._guard.pause(pause)

    def _try_answer(self, body: bytes, headers: dict[str, str]) -> FlowError | None:
        """Post once; returns why it should be tried again; raises FlowError if that is no use."""
        connection: Connection | None = None
        try:
            connection = self._endpoint.take(self._guard, self._address)
            response = self._post(connection, body, headers)
            text = read_body(response).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            if connection is not None:
                connection.close()
            self._guard.check()
            # A balancer that is gone has others beside it; a server took its call along.
            self._address = ""
            return connection_error(error, self._who)
        if response.will_close:
            connection.close()
        else:
            self._endpoint.give_back(connection)
        if response.status < 300:
            return None
        refused = platform_error(
            "ANSWER_REFUSED", f"{self._who} refused an answer (HTTP {response.status}): {text}"
        )
        if response.status == 400 and "no pending request" not in text:
            raise refused  # it reached the right process, which could not read it
        return refused

    def _post(
        self, connection: Connection, body: bytes, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        return connection.exchange(
            "POST", self._endpoint.path, body, {**_HEADERS, **(headers or {})}
        )

    def _json_answer(
        self, response: http.client.HTTPResponse, generation: Generation
    ) -> dict[str, Any]:
        """Return a plain answer; raises FlowError for statuses other than success."""
        body = read_body(response)
        if response.status == 200:
            return self._decode(body)
        try:
            error = decode_json(body).get("error")
        except (ValueError, AttributeError):
            error = None
        retryable = status_error(response.status, "", self._who)
        if isinstance(error, dict) and retryable.info.error_class.value == "user":
            raise component_error(error, generation)
        text = body[:500].decode("utf-8", "replace").strip()
        raise status_error(response.status, text, self._who)

    def _decode(self, text: bytes) -> dict[str, Any]:
        try:
            message = decode_json(text)
        except ValueError as error:
            raise final_error(
                "INVALID_RESPONSE", f"{self._who} sent what is not JSON: {error}"
            ) from error
        if not isinstance(message, dict):
            raise final_error("INVALID_RESPONSE", f"{self._who} sent no JSON-RPC message")
        return message

    def _stream_ended(self, error: Exception | None) -> FlowError:
        why = f": {error}" if error is not None and str(error) else ""
        return platform_error("STREAM_ENDED", f"{self._who} ended its answer without a result{why}")


def _cookies_of(response: http.client.HTTPResponse) -> str:
    """Return the cookies of an answer as a request has them: balancers know a server by them."""
    told = response.headers.get_all("Set-Cookie") or ()
    return "; ".join(one.partition(";")[0].strip() for one in told)


def _request(method: str, request_id: str, params: dict[str, Any]) -> bytes:
    return encode_json({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
