"""Tasks and DAG templates as plain data, and how they hand on where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.contract.scopes import is_outermost

if TYPE_CHECKING:
    from collections.abc import Sequence

SCOPE = "{{inputs.parameters.scope}}"
OUTER = "{{inputs.parameters.outer}}"
"""The scope around the loop whose passes a template is about."""

Document = dict[str, Any]


def scope_argument(scope: str) -> list[Document]:
    """Return the argument that says where a task is; none in the outermost scope."""
    return [] if is_outermost(scope) else [{"name": "scope", "value": SCOPE}]


def task(name: str, template: str, depends: Sequence[str], arguments: list[Document]) -> Document:
    """Return a task that starts when all of ``depends`` hold."""
    document: Document = {"name": name, "template": template}
    if depends:
        document["depends"] = " && ".join(depends)
    if arguments:
        document["arguments"] = {"parameters": arguments}
    return document


def dag(
    name: str, inputs: Sequence[str], tasks: list[Document], *, parallelism: int = 0
) -> Document:
    """Return a DAG template. ``failFast: false`` lets what runs end and be seen; template-level
    ``failFast`` is never set: it counts handled failures and single attempts."""
    template: Document = {"name": name}
    if inputs:
        template["inputs"] = {"parameters": [{"name": parameter} for parameter in inputs]}
    if parallelism:
        template["parallelism"] = parallelism
    template["dag"] = {"failFast": False, "tasks": tasks}
    return template
