"""Every explanation's failing example gives its code, and the corrected one does not."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from flowc import cli
from flowc.diagnostics.codes import all_codes
from flowc.diagnostics.explanations import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowc.diagnostics.explanations import Example

WITHOUT_EXAMPLE = {"FC900"}
"""A compiler bug has no example: one that is known gets mended."""

Ran = tuple[int, list[str], str]


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Example, str], Ran]:
    """Run an example: exit code, codes of errors (or of all, if none is one), what was printed."""
    for name in ("FLOWC_STACK", "FLOWC_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLOWC_BRANCH", "main")

    def run(example: Example, name: str) -> Ran:
        folder = tmp_path / name
        folder.mkdir()
        for file, text in example.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        monkeypatch.chdir(folder)
        checks = example.command[0] == "check"
        arguments = [*example.command, *(["--format", "json"] if checks else [])]
        monkeypatch.setattr(sys, "argv", ["flowc", *arguments])
        status = cli._guarded()
        out, err = capsys.readouterr()
        if not checks:
            return status, [c.number for c in all_codes() if c.number in out + err], out + err
        found = [json.loads(line) for line in out.splitlines()]
        errors = [one["code"] for one in found if one["severity"] == "error"]
        return status, errors or [one["code"] for one in found], out + err

    return run


@pytest.mark.parametrize("number", [code.number for code in all_codes()])
def test_examples(number: str, run: Callable[[Example, str], Ran]) -> None:
    page = explain(number)
    assert page is not None
    if number in WITHOUT_EXAMPLE:
        assert page.failing is None
        return
    assert page.failing is not None and page.corrected is not None
    _, codes, printed = run(page.failing, "failing")
    assert set(codes) == {number}, printed
    status, codes, printed = run(page.corrected, "corrected")
    assert number not in codes, printed
    assert status == 0, printed
