"""``ecs`` of a stack: the cluster and the network that tasks run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.stack_model import Ecs
from flowc.source.stack_tables import ECS

if TYPE_CHECKING:
    from flowc.source.fields import Fields

CLUSTER = "flowc"
"""The cluster where the stack names none."""


def decode_ecs(stack: Fields) -> Ecs | None:
    """Return where ECS tasks run, None if the stack does not say."""
    raw = stack.get("ecs")
    fields = None if raw is None else stack.decoding.open(raw, ECS, stack.value_at("ecs"))
    if fields is None:
        return None
    subnets = tuple(one.value for one in fields.texts("subnets"))
    if fields.has("subnets") and fields.raw["subnets"] == []:
        fields.report(codes.INVALID_WORD, "`subnets` is empty", fields.value_at("subnets"))
    return Ecs(
        span=stack.key_at("ecs"),
        cluster=fields.text("cluster") or CLUSTER,
        subnets=subnets,
        security_groups=tuple(one.value for one in fields.texts("security_groups")),
        public_ip=fields.flag("public_ip"),
    )
