"""What Argo cannot run, refused at the line that says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc_targets._shared.check_classes import check_classes
from flowc_targets._shared.check_store import check_shared_store
from flowc_targets.argo.check_profile import check_profile
from flowc_targets.argo.check_sizes import check_sizes
from flowc_targets.argo.classes.check import check_deployed
from flowc_targets.argo.pods import secret_options, store_secret_variable

if TYPE_CHECKING:
    from flowc.target import Compilation

_ENVIRONMENT_NAME = re.compile(r"[-._A-Za-z][-._A-Za-z0-9]*")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def check(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report everything at once; sizes only of what could be built otherwise."""
    before = len(diagnostics.found)
    _check_stack(compilation, diagnostics)
    check_classes(compilation, diagnostics, units="pods", one="pod")
    check_deployed(compilation, diagnostics)
    _check_profiles(compilation, diagnostics)
    _check_ids(compilation, diagnostics)
    _check_variables(compilation, diagnostics)
    if len(diagnostics.found) == before:
        check_sizes(compilation, diagnostics)


def _check_stack(compilation: Compilation, diagnostics: Diagnostics) -> None:
    stack = compilation.placement.stack
    if stack.namespace is not None and not _NAMESPACE.fullmatch(stack.namespace):
        diagnostics.report(
            codes.TARGET_NAME,
            f"`{stack.namespace}` is no name of a Kubernetes namespace",
            stack.span,
            hint="lower-case letters, digits and hyphens, at most 63",
        )
    if stack.blob_api is not None:
        _check_secret_name(stack.blob_api.token, "`blob_api`", stack.blob_api.span, diagnostics)
    store = stack.state_store
    hint = "share an object store: `state_store: s3://bucket/prefix`"
    usable = check_shared_store(stack, diagnostics, units="pods", hint=hint)
    if store is None or not usable:
        return
    scheme = store.url.partition(":")[0]
    for option, secret in secret_options(store).items():
        _check_secret_name(secret, f"`{option}`", store.span, diagnostics)
        if store_secret_variable(store, option) is None:
            diagnostics.report(
                codes.SECRET_ON_TARGET,
                f"`{option}` of a `{scheme}:` store cannot be a secret on Argo",
                store.span,
                hint="write it as a plain text",
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
    for variable in compilation.plan.variables:
        span = spans.get(variable.name)
        if variable.secret is not None:
            _check_secret_name(variable.secret, f"`{variable.name}`", span, diagnostics)
            if not _ENVIRONMENT_NAME.fullmatch(variable.name):
                diagnostics.report(
                    codes.TARGET_NAME,
                    f"`{variable.name}` cannot be part of the name of an environment variable",
                    span,
                    hint="letters, digits, `_`, `-` and `.` only",
                )
        elif variable.name in compilation.placement.secrets:
            diagnostics.report(
                codes.SECRET_ON_TARGET,
                f"secret variable `{variable.name}` has a plain value, "
                "which only the local target accepts",
                span,
                hint="write `{secret: name}` in the environment or stack",
            )


def _check_secret_name(name: str, what: str, span: Span | None, diagnostics: Diagnostics) -> None:
    if not _OBJECT_NAME.fullmatch(name):
        diagnostics.report(
            codes.TARGET_NAME,
            f"the secret of {what}, `{name}`, is no name of a Kubernetes Secret",
            span,
            hint="lower-case letters, digits, hyphens and dots",
        )
