"""A flow's file, and those of the flows that it runs: they stand beside the file that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.source.decode_flow import decode_flow, has_all_steps
from flowc.source.link_flows import link_flows

if TYPE_CHECKING:
    from flowc.loading import Loader
    from flowc.source.located import Document
    from flowc.source.model import SourceFlow

__all__ = ["has_all_steps", "read_flow"]


def read_flow(loader: Loader, document: Document, found: Diagnostics) -> SourceFlow | None:
    """Return the flow of a file with all flows below it, or None if there is no telling what it is.

    What is wrong with any of these files goes to ``found``.
    """

    def load(path: str, at: Span) -> SourceFlow | None:
        where = (loader.folder / at.file).parent / path
        if where.is_file():
            other = loader.document(where)
            return None if other is None else decode_flow(other, found, loader.lenient)
        text = f"there is no flow file `{loader.shown(where)}`"
        hint = "`flow` is a path beside the file that it stands in, like `./load.yaml`"
        found.report(codes.FILE_NOT_READABLE, text, at, hint=hint)
        return None

    flow = decode_flow(document, found, loader.lenient)
    return None if flow is None else link_flows(flow, load, found)
