"""Options that several groups of commands have."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Format(str, Enum):
    """How diagnostics are printed."""

    human = "human"
    json = "json"
    github = "github"


StackFile = Annotated[
    str | None,
    typer.Option("--stack-file", metavar="FILE", help="Stack file; default: stack.yaml."),
]
DiagnosticsFormat = Annotated[Format, typer.Option("--format", help="Form of diagnostics.")]
