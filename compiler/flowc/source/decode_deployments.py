"""Deployments of a stack: component classes that come up and go down together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowc.diagnostics import codes
from flowc.source.decode_plugins import decode_class
from flowc.source.fields import BOOLEAN, Key, Shape
from flowc.source.located import Map
from flowc.source.stack_model import Deployment
from flowc.source.stack_tables import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.fields import Decoding, Fields
    from flowc.source.stack_model import ComponentClass, Profile

DEPLOYMENT = Shape(
    "a deployment",
    {
        "services": Key(named("plugin"), required=True),
        "external": Key(BOOLEAN),
        "lazy": Key(BOOLEAN),
    },
)


def service_class(deployment: str, service: str) -> str:
    """Return the name of a service's class: routes and bindings call it so."""
    return f"{deployment}/{service}"


def service_names(stack: Fields) -> list[str]:
    """Return the names of all services' classes, refused ones included."""
    raw = stack.raw.get("deployments")
    if not isinstance(raw, Map):
        return []
    return [
        service_class(name, service)
        for name, one in raw.items()
        if isinstance(one, Map) and isinstance(one.get("services"), Map)
        for service in one["services"]
    ]


def decode_deployments(
    stack: Fields, profiles: Mapping[str, Profile], decoding: Decoding
) -> tuple[dict[str, Deployment], dict[str, ComponentClass]]:
    """Return the deployments by name, and the classes of their services."""
    found: dict[str, Deployment] = {}
    classes: dict[str, ComponentClass] = {}
    if not stack.has("deployments"):
        return found, classes
    for name, raw, key_at, at in decoding.entries(
        stack.raw["deployments"], "`deployments`", stack.value_at("deployments")
    ):
        fields = decoding.open(raw, DEPLOYMENT, at)
        if fields is None or not fields.has("services"):
            continue
        lazy = not fields.has("lazy") or fields.flag("lazy")
        services = _services(name, fields, profiles, decoding)
        external = fields.flag("external")
        if external:
            _check_external(name, services, decoding)
        classes |= services
        found[name] = Deployment(name, key_at, tuple(services), external, lazy)
    return found, classes


def _services(
    deployment: str,
    fields: Fields,
    profiles: Mapping[str, Profile],
    decoding: Decoding,
) -> dict[str, ComponentClass]:
    at = fields.value_at("services")
    found = {}
    for service, raw, key_at, value_at in decoding.entries(
        fields.raw["services"], "`services`", at
    ):
        name = service_class(deployment, service)
        decoded = decode_class(name, raw, key_at, value_at, profiles, decoding)
        if decoded is not None:
            config = {**decoded.config, "deployment": deployment}
            found[name] = replace(decoded, config=config, deployment=deployment)
    return found


def _check_external(
    deployment: str, services: Mapping[str, ComponentClass], decoding: Decoding
) -> None:
    """Report services of what is there already that are more than an address."""
    for cls in services.values():
        if "url" not in cls.config:
            decoding.report(
                codes.PLUGIN_CONFIGURATION,
                f"deployment `{deployment}` is `external`, so that of `{cls.name}` "
                "there is only a `url`",
                cls.span,
                hint="write `type: stepflow` with `url`, or take `external` away",
            )
