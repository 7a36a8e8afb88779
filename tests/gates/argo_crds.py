"""The CRDs of the pinned Argo module, made strict, and their CEL rules.

A CRD as published lets unknown fields pass: the API server prunes them without a word. Here an
unknown field is an error, integers-or-strings are typed as such, `metadata` is checked, lists of
type `map` have unique keys, and the rules of `x-kubernetes-validations` are evaluated. The schema
itself is read from the Go module at test time and is not part of this project.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import cel
import jsonschema_rs
import yaml
from tests.gates.argo_module import module_directory

FILES = {
    "Workflow": "argoproj.io_workflows.yaml",
    "WorkflowTemplate": "argoproj.io_workflowtemplates.yaml",
    "ClusterWorkflowTemplate": "argoproj.io_clusterworkflowtemplates.yaml",
    "CronWorkflow": "argoproj.io_cronworkflows.yaml",
    "WorkflowEventBinding": "argoproj.io_workfloweventbindings.yaml",
}
ROOT_KEYS = ("apiVersion", "kind", "metadata", "spec")
"""What a manifest may hold at its root; `status` belongs to the controller."""

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_NAME = rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*$"
_LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
_LABEL_KEY = r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
METADATA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": _DNS_NAME, "maxLength": 253},
        "generateName": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*)$"},
        "namespace": {"type": "string", "pattern": f"^{_DNS_LABEL}$", "maxLength": 63},
        "labels": {
            "type": "object",
            "propertyNames": {"pattern": _LABEL_KEY},
            "additionalProperties": {"type": "string", "pattern": _LABEL_VALUE, "maxLength": 63},
        },
        "annotations": _TEXTS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
    },
    "anyOf": [{"required": ["name"]}, {"required": ["generateName"]}],
}


def strict(schema: Any) -> Any:
    """Return the schema with unknown fields forbidden and Kubernetes' own keywords translated."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        kept = {key: value for key, value in schema.items() if key in ("pattern", "description")}
        return {**kept, "type": ["integer", "string"]}
    made = {}
    for key, value in schema.items():
        if key == "properties":  # a field may be called like a keyword, "default" say
            made[key] = {name: strict(part) for name, part in value.items()}
        elif key in ("default", "enum", "required", "x-kubernetes-validations"):
            made[key] = value
        else:
            made[key] = strict(value)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in schema and not open_ended and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        made["type"] = [schema["type"], "null"]
    return made


class _UniqueKeys:
    """`x-kubernetes-list-map-keys`: the API server refuses two items with the same keys."""

    def __init__(self, parent: dict[str, Any], value: list[str], path: list[Any]) -> None:
        self.keys = value
        self.defaults = {
            name: part["default"]
            for name, part in parent.get("items", {}).get("properties", {}).items()
            if "default" in part
        }

    def validate(self, instance: Any) -> None:
        seen = set()
        for item in instance if isinstance(instance, list) else []:
            if not isinstance(item, dict):
                continue
            key = json.dumps([item.get(name, self.defaults.get(name)) for name in self.keys])
            if key in seen:
                raise ValueError(f"two items have the same {', '.join(self.keys)}: {key}")
            seen.add(key)


class _CelRules:
    """`x-kubernetes-validations`: rules in CEL over `self`."""

    def __init__(self, parent: dict[str, Any], value: list[dict[str, str]], path: Any) -> None:
        self.rules = [(rule.get("message") or rule["rule"], rule["rule"]) for rule in value]
        self.programs: list[Any] | None = None

    def validate(self, instance: Any) -> None:
        if self.programs is None:
            self.programs = [cel.compile(rule) for _, rule in self.rules]
        for (message, _), program in zip(self.rules, self.programs, strict=True):
            if program.execute({"self": instance}) is not True:
                raise ValueError(message)


@cache
def crd_schema(kind: str) -> dict[str, Any]:
    """Return the strict schema of one kind."""
    path = module_directory() / "manifests/base/crds/full" / FILES[kind]
    crd = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (version,) = (v for v in crd["spec"]["versions"] if v["storage"])
    schema = strict(version["schema"]["openAPIV3Schema"])
    api_version = f"{crd['spec']['group']}/{version['name']}"
    properties = {key: schema["properties"][key] for key in ROOT_KEYS}
    properties["apiVersion"] = {"const": api_version}
    properties["kind"] = {"const": kind}
    properties["metadata"] = METADATA
    return {**schema, "properties": properties, "required": list(ROOT_KEYS)}


@cache
def validator(kind: str) -> jsonschema_rs.Validator:
    """Return the compiled validator of one kind; compiling takes a tenth of a second."""
    return jsonschema_rs.validator_for(
        crd_schema(kind),
        keywords={
            "x-kubernetes-list-map-keys": _UniqueKeys,
            "x-kubernetes-validations": _CelRules,
        },
    )


def validate_strict(document: dict[str, Any]) -> list[str]:
    """Return one line per problem: where it is and what is wrong.

    Documents of other groups have no CRD and pass; argo_validate decodes Kubernetes' own kinds.
    """
    kind = document.get("kind")
    api_version = str(document.get("apiVersion") or "argoproj.io/")
    if not api_version.startswith("argoproj.io/"):
        return []
    if kind not in FILES:
        return [f"kind: {kind!r} has no CRD here (known: {', '.join(FILES)})"]
    problems = []
    for error in validator(kind).iter_errors(document):
        where = ".".join(str(part) for part in error.instance_path) or "(root)"
        problems.append(f"{where}: {error.message}")
    return problems
