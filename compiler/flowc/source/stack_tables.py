"""The keys of stack files, as tables: flowc's own and those of Stepflow's configs."""

from __future__ import annotations

from flowc.diagnostics import codes
from flowc.source.fields import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    LIST,
    MAPPING,
    NAME,
    POSITIVE,
    TEXT,
    TEXT_MAP,
    TEXTS,
    Key,
    Kind,
    Refusal,
    Shape,
    described_by,
    one_of,
)
from flowc.source.flowc_dialect import NEEDS_KEYS
from flowc.source.quantities import DURATION, RETENTION

TARGET_NAMES = {
    "local": "local",
    "argo": "argo",
    "step-functions": "step-functions",
    "kubernetes": "argo",
    "aws": "step-functions",
}
COMPUTE = one_of("lambda", "ecs", "batch")
_IN_UNITS = Refusal(
    codes.PLUGIN_CONFIGURATION,
    "is for classes with an image of their own, `container` and `stepflow` with `deploy`",
    "write `docker` on the stack: what runs in units is in their image",
)
_DOCKER_OF_ALL = Refusal(
    codes.UNKNOWN_KEY, "is said of the class", "write it beside `type`, in place of `image`"
)


def named(name: str) -> Kind:
    """Return the kind of a mapping from free names to what the definition ``name`` says."""
    schema = {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{name}"}}
    return Kind("a mapping by name", MAPPING.accepts, schema)


def _without_effect(hint: str | None = None) -> Key:
    return Key(Kind("a mapping", ANYTHING.accepts, {"description": hint or ""}), nullable=True)


IGNORED_SECTIONS = {
    "leaseManager": "runs are led by the target's engine, not by leases",
    "recovery": "an interrupted run is taken up by the target's engine",
    "blobApi": "blobs are kept in the state store; their endpoint is `blob_api`",
    "retry": "write `retry: {platform: …}` on the steps of a `flowc/v1` flow",
}
STACK = Shape(
    "a stack",
    {
        "target": Key(one_of(*TARGET_NAMES)),
        "namespace": Key(NAME),
        "region": Key(NAME),
        "registry": Key(NAME),
        "variables": Key(named("variable_value")),
        "plugins": Key(named("plugin"), required=True),
        "routes": Key(
            Kind(
                "a mapping of patterns",
                MAPPING.accepts,
                {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
                },
            ),
            required=True,
        ),
        "deployments": Key(named("deployment")),
        "bindings": Key(
            Kind(
                "a list of bindings",
                LIST.accepts,
                {"type": "array", "items": {"$ref": "#/$defs/binding"}},
            )
        ),
        "resources": Key(named("profile")),
        "compute": Key(COMPUTE),
        "unit_image": Key(NAME),
        "docker": Key(described_by("docker", "a mapping", MAPPING)),
        "state_store": Key(described_by("store", "a URL, or a mapping with `url`")),
        "retention": Key(RETENTION),
        "artifact_store": Key(described_by("store", "a URL, or a mapping with `url`")),
        "ecs": Key(described_by("ecs", "a mapping", MAPPING)),
        "job_set": Key(BOOLEAN),
        "blob_api": Key(described_by("blob_api", "a mapping", MAPPING)),
        "stateStore": Key(described_by("stepflow_store", "a mapping", MAPPING), nullable=True),
        "storageConfig": Key(MAPPING, nullable=True),
        "workingDirectory": Key(NAME, nullable=True),
        **{name: _without_effect(reason) for name, reason in IGNORED_SECTIONS.items()},
    },
    {
        "deploy": Refusal(
            codes.UNKNOWN_KEY, "belongs to a component class", "write it under `plugins`"
        ),
        **{
            theirs: Refusal(codes.UNKNOWN_KEY, "is another system's word", f"write `{ours}`")
            for theirs, ours in (
                ("orchestrator", "target"),
                ("executor", "compute"),
                ("metadata_store", "state_store"),
                ("container_registry", "registry"),
            )
        },
        "working_directory": Refusal(
            codes.UNKNOWN_KEY, "is not a key of a stack", "write `workingDirectory`"
        ),
    },
)
STACKS = Shape("a file with `stacks`", {"stacks": Key(named("stack"), required=True)})

TOLERATION = Shape(
    "a toleration",
    {
        "key": Key(NAME),
        "operator": Key(one_of("Equal", "Exists")),
        "value": Key(TEXT),
        "effect": Key(one_of("NoSchedule", "PreferNoSchedule", "NoExecute")),
        "tolerationSeconds": Key(COUNT),
    },
)
_TOLERATIONS = Kind(
    "a list of tolerations", LIST.accepts,
    {"type": "array", "items": {"$ref": "#/$defs/toleration"}},
)  # fmt: skip
PROFILE = Shape(
    "a resource profile",
    {
        **NEEDS_KEYS,
        "gpu_type": Key(NAME),
        "machine_type": Key(NAME),
        "preemptible": Key(BOOLEAN),
        "node_selector": Key(TEXT_MAP),
        "tolerations": Key(_TOLERATIONS),
        "queue": Key(NAME),
        "compute": Key(COMPUTE),
    },
)
RULE = Shape(
    "a rule of a route",
    {
        "plugin": Key(NAME, required=True),
        "conditions": Key(
            Kind(
                "a list of conditions",
                LIST.accepts,
                {"type": "array", "items": {"$ref": "#/$defs/condition"}},
            ),
            nullable=True,
        ),
        "component": Key(NAME, nullable=True),
        "componentAllow": Key(TEXTS, nullable=True),
        "componentDeny": Key(TEXTS, nullable=True),
    },
    {
        key: Refusal(
            codes.PLUGIN_TYPE,
            "belongs to `grpc` and `nats` plugins, which are not available",
            "serve the components over HTTP: `type: stepflow` with `url`",
        )
        for key in ("queueName", "stream", "consumer")
    },
)
CONDITION = Shape(
    "a condition of a rule",
    {"path": Key(TEXT, required=True), "value": Key(ANYTHING, required=True)},
)

STORE = Shape(
    "a store",
    {
        "url": Key(NAME, required=True),
        "endpoint": Key(NAME),
        "region": Key(NAME),
        "schema": Key(NAME),
        "allow_http": Key(BOOLEAN),
        **{
            name: Key(described_by("text_or_secret", "a text, or `{secret: name}`"))
            for name in (
                "access_key_id", "secret_access_key", "session_token", "account_name",
                "account_key", "service_account_key", "user", "password",
            )
        },
    },
)  # fmt: skip
STEPFLOW_STORE = Shape(
    "a store",
    {
        "type": Key(one_of("inMemory", "sqlite", "postgres", "filesystem"), required=True),
        "databaseUrl": Key(NAME),
        "maxConnections": Key(POSITIVE),
        "autoMigrate": Key(BOOLEAN),
        "directory": Key(NAME, nullable=True),
    },
)
STORAGE_CONFIG = Shape(
    "`storageConfig`",
    {
        "metadata": Key(MAPPING, required=True),
        "blobs": Key(MAPPING, nullable=True),
        "journal": Key(MAPPING, nullable=True),
    },
)

ECS = Shape(
    "`ecs`",
    {
        "cluster": Key(NAME),
        "subnets": Key(TEXTS, required=True),
        "security_groups": Key(TEXTS),
        "public_ip": Key(BOOLEAN),
        "namespace": Key(NAME),
    },
)
BLOB_API = Shape(
    "`blob_api`",
    {
        "token": Key(described_by("secret", "`{secret: name}`", MAPPING), required=True),
        "url": Key(NAME),
        "replicas": Key(POSITIVE),
        "service_account": Key(NAME),
    },
)
_TEXT_OR_SECRET_MAP = Kind(
    "a mapping of texts and secrets",
    MAPPING.accepts,
    {"type": "object", "additionalProperties": {"$ref": "#/$defs/text_or_secret"}},
)
_OF_EVERY_CLASS = {
    "type": Key(TEXT, required=True),
    "version": Key(TEXT),
    "resources": Key(
        Kind(
            "the name of a profile, or a mapping of needs",
            ANYTHING.accepts,
            {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/needs"}]},
        )
    ),
}
_PROCESS = {
    "command": Key(NAME),
    "args": Key(TEXTS),
    "env": Key(_TEXT_OR_SECRET_MAP),
    "working_directory": Key(NAME),
}
_COMPONENTS = Key(MAPPING, required=True)
_DOCKER = Key(described_by("class_docker", "a mapping", MAPPING))
PLUGIN_SHAPES = {
    "builtin": Shape("a plugin of type `builtin`", _OF_EVERY_CLASS, {"docker": _IN_UNITS}),
    "stepflow": Shape(
        "a plugin of type `stepflow`",
        {
            **_OF_EVERY_CLASS,
            "url": Key(NAME, nullable=True),
            **_PROCESS,
            "transport": Key(one_of("http", "stdio"), nullable=True),
            "healthCheck": Key(described_by("healthCheck", "a mapping", MAPPING), nullable=True),
            "deploy": Key(described_by("deploy", "a mapping", MAPPING)),
            "docker": _DOCKER,
            "blobs": Key(BOOLEAN),
        },
    ),
    "python": Shape(
        "a plugin of type `python`",
        {
            **_OF_EVERY_CLASS,
            "module": Key(NAME),
            "components": Key(TEXT_MAP),
            "env": Key(_TEXT_OR_SECRET_MAP),
            "working_directory": Key(NAME),
        },
        {"docker": _IN_UNITS},
    ),
    "command": Shape(
        "a plugin of type `command`",
        {**_OF_EVERY_CLASS, "components": _COMPONENTS},
        {"docker": _IN_UNITS},
    ),
    "container": Shape(
        "a plugin of type `container`",
        {**_OF_EVERY_CLASS, "docker": _DOCKER, "components": _COMPONENTS},
    ),
    "mock": Shape(
        "a plugin of type `mock`",
        {**_OF_EVERY_CLASS, "components": _COMPONENTS},
        {"docker": _IN_UNITS},
    ),
}
HEALTH_CHECK = Shape(
    "`healthCheck`",
    {
        "path": Key(NAME),
        "timeoutMs": Key(POSITIVE),
        "retryDelayMs": Key(COUNT),
        "retryAttempts": Key(COUNT),
    },
)
_COMMAND_LINE = Kind(
    "a text or a list of texts",
    lambda raw: isinstance(raw, list) or (isinstance(raw, str) and raw != ""),
    {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}]},
)
_LOCATIONS = Refusal(
    codes.UNKNOWN_KEY,
    "is said of a step, not of a component",
    "write `bindings: [{step: /step, locations: N}]` in the stack",
)
COMMAND_COMPONENT = Shape(
    "a component of a `command` plugin",
    {
        "command": Key(_COMMAND_LINE, required=True),
        "args": Key(TEXTS),
        "env": Key(_TEXT_OR_SECRET_MAP),
        "working_directory": Key(NAME),
    },
    {"locations": _LOCATIONS},
)
CONTAINER_COMPONENT = Shape(
    "a component of a `container` plugin",
    {
        "image": Key(NAME),
        "command": Key(_COMMAND_LINE),
        "args": Key(TEXTS),
        "env": Key(_TEXT_OR_SECRET_MAP),
    },
    {"locations": _LOCATIONS, "docker": _DOCKER_OF_ALL},
)
MOCK_COMPONENT = Shape(
    "a component of a `mock` plugin",
    {
        "input_schema": Key(ANYTHING, nullable=True),
        "output_schema": Key(ANYTHING, nullable=True),
        "description": Key(TEXT, nullable=True),
        "behaviors": Key(MAPPING, required=True),
    },
)
_REPLICAS = described_by("replicas", "a whole number, or `{min, max, cpu, metric}`")
DEPLOY = Shape(
    "`deploy`",
    {
        "image": Key(NAME),
        "command": Key(_COMMAND_LINE),
        "args": Key(TEXTS),
        "env": Key(_TEXT_OR_SECRET_MAP),
        "port": Key(POSITIVE),
        "health_path": Key(NAME),
        "replicas": Key(_REPLICAS),
        "resources": _OF_EVERY_CLASS["resources"],
        "node_selector": Key(TEXT_MAP),
        "tolerations": Key(_TOLERATIONS),
        "service_account": Key(NAME),
        "grace": Key(DURATION),
        "balancer": Key(described_by("balancer", "a mapping", MAPPING)),
        "capacity_provider": Key(NAME),
        "load_balancer": Key(described_by("load_balancer", "a mapping", MAPPING)),
    },
    {"docker": _DOCKER_OF_ALL},
)
LOAD_BALANCER = Shape(
    "`load_balancer`",
    {"target_group": Key(NAME, required=True), "url": Key(NAME, required=True)},
)
REPLICAS = Shape(
    "`replicas`",
    {
        "min": Key(POSITIVE),
        "max": Key(POSITIVE),
        "cpu": Key(TEXT),
        "metric": Key(described_by("metric", "`{name, value}`", MAPPING)),
    },
)
METRIC = Shape(
    "`metric`", {"name": Key(NAME, required=True), "value": Key(ANYTHING, required=True)}
)
BALANCER = Shape("`balancer`", {"image": Key(NAME), "replicas": Key(_REPLICAS)})
