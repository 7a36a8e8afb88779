"""A stack as plain data, for people: what `flowc stack show` prints and `diff` compares.

Secrets appear by name, and nothing that may be a credential appears at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.placing.resources import quantity
from flowc.source.decode_stores import CREDENTIALS, password_of
from flowc.source.port_bindings import PortBinding

if TYPE_CHECKING:
    from flowc.source.bindings import Binding
    from flowc.source.model import Needs
    from flowc.source.stack_model import (
        BlobApi,
        ComponentClass,
        Deploy,
        Deployment,
        Profile,
        Replicas,
        Route,
        Stack,
        StoreSpec,
    )

HIDDEN = "***"


def summary(stack: Stack) -> dict[str, Any]:
    """Return what ``stack`` says, without what it leaves out."""
    return _filled(
        target=stack.target,
        namespace=stack.namespace,
        region=stack.region,
        compute=stack.compute,
        registry=stack.registry,
        unit_image=stack.unit_image,
        state_store=_store(stack.state_store),
        artifact_store=_store(stack.artifact_store),
        blob_api=_blob_api(stack.blob_api),
        job_set=stack.job_set,
        variables={name: _value(value) for name, value in stack.variables.items()},
        resources={name: _profile(profile) for name, profile in stack.profiles.items()},
        plugins={name: _class(cls) for name, cls in stack.classes.items()},
        deployments={name: _deployment(one) for name, one in stack.deployments.items()},
        routes={route.pattern.value: _rules(route) for route in stack.routes},
        bindings=[_binding(binding) for binding in stack.bindings],
    )


def _filled(**entries: Any) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if value not in (None, {}, [], (), False)}


def _store(store: StoreSpec | None) -> Any:
    if store is None:
        return None
    password = password_of(store.url)
    url = store.url.replace(f":{password}@", f":{HIDDEN}@") if password else store.url
    options = {
        name: HIDDEN if name in CREDENTIALS and not isinstance(value, dict) else value
        for name, value in store.options.items()
    }
    return {"url": url, **options} if options else url


def _blob_api(endpoint: BlobApi | None) -> Any:
    if endpoint is None:
        return None
    return _filled(url=endpoint.url, token={"secret": endpoint.token})


def _value(value: Any) -> Any:
    """Return a variable's value: whether it is a secret only flows know, so it is not shown."""
    return value if isinstance(value, dict) and set(value) == {"secret"} else HIDDEN


def _needs(needs: Needs | None) -> dict[str, str]:
    if needs is None:
        return {}
    amounts = {kind: getattr(needs, kind) for kind in ("cpu", "memory", "disk", "gpu")}
    return {
        kind: str(amount) if kind == "gpu" else _amount(kind, amount)
        for kind, amount in amounts.items()
        if amount is not None
    }


def _amount(kind: str, amount: float) -> str:
    return quantity(kind, amount).removesuffix(f" of {kind}").removesuffix(f" {kind}")


def _profile(profile: Profile) -> dict[str, Any]:
    return _filled(
        **_needs(profile.needs),
        gpu_type=profile.gpu_type,
        machine_type=profile.machine_type,
        preemptible=profile.preemptible,
        node_selector=dict(profile.node_selector),
        tolerations=list(profile.tolerations),
        queue=profile.queue,
        compute=profile.compute,
    )


def _class(cls: ComponentClass) -> dict[str, Any]:
    told = {key: cls.config[key] for key in ("url", "command", "module") if key in cls.config}
    names = list(cls.components) if cls.components and cls.type != "builtin" else None
    resources = cls.profile or _needs(cls.resources)
    deploy = None if cls.deploy is None else _deploy(cls.deploy)
    return _filled(type=cls.type, **told, deploy=deploy, resources=resources, components=names)


def _deploy(deploy: Deploy) -> dict[str, Any]:
    return _filled(
        image=deploy.image,
        replicas=_replicas(deploy.replicas),
        balancer=_replicas(deploy.balancer.replicas) if deploy.replicas.max > 1 else None,
        port=deploy.port,
        node_selector=dict(deploy.node_selector),
        env=sorted(deploy.env),
    )


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return _filled(
        services=list(deployment.services), external=deployment.external, eager=not deployment.lazy
    )


def _binding(binding: Binding) -> dict[str, Any]:
    if isinstance(binding, PortBinding):
        return {"port": binding.port.value, "data": binding.data.value}
    resources = None if binding.resources is None else binding.resources.value
    return _filled(
        step=binding.step.value,
        plugin=None if binding.plugin is None else binding.plugin.value,
        resources=resources if isinstance(resources, str) else _needs(resources),
        locations=None if binding.locations is None else binding.locations.value,
    )


def _replicas(replicas: Replicas) -> str:
    if replicas.min == replicas.max:
        return str(replicas.min)
    goals = [f"cpu {replicas.cpu:.0%}"] if replicas.cpu is not None else []
    goals += [f"{replicas.metric[0]} {replicas.metric[1]}"] if replicas.metric is not None else []
    return f"{replicas.min} to {replicas.max}, by {' and '.join(goals)}"


def _rules(route: Route) -> list[str]:
    return [rule.component_class.value for rule in route.rules]
