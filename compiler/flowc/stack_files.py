"""Where stacks are looked for, and the one that is used where there is no file."""

from __future__ import annotations

from flowc.diagnostics import codes

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
