"""What fits on Argo, as data. Normative: section 7 of the engine rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ITEMS = 500
"""Items of one loop instance whose body is several units. Every item is at least three nodes of
the Workflow's status."""

LANES = 500
"""Tasks of a loop whose body is one unit; for more items each task runs several of them."""

TASKS_PER_DAG = 200
"""Tasks of one DAG template: each reconcile walks all ancestors of every task, so that long
chains in one DAG cost the square of their length (``common.GetTaskAncestry``)."""

TEMPLATE_BYTES = 300 * 1024
"""The WorkflowTemplate. Each Workflow stores a copy of it beside its node status, uncompressed, and
the whole object must stay below 1 MB (``MAX_WORKFLOW_SIZE``)."""

NODE_STATUS_BYTES = 600 * 1024
BYTES_PER_NODE = 54
"""Packed; measured: 0.54 MB for 5,000 items of two nodes each."""

DEPTH = 100
"""Nested templates (``maxStackDepth`` of the controller), leaf included."""

PLAN_READABLE_BYTES = 200 * 1024
"""Plans up to this are readable in their ConfigMap; larger ones are gzipped."""

PLAN_PACKED_BYTES = 700 * 1024
"""A ConfigMap holds 1 MiB; base64 makes 4 bytes of 3."""

OBJECT_NAME = 52
"""A CronWorkflow's name; Argo allows 63 for the Workflows that it makes by adding a timestamp."""

RUN_GRACE_SECONDS = 60
"""After a run's ``timeout`` until Argo ends what runs: by then the shims have, in order."""

LIMITS: Mapping[str, int] = {
    "max_items": MAX_ITEMS,
    "lanes": LANES,
    "tasks_per_dag": TASKS_PER_DAG,
    "template_bytes": TEMPLATE_BYTES,
    "node_status_bytes": NODE_STATUS_BYTES,
    "depth": DEPTH,
    "plan_bytes": PLAN_PACKED_BYTES,
}
