"""ECS and Batch in moto, as deployments and state machines use them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.batch.models import JobDefinition
from moto.core.utils import camelcase_to_underscores
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_ecs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.core.responses import ActionResult

_FORGOTTEN = (
    "capacityProviderStrategy", "deploymentConfiguration", "placementConstraints",
    "healthCheckGracePeriodSeconds",
)  # fmt: skip


@contextmanager
def services() -> Iterator[None]:
    """Keep all that a service was created with, as moto does with what it is updated with."""
    create = EC2ContainerServiceResponse.create_service

    def created(self: Any) -> ActionResult:
        result = create(self)
        place = self._get_param("cluster", "default"), self._get_param("serviceName")
        service = self.ecs_backend.services[":".join(place)]
        for key in _FORGOTTEN:
            if self._get_param(key) is not None:
                setattr(service, camelcase_to_underscores(key), self._get_param(key))
        return result

    with patch.object(EC2ContainerServiceResponse, "create_service", created):
        yield


@contextmanager
def ecs_strategies() -> Iterator[None]:
    """Let tasks be started by a capacity provider (https://github.com/aws/aws-cdk/pull/35465)."""
    known = state_task_service_ecs._SUPPORTED_API_PARAM_BINDINGS
    more = {"runtask": known["runtask"] | {"CapacityProviderStrategy"}}
    with patch.dict(known, more):
        yield


@contextmanager
def nodes() -> Iterator[None]:
    """Job definitions of several nodes are described with their nodes, which moto leaves out."""
    described = JobDefinition.describe

    def with_nodes(self: JobDefinition) -> dict[str, Any]:
        found = described(self)
        return found | ({"nodeProperties": self.node_properties} if self.node_properties else {})

    with patch.object(JobDefinition, "describe", with_nodes):
        yield
