"""Files that an engine's containers could not reach, refused at their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.passes.step_values import all_nodes
from flowc_shim.artifacts.places import BUCKETS, beside_state
from flowc_shim.artifacts.reference import KEY, is_reference
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.target import Compilation


def named_files(compilation: Compilation) -> Iterator[tuple[str, Span | None]]:
    """Yield the URI of every file that the flow, or a binding of its ports, names; and where."""
    for _, node in all_nodes(compilation.program):
        if isinstance(node, v.Literal) and is_reference(node.value):
            yield str(node.value[KEY]), node.at if isinstance(node.at, Span) else None
    for uri in compilation.placement.bound_files():
        yield uri.value, uri.span


def moves_files(compilation: Compilation) -> bool:
    """Whether any component runs in the units themselves, where files are copied in and out."""
    kinds = {config.get("type") for config in compilation.plan.classes.values()}
    return bool(kinds & {"python", "command", "container"})


def artifact_url(compilation: Compilation) -> str | None:
    """Return where the deployment keeps files, None if nowhere."""
    stack = compilation.placement.stack
    if stack.artifact_store is not None:
        return stack.artifact_store.url
    return beside_state(stack.state_store.url) if stack.state_store is not None else None


def check_artifacts(compilation: Compilation, diagnostics: Diagnostics, units: str) -> None:
    """Report a store for files, and files of the flow, that ``units`` (``pods``) cannot share."""
    hint = "keep files in a bucket: `artifact_store: s3://bucket/prefix`"
    store = compilation.placement.stack.artifact_store
    if store is not None and store.url.partition(":")[0] not in BUCKETS:
        scheme = store.url.partition(":")[0]
        message = f"{units} on several machines cannot keep files in a `{scheme}:` store"
        diagnostics.report(codes.STORE_CANNOT_SERVE, message, store.span, hint=hint)
    for uri, span in named_files(compilation):
        if uri.partition(":")[0] not in BUCKETS:
            message = f"{units} cannot read `{uri}`: it is on one machine"
            diagnostics.report(codes.STORE_CANNOT_SERVE, message, span, hint="put it into a bucket")
