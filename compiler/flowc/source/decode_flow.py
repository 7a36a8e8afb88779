"""A flow file, in any dialect, to a :class:`flowc.source.model.SourceFlow`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc.source.complex_keys import refuse_complex_keys
from flowc.source.decode_policies import decode_timeout
from flowc.source.decode_steps import decode_steps
from flowc.source.dialect import choose_dialect
from flowc.source.fields import Decoding, Fields, describe
from flowc.source.flow_schemas import decode_declared
from flowc.source.flow_values import FlowDecoding
from flowc.source.flowc_dialect import FLOWC
from flowc.source.located import Document, Map
from flowc.source.model import At, SourceCall, SourceFlow, SourceStep
from flowc.source.stepflow_classic import CLASSIC
from flowc.source.stepflow_modern import MODERN
from flowc.source.yaml_text import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_shim.contract.json_types import Json


def decode_flow(
    document: Document, diagnostics: Diagnostics, lenient: bool = False
) -> SourceFlow | None:
    """Return the flow of a file, or None if there is no telling what it is.

    Problems are reported and what they concern is left out, so that later stages find more; a
    barrier must follow. ``lenient``: unknown keys are warnings.
    """
    decoding = Decoding(diagnostics, lenient)
    root = document.root
    if not isinstance(root, Map):
        decoding.report(
            codes.WRONG_TYPE, f"a flow is a mapping, not {describe(root)}", document.span
        )
        return None
    for key, member in root.items():
        if key != "test":  # its configuration may hold a mock's behaviors
            refuse_complex_keys(member, decoding)
    dialect = choose_dialect(root, decoding, FLOWC, MODERN, CLASSIC)
    flow = None if dialect is None else decoding.open(root, dialect.flow, document.span)
    if dialect is None or flow is None:
        return None
    return _decode(flow, FlowDecoding(decoding, dialect, split_lines(document.text)), document)


def _decode(flow: Fields, ctx: FlowDecoding, document: Document) -> SourceFlow:
    for key in ("schema", "metadata"):
        flow.get(key)
    steps: tuple[SourceStep, ...] = ()
    if flow.has("steps"):
        steps = decode_steps(flow.raw["steps"], flow.value_at("steps"), ctx)
    last: tuple[SourceStep, ...] = ()
    if flow.has("finally"):
        last = decode_steps(flow.raw["finally"], flow.value_at("finally"), ctx, "`finally`")
    declared = decode_declared(flow, ctx.decoding)
    return SourceFlow(
        file=document.file,
        span=document.span,
        facts=ctx.dialect.facts,
        steps=steps,
        output=ctx.field_value(flow, "output"),
        name=flow.text("name"),
        description=flow.text("description"),
        version=flow.text("version"),
        input_schema=declared.input,
        output_schema=declared.output,
        step_schemas={**_own_schemas(steps), **declared.steps},
        variables=declared.variables,
        fail_fast=flow.get("failure") == "failFast",
        timeout=decode_timeout(flow, ctx) if "timeout" in flow.shape.keys else None,
        finally_steps=last,
        tags=tuple(tag.value for tag in flow.texts("tags")),
        owner=flow.text("owner"),
        test=_located(flow, "test"),
        examples=_located(flow, "examples"),
    )


def has_all_steps(document: Document, flow: SourceFlow) -> bool:
    """Whether every step that is written in ``document`` became one of ``flow``, at all levels."""
    root = document.root
    return _has_all(root, "steps", flow.steps) and _has_all(root, "finally", flow.finally_steps)


def _has_all(raw: object, key: str, steps: tuple[SourceStep, ...]) -> bool:
    written = raw.get(key) if isinstance(raw, dict) else None
    if not isinstance(written, list):
        return written is None
    return len(written) == len(steps) and all(
        isinstance(step.body, SourceCall)
        or "steps" not in entry
        or _has_all(entry, "steps", step.body.steps)
        for entry, step in zip(written, steps, strict=True)
        if isinstance(entry, dict)
    )


def _own_schemas(steps: Iterable[SourceStep]) -> dict[str, At[Json]]:
    """Return what classic steps say about their output, as modern flows say it in one place."""
    return {
        step.id.value: At(step.output_schema, step.id.span)
        for step in steps
        if step.output_schema is not None
    }


def _located(flow: Fields, key: str) -> At[Json] | None:
    """Return what is at ``key`` as read, positions and all."""
    raw = flow.get(key)
    return None if raw is None else At(raw, flow.value_at(key))
