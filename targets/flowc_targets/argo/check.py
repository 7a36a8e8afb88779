"""What Argo cannot run, refused at the line that says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc_targets._shared.check_artifacts import check_artifacts
from flowc_targets._shared.check_classes import check_classes
from flowc_targets._shared.check_locations import check_locations
from flowc_targets._shared.check_store import check_shared_store
from flowc_targets._shared.note_locality import note_locality
from flowc_targets._shared.secrets import check_secrets
from flowc_targets.argo.check_profile import check_profile
from flowc_targets.argo.check_programs import check_is_swept, check_programs
from flowc_targets.argo.check_sizes import check_sizes
from flowc_targets.argo.classes.check import check_deployed
from flowc_targets.argo.places import units_in_places

if TYPE_CHECKING:
    from flowc.target import Compilation

_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def check(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report everything at once; sizes only of what could be built otherwise."""
    before = len(diagnostics.found)
    _check_stack(compilation, diagnostics)
    check_classes(compilation, diagnostics, one="pod")
    check_deployed(compilation, diagnostics)
    check_programs(compilation, diagnostics)
    _check_places(compilation, diagnostics)
    _check_profiles(compilation, diagnostics)
    _check_ids(compilation, diagnostics)
    _check_variables(compilation, diagnostics)
    rule = "lower-case letters, digits, hyphens and dots"
    check_secrets(compilation, diagnostics, _OBJECT_NAME, rule, "a Kubernetes Secret")
    check_artifacts(compilation, diagnostics, "pods")
    if len(diagnostics.found) == before:
        check_sizes(compilation, diagnostics)
    note_locality(compilation, diagnostics)


def _check_stack(compilation: Compilation, diagnostics: Diagnostics) -> None:
    stack = compilation.placement.stack
    if stack.namespace is not None and not _NAMESPACE.fullmatch(stack.namespace):
        diagnostics.report(
            codes.TARGET_NAME,
            f"`{stack.namespace}` is no name of a Kubernetes namespace",
            stack.span,
            hint="lower-case letters, digits and hyphens, at most 63",
        )
    hint = "share an object store: `state_store: s3://bucket/prefix`, or `postgresql://…`"
    check_shared_store(stack, diagnostics, units="pods", hint=hint)


def _check_places(compilation: Compilation, diagnostics: Diagnostics) -> None:
    if compilation.placement.stack.job_set:
        for unit in units_in_places(compilation):
            check_is_swept(compilation, unit, diagnostics)
        return
    check_locations(
        compilation,
        diagnostics,
        why="which JobSet starts together, and the stack does not say that the cluster has it",
        hint="install JobSet there and add `job_set: true` to the stack",
    )


def _check_profiles(compilation: Compilation, diagnostics: Diagnostics) -> None:
    profiles = {
        unit.profile.name: (unit.profile, unit.span)
        for unit in reversed(list(compilation.layout.units.values()))
        if unit.profile is not None
    }
    for profile, step in profiles.values():
        check_profile(profile, (step, "used by this step"), diagnostics)


def _check_ids(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report ids that Argo would rewrite or that say two things."""
    for path, step in compilation.program.steps.items():
        if "{{" in path or "}}" in path:
            diagnostics.report(
                codes.TARGET_NAME,
                f"`{step.id}` cannot be passed through Argo, which replaces what is in `{{{{ }}}}`",
                step.span,
                hint="rename the step",
            )


def _check_variables(compilation: Compilation, diagnostics: Diagnostics) -> None:
    spans = {variable.name: variable.span for variable in compilation.program.variables}
    for name in compilation.placement.secrets:
        diagnostics.report(
            codes.SECRET_ON_TARGET,
            f"secret variable `{name}` has a plain value, which only the local target accepts",
            spans.get(name),
            hint="write `{secret: name}` in the environment or stack",
        )
