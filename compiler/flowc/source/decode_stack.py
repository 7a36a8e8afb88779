"""Stack files, flowc's and Stepflow's configs, to :class:`flowc.source.stack_model.Stack`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.source.bindings import decode_stack_bindings
from flowc.source.complex_keys import refuse_complex_keys
from flowc.source.decode_blob_api import decode_blob_api
from flowc.source.decode_deployments import decode_deployments, service_names
from flowc.source.decode_docker import decode_docker
from flowc.source.decode_ecs import decode_ecs
from flowc.source.decode_plugins import decode_classes
from flowc.source.decode_profiles import decode_profiles
from flowc.source.decode_routes import decode_routes
from flowc.source.decode_stores import decode_state_store, decode_store
from flowc.source.fields import Decoding, Fields, describe, nearest
from flowc.source.flow_values import quantity
from flowc.source.flowyml import is_flowyml, rewritten
from flowc.source.foreign_names import foreign_target
from flowc.source.interpolation import interpolate
from flowc.source.located import Document, Map
from flowc.source.quantities import parse_retention
from flowc.source.secrets import decode_variables
from flowc.source.stack_model import Stack
from flowc.source.stack_tables import IGNORED_SECTIONS, STACK, STACKS, TARGET_NAMES
from flowc.source.streamflow import is_streamflow, rewritten_streamflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json

DEFAULT_STACK = "default"
"""The name of the one stack of a flat file."""


def decode_stacks(
    document: Document,
    diagnostics: Diagnostics,
    environ: Mapping[str, str],
    lenient: bool = False,
) -> dict[str, Stack]:
    """Return the stacks of a file by name; a flat file has one, called ``default``.

    ``environ`` is what ``${VAR}`` means. Problems are reported and what they concern is left out;
    a barrier must follow. ``lenient``: unknown keys are warnings.
    """
    decoding = Decoding(diagnostics, lenient)
    root = interpolate(document, environ, decoding)
    if not isinstance(root, Map):
        message = f"a stack file is a mapping, not {describe(root)}"
        decoding.report(codes.WRONG_TYPE, message, document.span)
        return {}
    refuse_complex_keys(root, decoding, but="behaviors")
    if is_streamflow(root):
        root = rewritten_streamflow(root, document.span, decoding)
        if "stacks" not in root:
            return {}  # reported
    if "stacks" not in root:
        stack = _decode_stack(DEFAULT_STACK, root, document.span, document, decoding)
        return {} if stack is None else {DEFAULT_STACK: stack}
    default = None
    if is_flowyml(root):
        root, default = rewritten(root, document.span, decoding)
    fields = decoding.open(root, STACKS, document.span)
    found = {}
    if fields is not None:
        at = fields.value_at("stacks")
        for name, raw, _, value_at in decoding.entries(root["stacks"], "`stacks`", at):
            stack = _decode_stack(name, raw, value_at, document, decoding)
            if stack is not None:
                found[name] = replace(stack, is_default=name == default)
    return found


def _decode_stack(
    name: str, raw: Any, at: Span, document: Document, decoding: Decoding
) -> Stack | None:
    stack = decoding.open(raw, STACK, at)
    if stack is None:
        return None
    for key, reason in IGNORED_SECTIONS.items():
        if stack.has(key):
            decoding.report(
                codes.IGNORED_KEY, f"`{key}` has no effect: {reason}", stack.key_at(key)
            )
    variables: dict[str, Json] = {}
    spans: dict[str, Span] = {}
    if stack.has("variables"):
        variables, spans = decode_variables(
            stack.raw["variables"], stack.value_at("variables"), decoding
        )
    profiles = decode_profiles(stack, decoding)
    deployments, services = decode_deployments(stack, profiles, decoding)
    names = [*(stack.get("plugins") or ()), *service_names(stack)]
    return Stack(
        name=name,
        file=document.file,
        span=at,
        classes={**decode_classes(stack, profiles, decoding), **services},
        routes=decode_routes(stack, names, decoding),
        target=_target(stack, decoding),
        target_span=stack.value_at("target") if "target" in stack.raw else None,
        namespace=stack.text("namespace"),
        region=stack.text("region"),
        registry=stack.text("registry"),
        unit_image=stack.text("unit_image"),
        docker=decode_docker(stack, decoding),
        compute=stack.text("compute"),
        variables=variables,
        variable_spans=spans,
        profiles=profiles,
        state_store=decode_state_store(stack, decoding),
        retention=quantity(stack, "retention", parse_retention),
        artifact_store=decode_store(stack, "artifact_store", decoding),
        blob_api=decode_blob_api(stack),
        ecs=decode_ecs(stack),
        job_set=bool(stack.get("job_set")),
        deployments=deployments,
        bindings=decode_stack_bindings(stack, decoding),
        working_directory=stack.text("workingDirectory"),
    )


def _target(stack: Fields, decoding: Decoding) -> str | None:
    raw = stack.raw.get("target")
    if not isinstance(raw, str) or raw in TARGET_NAMES:
        written = stack.get("target")
        return None if written is None else TARGET_NAMES[written]
    foreign = foreign_target(raw)
    if foreign is not None:
        decoding.report(
            codes.UNKNOWN_TARGET,
            f"`{raw}` {foreign.reason}",
            stack.value_at("target"),
            hint=foreign.hint,
        )
        return None
    meant = nearest(raw, TARGET_NAMES)
    known = ", ".join(f"`{name}`" for name in TARGET_NAMES)
    decoding.report(
        codes.UNKNOWN_TARGET,
        f"`{raw}` is not a target; there are {known}",
        stack.value_at("target"),
        hint=f"write `{meant}`" if meant else None,
    )
    return None
