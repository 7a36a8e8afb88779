"""Bad files: each finding has its code on its line.

A file's name begins with what it is: ``stack_``, ``project_``, anything else is a flow. A line ends
in ``# E: FC104`` for an error, ``# W: …`` for a warning, with several codes if it has several.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from flowc.diagnostics import Diagnostics, Severity
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_project import decode_project
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read

FILES = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
ENVIRON = {"SET": "value"}


def expected(text: str) -> Counter[tuple[int, str, str]]:
    found: Counter[tuple[int, str, str]] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(r"# ([EW]): ((?:FC\d{3} ?)+)$", line)
        for code in match[2].split() if match else ():
            found[number, match[1] if match else "", code] += 1
    return found


def findings(file: Path) -> Diagnostics:
    diagnostics = Diagnostics()
    document = read(file.read_text(), file.name, diagnostics)
    assert document is not None, [d.message for d in diagnostics]
    if file.name.startswith("stack_"):
        decode_stacks(document, diagnostics, ENVIRON)
    elif file.name.startswith("project_"):
        decode_project(document, diagnostics, ENVIRON)
    else:
        decode_flow(document, diagnostics)
    return diagnostics


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_findings_are_where_the_file_says(file: Path) -> None:
    found: Counter[tuple[int, str, str]] = Counter()
    for finding in findings(file):
        assert finding.primary is not None
        kind = "E" if finding.severity is Severity.ERROR else "W"
        found[finding.primary.span.line, kind, finding.code.number] += 1
    assert found == expected(file.read_text())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_messages_are_written_alike(file: Path) -> None:
    for finding in findings(file):
        first = finding.message.lstrip("`")[:1]
        assert finding.message.startswith("`") or first.islower() or not first.isalpha()
        assert not finding.message.endswith(".")
        assert "``" not in finding.message
        assert "None" not in finding.message
