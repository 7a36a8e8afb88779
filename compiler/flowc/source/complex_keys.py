"""Mappings whose keys are mappings or lists: only a mock's behaviors may have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.diagnostics import codes
from flowc.source.located import Map, Seq

if TYPE_CHECKING:
    from flowc.source.fields import Decoding


def refuse_complex_keys(value: Any, decoding: Decoding, *, but: str = "") -> None:
    """Report the mappings in ``value`` with such keys; what stands under the key ``but`` may."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, Map):
            if node.pairs is not None:
                decoding.report(
                    codes.COMPLEX_KEY,
                    "a key of this mapping is itself a mapping or a list",
                    node.span,
                )
            stack.extend(member for key, member in node.items() if key != but)
        elif isinstance(node, Seq):
            stack.extend(node)
