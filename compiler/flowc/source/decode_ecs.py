"""``ecs`` of a stack: the cluster and the network that tasks run in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.fields import describe
from flowc.source.stack_model import Ecs
from flowc.source.stack_tables import ECS

if TYPE_CHECKING:
    from flowc.source.fields import Fields

_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z"
)
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
        namespace=_namespace(fields),
    )


def _namespace(fields: Fields) -> str | None:
    name = fields.text("namespace")
    if name is not None and not _DNS_NAME.fullmatch(name):
        fields.report(
            codes.INVALID_WORD,
            f"`namespace` is the DNS name of a namespace of Cloud Map, not {describe(name)}",
            fields.value_at("namespace"),
            hint="write it like `flows.internal`",
        )
    return name
