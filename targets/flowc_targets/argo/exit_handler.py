"""The exit handler: the end of the run, and before it the ``finally:`` steps.

Argo starts it whatever became of the entrypoint, past the Workflow's deadline too, and not for a
Workflow that was terminated (then the sweeper does its work). A DAG with one last task: whatever is
before that one may fail, since a failed task behind which a task completed does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.contract.scopes import FINALLY
from flowc_targets.argo.dags import EXIT
from flowc_targets.argo.leaves import light_class

if TYPE_CHECKING:
    from flowc_targets.argo.dags import Dags

_ENDED = ("Succeeded", "Failed", "Errored")


def add_exit_handler(dags: Dags) -> str:
    """Add the templates that end a run, and return the name of the one to start."""
    finish = dags.leaf(light_class("finish", first=True))
    if FINALLY not in dags.layout.scopes:
        return finish
    conclude = dags.leaf(light_class("conclude", first=True))
    tasks: list[dict[str, Any]] = [
        {"name": "conclude", "template": conclude},
        {"name": "steps", "template": dags.template_names[FINALLY], "depends": _after("conclude")},
        {"name": "finish", "template": finish, "depends": _after("steps")},
    ]
    name = dags.template_names[EXIT]
    dags.templates.append({"name": name, "dag": {"failFast": False, "tasks": tasks}})
    return name


def _after(task: str) -> str:
    return "(" + " || ".join(f"{task}.{phase}" for phase in _ENDED) + ")"
