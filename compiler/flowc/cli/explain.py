"""``flowc explain``: what a code means, or all codes."""

from __future__ import annotations

import sys
from difflib import get_close_matches

from flowc.diagnostics import codes
from flowc.diagnostics.explanations import explain


def run_explain(code: str | None) -> int:
    """Print the page of ``code``, or the list of codes; return 1 for an unknown one."""
    if code is None:
        for one in codes.all_codes():
            print(f"{one.number}  {one.severity.value:<8} {one.title}")
        return 0
    found = codes.find(code)
    if found is None:
        known = [one.number for one in codes.all_codes()]
        near = get_close_matches(code.upper(), known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`flowc explain` lists all"
        print(f"there is no code `{code}`; {hint}", file=sys.stderr)
        return 1
    page = explain(found.number)
    print(page.text.rstrip() if page else f"# {found.number}: {found.title}")
    return 0
