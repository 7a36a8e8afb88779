"""The question before a deploy: of a person at a terminal, and of nobody."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from flowc.cli.deploying.confirming import confirm


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 1), ("\n", 1), ("\x04", 1)]
)
def test_a_person_is_asked(
    answer: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person, terminal = pty.openpty()
    os.write(person, answer.encode())
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert confirm("Deploy it?", "say so") == code
    os.close(person)
    assert capsys.readouterr().err == "Deploy it? [y/N] "


def test_nobody_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(os.devnull) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert confirm("Deploy it?", "deploy with `--yes`") == 2
    said = capsys.readouterr().err
    assert "nobody is there" in said and "deploy with `--yes`" in said
