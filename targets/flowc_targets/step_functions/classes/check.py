"""What of a class that comes up on AWS would not work there, refused at its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc_targets._shared.check_classes import used_classes
from flowc_targets.step_functions.classes.servers import STOP_SECONDS, on_fargate
from flowc_targets.step_functions.compute import CALLING, LAMBDA, Compute
from flowc_targets.step_functions.fargate import beyond_fargate, rounded_up

if TYPE_CHECKING:
    from re import Pattern

    from flowc.source.stack_model import ComponentClass, Deploy
    from flowc.target import Compilation

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROLE = re.compile(r"([!-~]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_TARGET_GROUP = re.compile(r"arn:[a-z-]+:elasticloadbalancing:[^:]+:\d{12}:targetgroup/.+")
_NETWORK = "ecs: {cluster, subnets: [subnet-…], security_groups: [sg-…], namespace: flows.internal}"


def check_deployed(
    compilation: Compilation, diagnostics: Diagnostics, secret_name: Pattern[str]
) -> None:
    """Report what there is no place for, and what ECS would refuse or do otherwise."""
    for cls, step in used_classes(compilation):
        deploy = cls.deploy
        if deploy is None:
            continue
        if _has_place(cls, deploy, step, compilation, diagnostics):
            _check_scaling(cls, deploy, diagnostics)
            _check_size(cls, deploy, diagnostics)
            _check_stop(cls, deploy, diagnostics)
            _check_names(cls, deploy, diagnostics, secret_name)
            _note_ignored(cls, deploy, diagnostics)
    _check_functions(compilation, diagnostics)


def _has_place(
    cls: ComponentClass,
    deploy: Deploy,
    step: Span,
    compilation: Compilation,
    diagnostics: Diagnostics,
) -> bool:
    ecs = compilation.placement.stack.ecs
    if ecs is not None and (ecs.namespace or deploy.load_balancer):
        return True
    lacks = "names no network" if ecs is None else "names no DNS namespace to find its servers in"
    diagnostics.report(
        codes.UNSUPPORTED,
        f"class `{cls.name}` is to be deployed by flowc, and the stack {lacks}",
        cls.span,
        secondary=[(step, "used by this step")],
        hint=f"write `{_NETWORK}` in the stack, or deploy the server yourself and give its `url`",
    )
    return False


def _check_functions(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report functions that have to be in the servers' network, without a security group."""
    ecs = compilation.placement.stack.ecs
    compute = Compute.of(compilation)
    if ecs is None or ecs.security_groups or compute.network is None:
        return
    units = compilation.layout.units.values()
    if any(unit.kind in CALLING and compute.kind(unit) == LAMBDA for unit in units):
        diagnostics.report(
            codes.UNSUPPORTED,
            "functions that call servers of this flow have to be in their network, and Lambda "
            "takes no network without security groups",
            ecs.span,
            hint="add `security_groups: [sg-…]`; the group has to let its members call each other",
        )


def _check_scaling(cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics) -> None:
    if deploy.replicas.metric is not None:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"class `{cls.name}` scales by a metric of Kubernetes, which AWS does not have",
            deploy.spans.get("replicas", deploy.span),
            hint="scale by `cpu: 70%`, or give a number",
        )
    if deploy.balancer.span is not None:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"the balancer of class `{cls.name}` would not see all of its servers: an answer of "
            "Cloud Map holds eight, and tasks have no names by which balancers find each other",
            deploy.balancer.span,
            hint="leave it out: each call goes to one of the servers, and what comes back goes "
            "to the same one; or give a `load_balancer`",
        )


def _check_size(cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics) -> None:
    if not on_fargate(deploy):
        if deploy.replicas.cpu is not None and (deploy.needs is None or deploy.needs.cpu is None):
            diagnostics.report(
                codes.UNSUPPORTED,
                f"class `{cls.name}` scales by the use of the cpu that it asks for, "
                "and asks for none",
                deploy.span,
                hint="add `resources: {cpu: …}`",
            )
        return
    beyond = beyond_fargate(deploy.needs)
    spans = deploy.needs.spans if deploy.needs is not None else {}
    for key, what in beyond.items():
        diagnostics.report(
            codes.UNSUPPORTED,
            f"class `{cls.name}` asks for {what}",
            spans.get(key, deploy.span),
            hint="name machines of the cluster: `capacity_provider: NAME` beside `image`",
        )
    more = "" if beyond else rounded_up(deploy.needs)
    if more:
        diagnostics.report(
            codes.ROUNDED_UP,
            f"a server of class `{cls.name}` gets {more}: Fargate has fixed sizes",
            deploy.span,
        )


def _check_stop(cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics) -> None:
    said = deploy.spans.get("grace")
    if said is not None and on_fargate(deploy) and deploy.grace > STOP_SECONDS:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"a server of class `{cls.name}` gets {deploy.grace:g} s to end its calls, "
            f"and Fargate gives {STOP_SECONDS} s",
            said,
            hint=f"write `{STOP_SECONDS}s`: calls that take longer are lost, and begun again "
            "elsewhere; or name machines of the cluster: `capacity_provider: NAME`",
        )


def _check_names(
    cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics, secret_name: Pattern[str]
) -> None:
    wrong = []
    for variable, value in deploy.env.items():
        if not _VARIABLE.fullmatch(variable):
            wrong.append(f"`{variable}` is no name of an environment variable")
        elif variable == "PORT":
            wrong.append("`PORT` is set by flowc, to what `port` says")
        elif isinstance(value, dict) and not secret_name.fullmatch(str(value["secret"])):
            wrong.append(f"`{value['secret']}` is no name of a secret on AWS")
    if deploy.service_account is not None and not _ROLE.fullmatch(deploy.service_account):
        wrong.append(f"`{deploy.service_account}` is no name of a role of IAM")
    balancer = deploy.load_balancer
    if balancer is not None and not _TARGET_GROUP.fullmatch(balancer.target_group):
        wrong.append(f"`{balancer.target_group}` is no ARN of a target group")
    for what in wrong:
        diagnostics.report(
            codes.TARGET_NAME, f"class `{cls.name}`: {what}", deploy.span, hint="rename it"
        )


def _note_ignored(cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics) -> None:
    profile = deploy.profile
    ignored = [(deploy.spans[key], key) for key in ("node_selector", "tolerations")
               if key in deploy.spans]  # fmt: skip
    for at, key in ignored:
        diagnostics.report(
            codes.IGNORED_KEY,
            f"`{key}` of class `{cls.name}` is about Kubernetes and ignored here",
            at,
        )
    if profile is None:
        return
    kubernetes = [key for key in ("node_selector", "tolerations") if getattr(profile, key)]
    for key in kubernetes:
        diagnostics.report(
            codes.IGNORED_KEY,
            f"`{key}` of profile `{profile.name}` is about Kubernetes and ignored here",
            profile.span,
        )
    machines = "of Fargate have no type" if on_fargate(deploy) else "are told by their provider"
    chosen = ("gpu_type", "machine_type") if on_fargate(deploy) else ("gpu_type",)
    for key in chosen:
        if getattr(profile, key):
            diagnostics.report(
                codes.IGNORED_KEY,
                f"`{key}` of profile `{profile.name}` is ignored for class `{cls.name}`: "
                f"machines {machines}",
                profile.span,
            )
