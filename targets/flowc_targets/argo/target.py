"""The Argo target object. Nothing heavy is imported before it is asked to check or to emit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets.argo.features import FEATURES
from flowc_targets.argo.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.deploy.provider import Deployer
    from flowc.diagnostics import Diagnostics
    from flowc.source.stack_model import Stack
    from flowc.target import Compilation, FeatureSupport, LoopChoice


class ArgoTarget:
    """Emits what Argo Workflows runs by itself."""

    name = "argo"
    features: Mapping[str, FeatureSupport] = FEATURES
    limits: Mapping[str, int] = LIMITS

    def endpoints(self, stack: Stack, shared_name: str) -> Mapping[str, str]:
        """Return the URLs of the classes that come up beside the flow."""
        from flowc_targets.argo.classes.names import class_urls

        return class_urls(stack, shared_name)

    def placements(self, compilation: Compilation) -> Mapping[str, str]:
        """Return the pod of each unit, and why it is as it is."""
        from flowc_targets.argo.placements import placements

        return placements(compilation)

    def loops(self, compilation: Compilation) -> tuple[LoopChoice, ...]:
        """Return which loops are tasks, lanes, templates that call themselves, or one pod."""
        from flowc_targets.argo.loop_choices import loop_choices

        return loop_choices(compilation)

    def check(self, compilation: Compilation, diagnostics: Diagnostics) -> None:
        """Report, at source lines, what cannot run on Argo."""
        from flowc_targets.argo.check import check

        check(compilation, diagnostics)

    def emit(self, compilation: Compilation) -> dict[str, str]:
        """Return the manifests; called only after :meth:`check` reported no error."""
        from flowc_targets.argo.manifests import manifests

        return manifests(compilation)

    @property
    def deployer(self) -> Deployer:
        """Return how flows are deployed to a cluster."""
        from flowc_targets.argo.deploy.deployer import ArgoDeployer

        return ArgoDeployer()


TARGET = ArgoTarget()
