"""Bindings: what the steps at and below a path get, in a project file or in a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from flowc.diagnostics import codes
from flowc.source.decode_policies import decode_needs_or_profile
from flowc.source.fields import ANYTHING, NAME, POSITIVE, Fields, Key, Kind, Shape
from flowc.source.model import At
from flowc.source.port_bindings import STACK_PORT, PortBinding, decode_port, is_port

if TYPE_CHECKING:
    from flowc.diagnostics import Span
    from flowc.source.fields import Decoding
    from flowc.source.model import Needs

GIVEN = ("plugin", "resources", "stack", "locations")
"""What a binding may give, one of which it has to."""

_RESOURCES = Kind(
    "the name of a profile, or a mapping of needs",
    ANYTHING.accepts,
    {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/needs"}]},
)
BINDING_KEYS = {
    "step": Key(NAME, required=True),
    "plugin": Key(NAME),
    "resources": Key(_RESOURCES),
    "locations": Key(POSITIVE),
}
"""The keys of every binding."""

STACK_BINDING = Shape("a binding", BINDING_KEYS)


@dataclass(frozen=True, slots=True)
class StepBinding:
    """What the steps at and below ``path`` get in the named environments (all if empty).

    ``step``: the path as it is written. ``flow``: the flow it is in, None for any. ``path``: within
    that flow (``loop/step``), empty for all of it.
    """

    step: At[str]
    flow: str | None
    path: str
    span: Span
    environments: tuple[At[str], ...] = ()
    plugin: At[str] | None = None
    resources: At[str | Needs] | None = None
    stack: At[str] | None = None
    locations: At[int] | None = None


Binding: TypeAlias = StepBinding | PortBinding


def decode_binding(
    fields: Fields,
    flow: str | None,
    path: str,
    *,
    environments: tuple[At[str], ...] = (),
    stack: At[str] | None = None,
) -> StepBinding | None:
    """Return the binding of ``path``, None without a step; one that gives nothing is reported."""
    given = [key for key in GIVEN if key in fields.shape.keys]
    if not any(fields.has(key) for key in given):
        words = ", ".join(f"`{key}`" for key in given[:-1])
        fields.report(codes.MISSING_KEY, f"a binding needs {words} or `{given[-1]}`")
    step = fields.located("step")
    if step is None:
        return None
    resources, locations = decode_needs_or_profile(fields, "resources"), fields.get("locations")
    return StepBinding(
        step=step,
        flow=flow,
        path=path,
        span=fields.at,
        environments=environments,
        plugin=fields.located("plugin"),
        resources=None if resources is None else At(resources, fields.value_at("resources")),
        stack=stack,
        locations=None if locations is None else At(locations, fields.value_at("locations")),
    )


def decode_stack_bindings(stack: Fields, decoding: Decoding) -> tuple[Binding, ...]:
    """Return the bindings of a stack, which hold for whatever flow runs on it."""
    if not stack.has("bindings"):
        return ()
    found = []
    at = stack.value_at("bindings")
    for raw, raw_at in decoding.items(stack.raw["bindings"], "`bindings`", at):
        fields = decoding.open(raw, STACK_PORT if is_port(raw) else STACK_BINDING, raw_at)
        binding = None if fields is None else _of_a_stack(fields)
        if binding is not None:
            found.append(binding)
    return tuple(found)


def _of_a_stack(fields: Fields) -> Binding | None:
    what = "port" if is_port(fields.raw) else "step"
    written = fields.raw.get(what)
    if isinstance(written, str) and written and not written.startswith("/"):
        below = "key" if what == "port" else "step"
        fields.report(
            codes.INVALID_WORD,
            f"a {what} of any flow is written `/{below}` or `/loop/{below}`, not `{written}`",
            fields.value_at(what),
            f"write `/{written}`",
        )
    path = written.strip("/") if isinstance(written, str) else ""
    return decode_port(fields, None, path) if what == "port" else decode_binding(fields, None, path)
