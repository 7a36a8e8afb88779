"""Ports: inputs that are files, bound to data that is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import codes
from flowc.source.fields import NAME, Key, Shape
from flowc.source.located import Map
from flowc_shim.language.forms import A_FILE, names_file

if TYPE_CHECKING:
    from flowc.diagnostics import Span
    from flowc.source.fields import Fields
    from flowc.source.model import At

PORT_KEYS = {"port": Key(NAME, required=True), "data": Key(NAME, required=True)}
STACK_PORT = Shape("a binding of a port", PORT_KEYS)


@dataclass(frozen=True, slots=True)
class PortBinding:
    """The file that an input is in the named environments (all if empty), where no one gives it.

    ``port``: the path as it is written. ``flow``: the flow it is in, None for any. ``path``: the
    step within that flow, empty for the flow itself. ``key``: the member of its input. ``data``:
    the file's URI.
    """

    port: At[str]
    flow: str | None
    path: str
    key: str
    data: At[str]
    span: Span
    environments: tuple[At[str], ...] = ()

    def sibling(self, path: str, key: str) -> str:
        """Return how another port of the same flow is written."""
        return "/".join([self.flow or "", *([path] if path else []), key])


def is_port(raw: Any) -> bool:
    """Whether an entry of ``bindings`` is about a port, and not about steps."""
    return isinstance(raw, Map) and "port" in raw


def decode_port(
    fields: Fields, flow: str | None, within: str, environments: tuple[At[str], ...] = ()
) -> PortBinding | None:
    """Return the binding of a port, None (reported) if it names none or no file.

    ``within``: its path below the flow.
    """
    port, data = fields.located("port"), fields.located("data")
    if port is None or data is None:
        return None
    path, _, key = within.rpartition("/")
    if not key:
        before = flow or ""
        fields.report(
            codes.INVALID_WORD,
            f"a port is an input, `{before}/key`, or that of a step, `{before}/step/key`; "
            f"`{port.value}` names none",
            port.span,
        )
        return None
    if not names_file(data.value):
        fields.report(codes.INVALID_WORD, f"`data` takes {A_FILE}", data.span)
        return None
    return PortBinding(port, flow, path, key, data, fields.at, environments)
