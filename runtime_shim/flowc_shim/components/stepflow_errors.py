"""What the errors of Stepflow component servers mean: class and code of each JSON-RPC error.

The numbers changed their meaning between SDK 0.9 and 0.10, so the reader has to know which
*generation* answered; ``initialize`` tells.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import FlowError, final_error, platform_error, user_error

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json


class Generation(str, Enum):
    """Which of the two families of SDKs a server was built with."""

    UP_TO_0_9 = "up-to-0.9"
    """Snake-case ``initialize``; blobs travel over the stream."""
    FROM_0_10 = "from-0.10"
    """Camel-case ``initialize``; blobs travel over the blob API."""

    @property
    def component_failed(self) -> int:
        """The code for an exception inside a component."""
        return -32003 if self is Generation.UP_TO_0_9 else -32100


NOT_CONFIGURED = "Blob API URL not configured"
"""Part of the message of a component that used blobs in a process no ``initialize`` reached."""

_JSON_RPC_FINAL = frozenset({-32700, -32600, -32601, -32602})
_FINAL = {
    # not found; validation
    Generation.UP_TO_0_9: _JSON_RPC_FINAL | {-32001, -32002},
    # not found; invalid schema, value, entity; version, dependency, configuration; bad request;
    # undefined field, entity not found
    Generation.FROM_0_10: _JSON_RPC_FINAL
    | {-32001, -32003, -32004, -32005, -32006, -32007, -32008, -32103, -32200, -32201},
}
_PLATFORM = {
    # "errors from the Stepflow runtime"
    Generation.UP_TO_0_9: frozenset({-32004}),
    # not initialised; resource unavailable; internal
    Generation.FROM_0_10: frozenset({-32002, -32102, -32202}),
}


def component_error(error: Any, generation: Generation) -> FlowError:
    """Return what the JSON-RPC ``error`` object of a server means as an error of the step.

    The class comes from the server's number; the code is that number as text, unless the
    component gave a code of its own in ``error.data.code``.
    """
    if not isinstance(error, dict):
        return final_error("INVALID_RESPONSE", f"the server sent an error that is not one: {error}")
    number = error.get("code")
    message = str(error.get("message", ""))
    data: Json = error.get("data")
    details = data if isinstance(data, dict) else {}
    code = _own_code(details) or str(number)
    kind = details["type"] if isinstance(details.get("type"), str) else ""
    if number in _FINAL[generation]:
        return final_error(code, message, type=kind, data=data)
    if number in _PLATFORM[generation] or (
        generation is Generation.FROM_0_10
        and isinstance(number, int)
        and -32399 <= number <= -32300  # transport errors
    ):
        return platform_error(code, message, type=kind, data=data)
    return user_error(code, message, type=kind, data=data)


def _own_code(details: dict[str, Any]) -> str:
    code = details.get("code")
    if isinstance(code, bool) or not isinstance(code, (str, int)):
        return ""
    return str(code)
