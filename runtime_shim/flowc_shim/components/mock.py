"""The ``mock`` plugin: what a component answers is written in the stack.

``components.<path>.behaviors`` is a list of ``[input, behavior]`` pairs, because in YAML the
inputs are keys that may be mappings. A behavior is a Stepflow FlowResult or ``{error: message}``.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from flowc_shim.components.builtins.flows import failure_of
from flowc_shim.components.json_text import decode_json
from flowc_shim.contract.errors import final_error, user_error
from flowc_shim.language.canonical import canonical

if TYPE_CHECKING:
    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json


class MockClient:
    """Answers by looking the input up. Schemas of a mock are not enforced."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self._name = name
        self._components = {
            path: _behaviors(name, path, component or {})
            for path, component in (config.get("components") or {}).items()
        }

    def call(self, call: Call, host: CallHost) -> Json:
        """Return what the stack says; raises FlowError ``NO_BEHAVIOR``, or the one it says."""
        behaviors = self._components.get(call.component)
        if behaviors is None:
            raise final_error(
                "COMPONENT_NOT_FOUND", f"mock `{self._name}` has no component {call.component}"
            )
        behavior = behaviors.get(canonical(call.input))
        if behavior is None:
            shown = json.dumps(call.input, separators=(",", ":"), ensure_ascii=False)
            raise user_error("NO_BEHAVIOR", f"No behavior defined for {call.component} on {shown}")
        if behavior.get("outcome") == "success":
            return behavior.get("result")
        raise failure_of(behavior, "the mock failed")

    def close(self) -> None:
        """Nothing was started."""


def _behaviors(name: str, path: str, component: dict[str, Any]) -> dict[bytes, dict[str, Any]]:
    """Return the behaviors by input; raises FlowError CONFIGURATION."""
    raw = component.get("behaviors") or []
    pairs = raw.items() if isinstance(raw, dict) else raw
    found: dict[bytes, dict[str, Any]] = {}
    for pair in pairs:
        if len(pair) != 2 or not _is_behavior(pair[1]):
            raise final_error(
                "CONFIGURATION",
                f"mock `{name}` {path}: a behavior is `{{outcome: success, result: …}}`,"
                " `{outcome: failed, error: {code, message}}` or `{error: message}`",
            )
        key, behavior = pair
        if isinstance(key, str):
            # JSON text of the input, or the input itself; the exact text wins.
            with contextlib.suppress(ValueError):
                found.setdefault(canonical(decode_json(key)), behavior)
        found[canonical(key)] = behavior
    return found


def _is_behavior(behavior: Json) -> bool:
    return isinstance(behavior, dict) and (
        behavior.get("outcome") in ("success", "failed") or "error" in behavior
    )
