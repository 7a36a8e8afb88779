"""Where stacks are looked for, and the one that is used where there is no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.stack_model import Stack

STACK_FILES = ("stack.yaml", "stack.yml")
STEPFLOW_CONFIGS = (
    "stepflow-config.yml", "stepflow-config.yaml", "stepflow_config.yml", "stepflow_config.yaml",
)  # fmt: skip
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


def sole_stack(stacks: Mapping[str, Stack], target: str | None) -> str | None:
    """Return the only stack there is, or else the only one that names ``target``."""
    found = list(stacks)
    if len(found) > 1 and "default" not in stacks:
        found = [name for name, stack in stacks.items() if target and stack.target == target]
    return found[0] if len(found) == 1 else None
