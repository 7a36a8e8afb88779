"""``flowc targets``: what each target supports, from the targets' own tables."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from flowc.cli.reporting import report
from flowc.diagnostics import Diagnostics
from flowc.features import FEATURES
from flowc.targets import all_targets

if TYPE_CHECKING:
    from flowc.target import Target


def run_targets(format: str) -> int:
    """Print the support matrix; return 1 if a target cannot be loaded."""
    diagnostics = Diagnostics()
    found = all_targets(diagnostics)
    if format == "json":
        print(json.dumps(matrix_json(found), indent=2, ensure_ascii=False))
    elif format == "markdown":
        print(matrix_markdown(found))
    else:
        print(matrix_table(found))
    return report(diagnostics, {}, "human", sys.stderr)


def matrix_json(targets: list[Target]) -> dict[str, Any]:
    """Return the matrix as data: by target, features with support and note, and limits."""
    return {
        target.name: {
            "features": {
                feature.name: {
                    "support": target.features[feature.name].support.value,
                    "note": target.features[feature.name].note,
                }
                for feature in FEATURES
            },
            "limits": dict(target.limits),
        }
        for target in targets
    }


def matrix_markdown(targets: list[Target]) -> str:
    """Return the matrix as a Markdown table; the notes are in the cells."""
    lines = [
        "| feature | " + " | ".join(target.name for target in targets) + " |",
        "|---" * (len(targets) + 1) + "|",
    ]
    for feature in FEATURES:
        cells = [_cell(target, feature.name) for target in targets]
        lines.append(f"| {feature.name}: {feature.description} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(target: Target, feature: str) -> str:
    support = target.features[feature]
    note = f": {support.note}" if support.note else ""
    return f"{support.support.value}{note}".replace("|", "\\|")


def matrix_table(targets: list[Target]) -> str:
    """Return the matrix in columns, with the notes of refusals and lowerings below."""
    width = max(len(feature.name) for feature in FEATURES) + 2
    columns = [max(len(target.name), len("refused")) + 2 for target in targets]
    lines = [_row("", [target.name for target in targets], width, columns)]
    notes = []
    for feature in FEATURES:
        cells = []
        for target in targets:
            support = target.features[feature.name]
            cells.append(support.support.value)
            if support.note:
                notes.append(f"  {feature.name} on {target.name}: {support.note}")
        lines.append(_row(feature.name, cells, width, columns))
    limits = [
        f"  {target.name}: " + ", ".join(f"{name} {most:,}" for name, most in target.limits.items())
        for target in targets
        if target.limits
    ]
    return "\n".join([*lines, "", "notes", *notes, "", "limits", *limits])


def _row(first: str, cells: list[str], width: int, columns: list[int]) -> str:
    padded = [f"{cell:<{column}}" for cell, column in zip(cells, columns, strict=True)]
    return (f"{first:<{width}}" + "".join(padded)).rstrip()
