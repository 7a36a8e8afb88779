"""StreamFlow files: their workflows written as flowc's stacks, decoded then like any other.

A workflow's bindings and the deployments that they name become a stack of the workflow's name. What
serves a service is a component class: the one that ``plugins`` (flowc's own key) name for
``deployment/service``, or what its connector stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import codes
from flowc.source.decode_deployments import service_class
from flowc.source.fields import Fields, nearest
from flowc.source.located import Map, Seq
from flowc.source.port_bindings import is_port
from flowc.source.rewriting import DEFAULT_PLUGINS, DEFAULT_ROUTES, Made, listed, located
from flowc.source.streamflow_ports import port_in_own_keys
from flowc.source.streamflow_tables import (
    BINDING,
    CONNECTORS,
    DEPLOYMENT,
    FILE,
    OWN_KEYS,
    PORT,
    TARGET,
    WITHOUT_EFFECT,
    WORKFLOW,
)

if TYPE_CHECKING:
    from flowc.diagnostics import Span
    from flowc.source.fields import Decoding

_SECTIONS = ("workflows", "deployments", "models")
_ONLY = "default"
"""The name of the stack of a file without workflows."""


def is_streamflow(root: Map) -> bool:
    """Whether a file is StreamFlow's: a version of its kind, and a section of its own."""
    version = root.get("version")
    named = isinstance(version, str) and version.startswith("v")
    return named and any(section in root for section in _SECTIONS)


def rewritten_streamflow(root: Map, at: Span, decoding: Decoding) -> Map:
    """Return the file in flowc's own keys: a stack per workflow."""
    made = Made(root)
    fields = decoding.open(root, FILE, at)
    if fields is None or fields.get("version") is None:
        return made.map
    file = _File(fields, decoding)
    stacks = Made(root)
    for name, workflow, key_at in file.workflows():
        stacks.put(name, file.stack(workflow), key_at, key_at)
    place = fields.key_at("version")
    made.put("stacks", stacks.map, place, place)
    return made.map


@dataclass(slots=True)
class _Bound:
    """A binding on its way: the deployment and service that it names."""

    made: Made
    deployment: str
    service: str


def _is_served(binding: _Bound, deployments: Map) -> bool:
    """Whether the service of ``binding`` is there: what is not has been reported."""
    found = deployments.get(binding.deployment)
    return found is not None and binding.service in found["services"]


