"""Where stacks are looked for, and the one that is used where there is no file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.diagnostics import codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc.source.stack_model import Stack

STACK_FILES = ("stack.yaml", "stack.yml")
STEPFLOW_CONFIGS = (
    "stepflow-config.yml", "stepflow-config.yaml", "stepflow_config.yml", "stepflow_config.yaml",
)  # fmt: skip
FLOWYML_FILES = ("flowyml.yaml", "flowyml.yml")
STREAMFLOW_FILES = ("streamflow.yml", "streamflow.yaml")
DEFAULT_STACK_FILE = "<default stack>"
DEFAULT_STACK = """\
plugins:
  builtin: {type: builtin}
routes:
  "/builtin/{component}": [{plugin: builtin}]
  "/{component}": [{plugin: builtin}]
"""
LOSES_ROUTES = frozenset(
    {
        codes.UNKNOWN_CLASS, codes.ROUTE_CONFLICT, codes.ROUTE_PATTERN, codes.MISSING_KEY,
        codes.WRONG_TYPE, codes.PLUGIN_TYPE, codes.PLUGIN_CONFIGURATION,
    }
)  # fmt: skip
"""What a stack's decoder reports where it leaves a route or a class out."""


def stack_files_in(folders: Iterable[Path]) -> list[Path]:
    """Return the stack files of the first folder that has any; two of one kind are too many."""
    for folder in dict.fromkeys(Path(os.path.normpath(folder)) for folder in folders):
        for names in (STACK_FILES, STEPFLOW_CONFIGS, FLOWYML_FILES, STREAMFLOW_FILES):
            found = [folder / name for name in names if (folder / name).is_file()]
            if found:
                return found
    return []


def sole_stack(stacks: Mapping[str, Stack], target: str | None) -> str | None:
    """Return the stack that is meant where nothing names one, None if nothing says so.

    The one that the file calls its default, the only one there is, or the only one for ``target``.
    """
    found = [name for name, stack in stacks.items() if stack.is_default] or list(stacks)
    if len(found) > 1 and "default" not in stacks:
        found = [name for name, stack in stacks.items() if target and stack.target == target]
    return found[0] if len(found) == 1 else None
