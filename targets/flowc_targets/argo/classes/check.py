"""What of a class that comes up on a cluster would not work there, refused at its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, codes
from flowc_targets.argo.check_profile import check_profile
from flowc_targets.argo.classes.names import deployed_classes

if TYPE_CHECKING:
    from flowc.source.stack_model import ComponentClass, Deploy
    from flowc.target import Compilation

_ENVIRONMENT_NAME = re.compile(r"[-._A-Za-z][-._A-Za-z0-9]*")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def check_deployed(compilation: Compilation, diagnostics: Diagnostics) -> None:
    """Report what an apply would refuse, and what would never scale."""
    for cls, _ in deployed_classes(compilation):
        assert cls.deploy is not None
        _check_scaling(cls, cls.deploy, diagnostics)
        _check_nodes(cls, cls.deploy, diagnostics)
        _check_names(cls, cls.deploy, diagnostics)
        for key in ("capacity_provider", "load_balancer"):
            if key in cls.deploy.spans:
                diagnostics.report(
                    codes.IGNORED_KEY,
                    f"`{key}` of class `{cls.name}` is about AWS and ignored here",
                    cls.deploy.spans[key],
                )


def _check_scaling(cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics) -> None:
    has_cpu = deploy.needs is not None and deploy.needs.cpu is not None
    if deploy.replicas.cpu is not None and not has_cpu:
        diagnostics.report(
            codes.UNSUPPORTED,
            f"class `{cls.name}` scales by the use of the cpu that it asks for, and asks for none",
            deploy.span,
            hint="add `resources: {cpu: …}`",
        )


def _check_nodes(cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics) -> None:
    if deploy.profile is not None:
        elsewhere = bool(deploy.node_selector or deploy.tolerations)
        used_by = (cls.span, "used by this class")
        check_profile(deploy.profile, used_by, diagnostics, placed_elsewhere=elsewhere)


def _check_names(cls: ComponentClass, deploy: Deploy, diagnostics: Diagnostics) -> None:
    for variable, value in deploy.env.items():
        if not _ENVIRONMENT_NAME.fullmatch(variable):
            what = f"`{variable}` is no name of an environment variable"
        elif isinstance(value, dict) and not _OBJECT_NAME.fullmatch(str(value["secret"])):
            what = f"`{value['secret']}` is no name of a Kubernetes Secret"
        elif variable == "PORT":
            what = "`PORT` is set by flowc, to what `port` says"
        else:
            continue
        diagnostics.report(
            codes.TARGET_NAME, f"class `{cls.name}`: {what}", deploy.span, hint="rename it"
        )
    account = deploy.service_account
    if account is not None and not _OBJECT_NAME.fullmatch(account):
        diagnostics.report(
            codes.TARGET_NAME,
            f"`{account}` is no name of a Kubernetes ServiceAccount",
            deploy.span,
            hint="lower-case letters, digits, hyphens and dots",
        )