@dataclass(slots=True)
class _File:
    fields: Fields
    decoding: Decoding
    deployments: dict[str, tuple[Fields, Span]] = field(default_factory=dict)
    unusable: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for key, what in WITHOUT_EFFECT.items():
            if self.fields.has(key):
                self._ignored(self.fields, key, what)
        for section in ("models", "deployments"):
            if self.fields.get(section) is not None:
                self._open_deployments(section)

    def _ignored(self, fields: Fields, key: str, what: str) -> None:
        self.decoding.report(
            codes.IGNORED_KEY, f"`{key}` has no effect: {what}", fields.key_at(key)
        )

    def _open_deployments(self, section: str) -> None:
        at = self.fields.value_at(section)
        for name, raw, key_at, value_at in self.decoding.entries(
            self.fields.raw[section], f"`{section}`", at
        ):
            opened = self.decoding.open(raw, DEPLOYMENT, value_at)
            if opened is None or opened.text("type") is None:
                self.unusable.add(name)
                continue
            for key, what in (
                ("scheduling_policy", "the target's engine schedules"),
                ("workdir", "every call has a folder of its own"),
            ):
                if opened.has(key):
                    self._ignored(opened, key, what)
            if self._connector_is_known(opened):
                self.deployments[name] = opened, key_at
            else:
                self.unusable.add(name)

    def _connector_is_known(self, deployment: Fields) -> bool:
        kind = str(deployment.get("type"))
        if kind in CONNECTORS:
            return True
        meant = nearest(kind, CONNECTORS)
        known = ", ".join(f"`{one}`" for one in CONNECTORS)
        self.decoding.report(
            codes.INVALID_WORD,
            f"`{kind}` is not a connector; there are {known}",
            deployment.value_at("type"),
            hint=f"write `{meant}`" if meant else None,
        )
        return False

    def workflows(self) -> list[tuple[str, Fields | None, Span]]:
        """Return the workflows with their names; a file without any is one without bindings."""
        if self.fields.get("workflows") is None:
            return [(_ONLY, None, self.fields.key_at("version"))]
        found: list[tuple[str, Fields | None, Span]] = []
        at = self.fields.value_at("workflows")
        for name, raw, key_at, value_at in self.decoding.entries(
            self.fields.raw["workflows"], "`workflows`", at
        ):
            workflow = self.decoding.open(raw, WORKFLOW, value_at)
            if workflow is not None and workflow.get("type") is not None:
                if workflow.has("config"):
                    self._ignored(workflow, "config", "the flow is the file that flowc is given")
                found.append((name, workflow, key_at))
        return found

    def stack(self, workflow: Fields | None) -> Map:
        """Return the stack of a workflow."""
        at = self.fields.key_at("version")
        made = Made(self.fields.raw)
        for key in OWN_KEYS:
            if self.fields.has(key):
                made.put(
                    key, self.fields.raw[key], self.fields.key_at(key), self.fields.value_at(key)
                )
        if "routes" not in made.map:
            made.put("routes", located(DEFAULT_ROUTES, at), at, at)
        bindings, ports = ([], []) if workflow is None else self._bindings(workflow)
        deployments = self._deployments(bindings)
        served = [one.made.map for one in bindings if _is_served(one, deployments)]
        made.put("bindings", listed([*served, *ports], at), at, at)
        made.put("deployments", deployments, at, at)
        made.put("plugins", self._plugins(at), at, at)
        return made.map

    def _plugins(self, at: Span) -> Map:
        """Return the classes that are no services; the usual ones too if routes name those."""
        made = Made(self.fields.raw)
        for name, (raw, key_at, value_at) in self._written_plugins().items():
            if name.partition("/")[0] not in self.deployments:
                made.put(name, raw, key_at, value_at)
        for name, plugin in {} if self.fields.has("routes") else DEFAULT_PLUGINS.items():
            if name not in made.map:
                made.put(name, located(plugin, at), at, at)
        return made.map

    def _written_plugins(self) -> dict[str, tuple[Any, Span, Span]]:
        raw = self.fields.get("plugins")
        if not isinstance(raw, Map):
            return {}
        return {name: (raw[name], raw.key(name), raw.value(name)) for name in raw}

    def _bindings(self, workflow: Fields) -> tuple[list[_Bound], list[Map]]:
        """Return the bindings of steps, and those of ports."""
        found: list[_Bound] = []
        ports: list[Map] = []
        if workflow.get("bindings") is None:
            return found, ports
        at = workflow.value_at("bindings")
        for raw, raw_at in self.decoding.items(workflow.raw["bindings"], "`bindings`", at):
            binding = self.decoding.open(raw, PORT if is_port(raw) else BINDING, raw_at)
            if binding is None:
                continue
            target = self._target(binding)
            if is_port(raw):
                ports += self._port(binding, target)
            elif target is not None:
                found += self._bound(binding, target)
        return found, ports

    def _port(self, binding: Fields, target: Fields | None) -> list[Map]:
        if target is not None and self._deployment(target) is None:
            return []
        made = port_in_own_keys(binding, target, self.deployments, self._ignored)
        return [] if made is None else [made]

    def _target(self, binding: Fields) -> Fields | None:
        """Return the one target of a binding."""
        if not binding.has("target"):
            return None
        raw, at = binding.raw["target"], binding.value_at("target")
        if isinstance(raw, Seq) and raw:
            if len(raw) > 1:
                self.decoding.report(
                    codes.UNSUPPORTED,
                    "which of several targets has room nobody knows before a workflow runs",
                    raw.item(1),
                    hint="name one target",
                )
            raw, at = raw[0], raw.item(0)
        return self.decoding.open(raw, TARGET, at)

    def _deployment(self, target: Fields) -> str | None:
        """Return the name of a target's deployment, None (reported) if there is no such one."""
        key = "deployment" if target.has("deployment") else "model"
        name = target.text(key)
        if name is None:
            target.report(codes.MISSING_KEY, "a target needs `deployment`")
            return None
        if name in self.unusable:
            return None
        if name not in self.deployments:
            meant = nearest(name, self.deployments)
            self.decoding.report(
                codes.UNKNOWN_NAME,
                f"there is no deployment `{name}`",
                target.value_at(key),
                hint=f"write `{meant}`" if meant else None,
            )
            return None
        return name

    def _bound(self, binding: Fields, target: Fields) -> list[_Bound]:
        """Return a binding in flowc's keys; a deeper one says its own locations, or 1."""
        if target.has("workdir"):
            self._ignored(target, "workdir", "every call has a folder of its own")
        name = self._deployment(target)
        if name is None or binding.text("step") is None:
            return []
        key = "deployment" if target.has("deployment") else "model"
        service = target.text("service") or str(self.deployments[name][0].get("type"))
        made = Made(binding.raw)
        made.put("step", binding.raw["step"], binding.key_at("step"), binding.value_at("step"))
        at = target.key_at(key), target.value_at(key)
        made.put("plugin", service_class(name, service), *at)
        count = "locations" if target.has("locations") else "resources"
        locations = target.get(count)
        if locations is not None:
            at = target.key_at(count), target.value_at(count)
        made.put("locations", locations or 1, *at)
        return [_Bound(made, name, service)]

    def _deployments(self, bindings: list[_Bound]) -> Map:
        """Return the deployments that bindings or ``plugins`` name, with those services."""
        found = Made(self.fields.raw)
        for name, (fields, key_at) in self.deployments.items():
            bound = [one.service for one in bindings if one.deployment == name]
            written = self._services_in_plugins(name, fields)
            services = Made(fields.raw)
            for service in dict.fromkeys([*bound, *written]):
                plugin = self._service(name, service, fields, written)
                if plugin is not None:
                    services.put(service, *plugin)
            if not services.map:
                continue
            made = Made(fields.raw)
            made.put("services", services.map, key_at, key_at)
            for key in ("external", "lazy"):
                if fields.has(key):
                    made.put(key, fields.raw[key], fields.key_at(key), fields.value_at(key))
            found.put(name, made.map, key_at, key_at)
        return found.map

    def _services_in_plugins(
        self, deployment: str, fields: Fields
    ) -> dict[str, tuple[Any, Span, Span]]:
        """Return the classes that are written for services: ``deployment``, ``deployment/x``."""
        found = {}
        for name, plugin in self._written_plugins().items():
            of, _, service = name.partition("/")
            if of == deployment:
                found[service or str(fields.get("type"))] = plugin
        return found

    def _service(
        self,
        deployment: str,
        service: str,
        fields: Fields,
        written: dict[str, tuple[Any, Span, Span]],
    ) -> tuple[Any, Span, Span] | None:
        """Return what serves a service, None (reported) if that cannot be said or done."""
        kind, at = str(fields.get("type")), fields.value_at("type")
        connector = CONNECTORS[kind]
        external = fields.flag("external")
        if service in written and (connector.served or external):
            if kind != "local" and fields.get("config") and deployment not in self.refused:
                self.refused.add(deployment)
                what = "what `plugins` say of its services is there"
                self._ignored(fields, "config", what)
            return written[service]
        if kind == "local" and not external:
            return located({"type": "python"}, at), at, at
        image = (fields.get("config") or {}).get("image")
        if kind == "docker" and isinstance(image, str) and not external:
            config = fields.raw["config"]
            deploy = located({"type": "stepflow", "deploy": {"image": image}}, at)
            deploy["deploy"].places["image"] = config.places["image"]
            return deploy, at, at
        if deployment not in self.refused:
            self.refused.add(deployment)
            self._refuse(deployment, service, fields, external)
        return None

    def _refuse(self, deployment: str, service: str, fields: Fields, external: bool) -> None:
        kind = str(fields.get("type"))
        connector, name = CONNECTORS[kind], service_class(deployment, service)
        if external:
            message = f"deployment `{deployment}` is there already, and nothing says where"
            hint = f"write in `plugins` `{name}: {{type: stepflow, url}}`"
        else:
            message = f"deployment `{deployment}`: `{kind}` {connector.what}"
            hint = connector.hint.format(name=name)
        self.decoding.report(codes.UNSUPPORTED, message, fields.value_at("type"), hint=hint)
