"""The ``builtin`` plugin: components that run inside the shim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc_shim.components.builtins.inputs import Fields
from flowc_shim.components.limits import Limits
from flowc_shim.contract.errors import final_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_shim.components.api import Call, CallHost
    from flowc_shim.contract.json_types import Json


@dataclass(frozen=True, slots=True)
class Setting:
    """What a built-in component has besides its input."""

    call: Call
    host: CallHost
    limits: Limits
    working_directory: str

    @property
    def fields(self) -> Fields:
        """The fields of the input; raises FlowError INVALID_INPUT if it is not an object."""
        return Fields(self.call.component, self.call.input)


class BuiltinClient:
    """Runs built-in components; ``load_file`` reads below ``working_directory`` only."""

    def __init__(self, working_directory: str) -> None:
        self._working_directory = working_directory

    def call(self, call: Call, host: CallHost) -> Json:
        """Run a built-in; raises FlowError ``COMPONENT_NOT_FOUND``, ``INVALID_INPUT``, …"""
        component = _COMPONENTS.get(call.component.lstrip("/"))
        if component is None:
            known = ", ".join(sorted(_COMPONENTS))
            raise final_error(
                "COMPONENT_NOT_FOUND", f"no built-in {call.component}; there are {known}"
            )
        limits = Limits(call)
        limits.check()
        output = component(Setting(call, host, limits, self._working_directory))
        limits.check()  # a flow that ran below this step may have taken too long
        return output

    def close(self) -> None:
        """Nothing was started."""


def _create_messages(setting: Setting) -> Json:
    fields = setting.fields
    messages = [{"role": "user", "content": fields.text("user_prompt")}]
    system = fields.text("system_instructions", None)
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return {"messages": messages}


def _put_blob(setting: Setting) -> Json:
    fields = setting.fields
    kind = fields.text("blob_type")
    if kind not in ("data", "flow"):
        raise final_error("INVALID_INPUT", "/put_blob: `blob_type` is either `data` or `flow`")
    return {"blob_id": setting.host.put_blob(fields.any("data"), kind)}


def _get_blob(setting: Setting) -> Json:
    blob_id = setting.fields.text("blob_id")
    return {"data": setting.host.get_blob(blob_id)[0]}


def _noop(setting: Setting) -> Json:
    return setting.call.input


def _sleep(setting: Setting) -> Json:
    fields = setting.fields
    duration = fields.number("duration_ms")
    setting.limits.pause(duration / 1000)
    output = {"duration_ms": duration}
    if setting.call.input.get("passthrough") is not None:
        output["passthrough"] = setting.call.input["passthrough"]
    return output


def _eval(setting: Setting) -> Json:
    from flowc_shim.components.builtins.flows import run_eval

    return run_eval(setting)


def _map(setting: Setting) -> Json:
    from flowc_shim.components.builtins.flows import run_map

    return run_map(setting)


def _iterate(setting: Setting) -> Json:
    from flowc_shim.components.builtins.flows import run_iterate

    return run_iterate(setting)


def _load_file(setting: Setting) -> Json:
    from flowc_shim.components.builtins.files import load_file

    return load_file(setting)


def _openai(setting: Setting) -> Json:
    from flowc_shim.components.builtins.openai import complete_chat

    return complete_chat(setting)


_COMPONENTS: dict[str, Callable[[Setting], Json]] = {
    "create_messages": _create_messages,
    "eval": _eval,
    "get_blob": _get_blob,
    "iterate": _iterate,
    "load_file": _load_file,
    "map": _map,
    "noop": _noop,
    "openai": _openai,
    "put_blob": _put_blob,
    "sleep": _sleep,
}
