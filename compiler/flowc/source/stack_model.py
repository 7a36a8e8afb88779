"""Stack: where flows may run, as decoded from a stack file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc.source.bindings import Binding
    from flowc.source.model import At, Needs
    from flowc_shim.contract.json_types import Json


@dataclass(frozen=True, slots=True)
class Profile:
    """A named resource profile: portable needs, and what only a cluster understands."""

    name: str
    needs: Needs
    span: Span
    gpu_type: str | None = None
    machine_type: str | None = None
    preemptible: bool = False
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Json, ...] = ()
    queue: str | None = None
    compute: str | None = None


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many instances there are, from ``min`` to ``max``.

    ``cpu``: the share of the requested cpu that scaling aims at. ``metric``: name and amount per
    instance, as a Kubernetes quantity, of a custom metric that it aims at.
    """

    min: int = 1
    max: int = 1
    cpu: float | None = None
    metric: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Balancer:
    """The balancer in front of a class that has several instances."""

    replicas: Replicas
    image: str | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """One that is there: clients call ``url``; servers join ``target_group``, by its ARN."""

    span: Span
    target_group: str
    url: str


@dataclass(frozen=True, slots=True)
class Deploy:
    """A component server that flowc brings up.

    ``needs`` and ``profile``: the resources of an instance. ``grace``: seconds that an instance
    gets to end its calls before it is killed. ``service_account``: one that exists already.
    ``capacity_provider`` (of an ECS cluster) and ``load_balancer``: for AWS. ``spans``: where keys
    stand that not every target has.
    """

    image: str
    span: Span
    replicas: Replicas
    balancer: Balancer
    port: int
    health_path: str
    grace: float
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, Json] = field(default_factory=dict)
    needs: Needs | None = None
    profile: Profile | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Json, ...] = ()
    service_account: str | None = None
    capacity_provider: str | None = None
    load_balancer: LoadBalancer | None = None
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Services that come up and go down together, before whoever calls the first of them.

    ``services``: the names of their classes. ``external``: they are there already. ``lazy``: they
    come up for the first call, otherwise when a run begins.
    """

    name: str
    span: Span
    services: tuple[str, ...]
    external: bool = False
    lazy: bool = True


@dataclass(frozen=True, slots=True)
class Ecs:
    """Where ECS tasks run: cluster, subnets and security groups, by name and id.

    ``namespace``: the private DNS namespace of Cloud Map in which servers are found.
    """

    span: Span
    cluster: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...] = ()
    public_ip: bool = False
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class BlobApi:
    """The endpoint where component servers keep blobs: one at ``url``, or one that comes up.

    ``token``: the name of the secret that whoever asks has to know.
    """

    span: Span
    token: str
    url: str | None = None
    replicas: int = 2
    service_account: str | None = None


@dataclass(frozen=True, slots=True)
class ComponentClass:
    """An entry of ``plugins``.

    ``config``: everything a client needs at run time, plain JSON (``type`` first), with
    ``${VAR}`` interpolated and secrets as ``{"secret": name}``. ``resources``: what the class
    says it has (profile resolved), None if it does not say. ``components``: names it serves,
    None if unknown (a component server lists them only when it runs). ``blobs``: it needs the
    stack's blob endpoint. ``deployment``: the one whose service it is. ``docker``: its image, as
    something to build. ``unavailable``: why nothing may be called there; the file may name such a
    class, a flow may not use it.
    """

    name: str
    type: str
    config: Mapping[str, Json]
    span: Span
    resources: Needs | None = None
    profile: str | None = None
    components: tuple[str, ...] | None = None
    deploy: Deploy | None = None
    blobs: At[bool] | None = None
    deployment: str | None = None
    docker: DockerSpec | None = None
    unavailable: At[str] | None = None
    input_schemas: Mapping[str, Json] = field(default_factory=dict)
    output_schemas: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a route. ``component``: rewritten name template, None for ``/{component}``.

    ``allow``/``deny`` are matched against the rewritten name, always.
    """

    component_class: At[str]
    conditions: tuple[tuple[str, Json], ...] = ()
    component: str | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A pattern and its rules, tried in order."""

    pattern: At[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """A store: URL and options (``endpoint``, ``region``, secrets as ``{"secret": name}``)."""

    url: str
    span: Span
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DockerSpec:
    """The image of a stack's units, or of a class, as something to build.

    ``files``: paths beside the stack file that are copied to ``/app``.
    """

    span: Span
    base_image: str | None = None
    requirements: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    files: tuple[At[str], ...] = ()
    build_args: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack of a stack file.

    ``retention``: seconds after its start that a run which has ended is kept, None for the default.
    ``job_set``: the cluster has JobSet, which starts pods together.
    """

    name: str
    file: str
    span: Span
    classes: Mapping[str, ComponentClass]
    routes: tuple[Route, ...]
    target: str | None = None
    target_span: Span | None = None
    namespace: str | None = None
    region: str | None = None
    registry: str | None = None
    unit_image: str | None = None
    docker: DockerSpec | None = None
    compute: str | None = None
    variables: Mapping[str, Json] = field(default_factory=dict)
    variable_spans: Mapping[str, Span] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    state_store: StoreSpec | None = None
    retention: float | None = None
    artifact_store: StoreSpec | None = None
    blob_api: BlobApi | None = None
    ecs: Ecs | None = None
    job_set: bool = False
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    bindings: tuple[Binding, ...] = ()
    is_default: bool = False
    working_directory: str | None = None

    def together(self, cls: ComponentClass) -> tuple[ComponentClass, ...]:
        """Return ``cls`` and, behind it, the other services of its deployment if it has one."""
        if cls.deployment is None:
            return (cls,)
        services = self.deployments[cls.deployment].services
        return (cls, *(self.classes[name] for name in services if name != cls.name))
