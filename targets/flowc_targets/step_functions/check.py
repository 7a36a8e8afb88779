"""What Step Functions, Lambda and Batch cannot run, refused at the line that says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Severity, Span, codes
from flowc_targets._shared.check_artifacts import check_artifacts
from flowc_targets._shared.check_classes import check_classes
from flowc_targets._shared.check_store import check_shared_store
from flowc_targets._shared.note_locality import note_locality
from flowc_targets._shared.secrets import check_secrets
from flowc_targets.step_functions.check_own_images import (
    check_compute,
    check_own_images,
    chosen_at,
)
from flowc_targets.step_functions.check_sizes import check_sizes
from flowc_targets.step_functions.check_together import check_together
from flowc_targets.step_functions.classes.check import check_deployed
from flowc_targets.step_functions.compute import BATCH, ECS, TIME, Compute, beyond_lambda
from flowc_targets.step_functions.fargate import beside_shim, beyond_fargate, rounded_up
from flowc_targets.step_functions.notes import note_waits

if TYPE_CHECKING:
    from flowc.ir.layout import Unit
    from flowc.target import Compilation

_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}|ssm:/?[A-Za-z0-9/_.-]{1,1011}")
_NAMES_ON_AWS = (
    "a name in Secrets Manager has letters, digits and `/_+=.@-`; "
    "a parameter in SSM is written `ssm:/path`"
)


def check(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report everything at once; sizes only of what could be built otherwise."""
    before = _errors(diagnostics)
    _check_store(compilation, diagnostics)
    units = "functions and jobs"
    check_classes(compilation, diagnostics, one="function")
    check_own_images(compilation, diagnostics)
    check_deployed(compilation, diagnostics, _SECRET_NAME)
    check_secrets(compilation, diagnostics, _SECRET_NAME, _NAMES_ON_AWS, "a secret on AWS")
    check_artifacts(compilation, diagnostics, units)
    compute = Compute.of(compilation)
    for unit in compilation.layout.units.values():
        _check_unit(unit, compute, diagnostics)
    _check_profiles(compilation, diagnostics)
    if _errors(diagnostics) == before:
        check_sizes(compilation, diagnostics)
        note_waits(compilation, diagnostics)
    note_locality(compilation, diagnostics, cloud="s3")


def _errors(diagnostics: Diagnostics) -> int:
    return sum(1 for found in diagnostics if found.severity is Severity.ERROR)


def _check_store(compilation: Compilation, diagnostics: Diagnostics) -> None:
    stack = compilation.placement.stack
    if stack.blob_api is not None and stack.blob_api.url is None:
        diagnostics.report(
            codes.UNSUPPORTED,
            "an endpoint for blobs is brought up on Argo only",
            stack.blob_api.span,
            hint="let `flowc-shim blob-api` run somewhere, and give its `url`",
        )
    hint = "share a bucket: `state_store: s3://bucket/prefix`"
    check_shared_store(stack, diagnostics, units="functions", hint=hint)


def _check_unit(unit: Unit, compute: Compute, diagnostics: Diagnostics) -> None:
    kind = compute.kind(unit)
    check_compute(unit, compute, diagnostics)
    if kind == ECS:
        _check_task(unit, compute, diagnostics)
    elif kind == BATCH:
        _check_job(unit, diagnostics)
        check_together(unit, diagnostics)
    elif unit.kind == "steps" and unit.own_image is None:
        _check_function(unit, diagnostics)


def _check_job(unit: Unit, diagnostics: Diagnostics) -> None:
    if unit.needs is not None and unit.needs.disk is not None:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"`disk` of step `{unit.id}` cannot be asked for on Batch: "
            "a job has what the machines of its queue have",
            _where(unit, "disk"),
            severity=Severity.WARNING,
        )


def _check_task(unit: Unit, compute: Compute, diagnostics: Diagnostics) -> None:
    own = unit.own_image
    if compute.stack.ecs is None:
        what, said = f"`compute: ecs` of unit `{unit.id}`", chosen_at(unit, compute)
        if own is not None:
            what, said = f"unit `{unit.id}`, which runs in an image of its own,", own.span
        diagnostics.report(
            codes.UNSUPPORTED,
            f"{what} needs a network, and the stack names none",
            unit.span,
            secondary=[(said, "chosen here")],
            hint="add `ecs: {cluster, subnets: [subnet-…]}` to the stack",
        )
    needs = unit.needs if own is None else beside_shim(unit.needs)
    beyond = beyond_fargate(needs)
    hint = "give its profile `compute: batch`"
    if own is not None:
        hint = "lower it, or put the program into the unit's image, as type `command`, for Batch"
    for key, what in beyond.items():
        diagnostics.report(
            codes.UNSUPPORTED, f"step `{unit.id}` asks for {what}", _where(unit, key), hint=hint
        )
    more = "" if beyond else rounded_up(needs)
    if more:
        diagnostics.report(
            codes.ROUNDED_UP, f"step `{unit.id}` gets {more}: Fargate has fixed sizes", unit.span
        )


def _check_function(unit: Unit, diagnostics: Diagnostics) -> None:
    too_much = beyond_lambda(unit)
    time = too_much.pop(TIME, None)
    for key, what in too_much.items():
        diagnostics.report(
            codes.UNSUPPORTED,
            f"step `{unit.id}` asks for {what}",
            _where(unit, key),
            hint="leave `compute` out, or give its profile `compute: batch`",
        )
    if time is not None:
        diagnostics.report(
            codes.TIME_LIMIT,
            f"the attempts of `{unit.id}` and their waits may take {time}",
            unit.span,
            hint="lower `timeout` or `retry`, leave `compute` out, or use `compute: batch`",
        )


def _where(unit: Unit, key: str) -> Span:
    spans = unit.needs.spans if unit.needs else {}
    return spans.get(key) or (unit.profile.span if unit.profile else unit.span)


def _check_profiles(compilation: Compilation, diagnostics: Diagnostics) -> None:
    seen = set()
    for unit in compilation.layout.units.values():
        profile = unit.profile
        if profile is None or profile.name in seen:
            continue
        seen.add(profile.name)
        for key in ("node_selector", "tolerations"):
            if getattr(profile, key):
                diagnostics.report(
                    codes.IGNORED_KEY,
                    f"`{key}` of profile `{profile.name}` is about Kubernetes and ignored here",
                    profile.span,
                )
