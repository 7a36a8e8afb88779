"""The pages of docs/ that are made of flowc's own tables."""

from __future__ import annotations

import contextlib
import io
import json

from flowc.cli.targets import run_targets
from flowc.diagnostics import codes

_RANGES = {
    "FC0": "Project and command line",
    "FC1": "Reading and shape",
    "FC2": "Names and graph",
    "FC3": "Stack and resources",
    "FC4": "Routes and data types",
    "FC5": "What the chosen target cannot do",
    "FC9": "Bugs of the compiler",
}
_NOTE = "<!-- Generated: `make golden` writes this page. -->"


def targets_page() -> str:
    """Return docs/targets.md: the output of ``flowc targets --format markdown``, and limits."""
    limits = [
        f"| {target} | {name.replace('_', ' ')} | {most:,} |"
        for target, said in sorted(json.loads(_printed("json")).items())
        for name, most in said["limits"].items()
    ]
    return "\n".join(
        [
            "# Targets",
            "",
            _NOTE,
            "",
            "What each target supports, as `flowc targets` prints it. *Native*: by the engine's",
            "own means. *Lowered*: by the shim, or by several of the engine's means together.",
            "*Refused*: an error at the line that uses it, before anything is written. The",
            "features are described in [language.md](language.md).",
            "",
            _printed("markdown").rstrip(),
            "",
            "## Limits",
            "",
            "What exceeds one is refused with the numbers (`FC502` to `FC505`).",
            "",
            "| target | limit | at most |",
            "|---|---|---|",
            *limits,
            "",
        ]
    )


def diagnostics_page() -> str:
    """Return docs/diagnostics.md: every code with its title and a link to its page."""
    lines = [
        "# Diagnostics",
        "",
        _NOTE,
        "",
        "`flowc explain FC201` prints the page of a code: what it means, why it is an error, an",
        "example that fails, the same example corrected. Numbers are never used again.",
    ]
    for prefix, title in _RANGES.items():
        lines += ["", f"## {prefix}xx: {title}", "", "| code | | title |", "|---|---|---|"]
        lines += [
            f"| [{code.number}](../compiler/flowc/diagnostics/explain/{code.number}.md) "
            f"| {code.severity.value} | {code.title} |"
            for code in codes.all_codes()
            if code.number.startswith(prefix)
        ]
    return "\n".join([*lines, ""])


def _printed(format: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = run_targets(format)
    assert status == 0, "a target cannot be loaded"
    return out.getvalue()


PAGES = {"targets.md": targets_page, "diagnostics.md": diagnostics_page}
