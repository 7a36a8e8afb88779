"""Flows whose mistakes are marked: ``# FC404`` behind the line where the finding must stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics, Severity
from flowc.driver import Analysis, analyse
from flowc.source.decode_flow import decode_flow
from flowc.source.yaml_reader import read

if TYPE_CHECKING:
    from collections.abc import Callable

_MARK = re.compile(r"#\s*(FC\d{3}(?:[ ,]+FC\d{3})*)( warning| note)?\s*$")


def marks(text: str) -> list[tuple[int, str, str]]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _MARK.search(line)
        if match:
            severity = (match[2] or " error").strip()
            found += [(number, code, severity) for code in re.findall(r"FC\d{3}", match[1])]
    return sorted(found)


def run(text: str) -> tuple[Analysis, Diagnostics]:
    diagnostics = Diagnostics()
    document = read(text, "flow.yaml", diagnostics)
    assert document is not None
    flow = decode_flow(document, diagnostics)
    assert flow is not None
    assert not diagnostics.has_errors, [d.message for d in diagnostics]
    return analyse(flow, diagnostics), diagnostics


@pytest.fixture
def check_marks() -> Callable[[str], Diagnostics]:
    """Analyse a flow; what is found must be exactly what is marked."""

    def check(text: str) -> Diagnostics:
        analysis, diagnostics = run(text)
        found = sorted(
            (d.primary.span.line if d.primary else 0, d.code.number, d.severity.value)
            for d in diagnostics.sorted()
        )
        assert found == marks(text), [(d.code.number, d.message) for d in diagnostics]
        errors = any(d.severity is Severity.ERROR for d in diagnostics)
        assert analysis.whole is not errors
        return diagnostics

    return check
