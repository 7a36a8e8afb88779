"""The Step Functions target object. Nothing heavy is imported before it checks or emits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_targets.step_functions.features import FEATURES
from flowc_targets.step_functions.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.deploy.provider import Deployer
    from flowc.diagnostics import Diagnostics
    from flowc.source.stack_model import Stack
    from flowc.target import Compilation, FeatureSupport, Form, LoopChoice


class StepFunctionsTarget:
    """Emits what AWS Step Functions runs by itself."""

    name = "step-functions"
    features: Mapping[str, FeatureSupport] = FEATURES
    limits: Mapping[str, int] = LIMITS

    def endpoints(self, stack: Stack, shared_name: str) -> Mapping[str, str]:
        """Return the URLs of the classes that come up beside the flow."""
        from flowc_targets.step_functions.classes.names import class_urls

        return class_urls(stack, shared_name)

    def placements(self, compilation: Compilation) -> Mapping[str, str]:
        """Return function or job of each unit, and why."""
        from flowc_targets.step_functions.placements import placements

        return placements(compilation)

    def loops(self, compilation: Compilation) -> tuple[LoopChoice, ...]:
        """Return which loops are inline, of executions of their own, or one function."""
        from flowc_targets.step_functions.loop_choices import loop_choices

        return loop_choices(compilation)

    def check(self, compilation: Compilation, diagnostics: Diagnostics) -> None:
        """Report, at source lines, what cannot run on Step Functions."""
        from flowc_targets.step_functions.check import check

        check(compilation, diagnostics)

    def emit(self, compilation: Compilation) -> dict[str, str]:
        """Return the files; called only after :meth:`check` reported no error."""
        from flowc_targets.step_functions.files import files

        return files(compilation)

    @property
    def deployer(self) -> Deployer:
        """Return how flows are deployed to AWS."""
        from flowc_targets.step_functions.deploy.deployer import AwsDeployer

        return AwsDeployer()

    @property
    def forms(self) -> Mapping[str, Form]:
        """Return the other forms that files can have."""
        return {"cloudformation": _cloudformation}


def _cloudformation(compilation: Compilation) -> dict[str, str]:
    from flowc_targets.step_functions.deploy.cloudformation import cloudformation

    return cloudformation(compilation)


TARGET = StepFunctionsTarget()
