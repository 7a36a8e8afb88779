"""ECS services in moto, as a deployment uses them.

moto 5.2.5 forgets, when a service is created, what it keeps when one is updated.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from moto.core.utils import camelcase_to_underscores
from moto.ecs.responses import EC2ContainerServiceResponse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moto.core.responses import ActionResult

_FORGOTTEN = (
    "capacityProviderStrategy", "deploymentConfiguration", "placementConstraints",
    "healthCheckGracePeriodSeconds",
)  # fmt: skip


@contextmanager
def services() -> Iterator[None]:
    """Keep all that a service was created with."""
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
