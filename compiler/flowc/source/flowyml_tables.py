"""The keys of a ``flowyml.yaml``, as its users write them."""

from __future__ import annotations

from flowc.diagnostics import codes
from flowc.source.fields import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    MAPPING,
    NAME,
    TEXT,
    Key,
    Refusal,
    Shape,
    one_of,
)

_COMPONENT = Key(ANYTHING)
TYPES = ("local", "kubernetes", "gcp", "aws", "azure")
TARGETS = {"local": "local", "kubernetes": "argo", "gcp": "argo", "aws": "step-functions"}
OF_TYPE = {
    "local": ("artifact_path", "metadata_path"),
    "kubernetes": ("namespace",),
    "gcp": ("project_id", "region", "bucket_name", "registry_uri", "namespace"),
    "aws": ("region", "bucket_name", "s3_bucket", "registry_uri", "ecr_registry", "account_id"),
}
"""The keys that a stack of a type may have besides those of every stack."""

FLOWYML = Shape(
    "a `flowyml.yaml`",
    {
        "stacks": Key(MAPPING, required=True),
        "default_stack": Key(NAME),
        "resources": Key(MAPPING),
        "docker": Key(MAPPING),
    },
    {
        "active_stack": Refusal(
            codes.UNKNOWN_KEY, "is not read", "write `default_stack`, or `flowc stack use NAME`"
        )
    },
)
STACK = Shape(
    "a stack of a `flowyml.yaml`",
    {
        "type": Key(one_of(*TYPES), required=True),
        "artifact_path": Key(NAME),
        "metadata_path": Key(NAME),
        "project_id": Key(NAME),
        "account_id": Key(TEXT),
        "region": Key(NAME),
        "namespace": Key(NAME),
        "bucket_name": Key(NAME),
        "s3_bucket": Key(NAME),
        "registry_uri": Key(NAME),
        "ecr_registry": Key(NAME),
        "orchestrator": _COMPONENT,
        "executor": _COMPONENT,
        "artifact_store": _COMPONENT,
        "metadata_store": _COMPONENT,
        "container_registry": _COMPONENT,
        # flowc's own: what flowyml has no word for
        "plugins": Key(MAPPING),
        "routes": Key(MAPPING),
        "variables": Key(MAPPING),
        "compute": Key(NAME),
    },
    {
        "service_account": Refusal(
            codes.UNSUPPORTED,
            "is Google's own, and bound to an account of the cluster by workload identity",
            "bind it to the ServiceAccount in `rbac.yaml`, which has the flow's name",
        ),
        "storage_class": Refusal(
            codes.UNSUPPORTED,
            "has nothing to apply to: no step gets a volume, files go through the artifact store",
            "leave it out",
        ),
    },
)
PROFILE = Shape(
    "a resource profile of a `flowyml.yaml`",
    {
        "cpu": Key(ANYTHING),
        "memory": Key(ANYTHING),
        "disk_size": Key(ANYTHING),
        "gpu": Key(NAME),
        "gpu_count": Key(COUNT),
        "machine_type": Key(NAME),
        "preemptible": Key(BOOLEAN),
        "node_selector": Key(MAPPING),
        "tolerations": Key(ANYTHING),
        "queue": Key(NAME),
    },
    {
        "autoscaling": Refusal(
            codes.UNSUPPORTED,
            "belongs to servers: a step has one container",
            "write `deploy: {replicas: {min, max, cpu}}` on a component class",
        )
    },
)
DOCKER = Shape(
    "`docker`",
    {"image": Key(NAME)},
    {
        key: Refusal(
            codes.UNSUPPORTED,
            "is not read from a `flowyml.yaml`",
            "build the image and name it as `image`",
        )
        for key in (
            "dockerfile", "build_context", "build_args", "base_image", "requirements", "env_vars",
        )
    },
)  # fmt: skip
COMPONENT = Shape(
    "a component of a stack",
    {
        "type": Key(NAME),
        "path": Key(NAME),
        "bucket": Key(NAME),
        "uri": Key(NAME),
        "url": Key(NAME),
    },
)
