"""Service accounts, each with a role of its own: least privilege, and the reason for each rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.deploy.provider import Permission
from flowc_shim.engines.job_sets import GROUP as GROUP_OF_JOB_SET
from flowc_targets.argo.identity import (
    base_name,
    metadata,
    namespace_in,
    places_name,
    programs_name,
    starter_name,
    sweeper_name,
)
from flowc_targets.argo.places import has_places
from flowc_targets.argo.programs import has_programs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.target import Compilation
    from flowc_targets.argo.identity import Document

GROUP = "rbac.authorization.k8s.io"
ARGO = "argoproj.io"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a role, and what it is for."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    reason: str

    @property
    def named(self) -> str:
        """Return the resource with its group, if it is none of the core's."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def document(self) -> Document:
        """Return the rule as a Role has it."""
        return {"apiGroups": [self.group], "resources": [self.resource], "verbs": [*self.verbs]}


REPORT_RESULTS = Rule(
    ARGO, "workflowtaskresults", ("create", "patch"),
    "Argo's executor reports what a pod has put out",
)  # fmt: skip
FIND_RUNS = Rule(
    ARGO, "workflows", ("get", "list"),
    "the sweeper asks whether a run that has no end in the store goes on",
)  # fmt: skip
START_RUNS = Rule(
    ARGO, "workflows", ("create",),
    "steps start runs of detached flows; their pods run no component",
)  # fmt: skip


MAKE_PODS = Rule(
    "", "pods", ("create", "delete", "get"),
    "steps of `container` classes run in pods of their own, which their unit makes and ends",
)  # fmt: skip
READ_TEMPLATES = Rule(
    "", "podtemplates", ("get",), "what such a pod is, as it was deployed"
)  # fmt: skip
READ_LOGS = Rule(
    "", "pods/log", ("get",), "what its program prints becomes the log of the step"
)  # fmt: skip
RUN_PROGRAMS = (MAKE_PODS, READ_TEMPLATES, READ_LOGS)


MAKE_JOB_SETS = Rule(
    GROUP_OF_JOB_SET, "jobsets", ("create", "delete", "get"),
    "steps in several places have them started together by JobSet",
)  # fmt: skip
FIND_PODS = Rule(
    "", "pods", ("list",), "which pods these are"
)  # fmt: skip
HAVE_PLACES = (MAKE_JOB_SETS, READ_TEMPLATES, FIND_PODS, READ_LOGS)


def accounts_of_pods(compilation: Compilation) -> list[tuple[str, tuple[Rule, ...]]]:
    """Return the accounts of the pods of units, and what each may do."""
    found: list[tuple[str, tuple[Rule, ...]]] = [(base_name(compilation), (REPORT_RESULTS,))]
    if len(compilation.family) > 1:
        found.append((starter_name(compilation), (REPORT_RESULTS, START_RUNS)))
    if has_programs(compilation):
        found.append((programs_name(compilation), (REPORT_RESULTS, *RUN_PROGRAMS)))
    if has_places(compilation):
        found.append((places_name(compilation), (REPORT_RESULTS, *HAVE_PLACES)))
    return found


def account(compilation: Compilation, name: str, rules: Sequence[Rule]) -> list[Document]:
    """Return a service account, and the role that it has."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace_in(compilation)}
    about = metadata(compilation, name)
    documents = [rule.document() for rule in rules]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": about, "rules": documents},
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "RoleBinding",
            "metadata": about,
            "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name},
            "subjects": [subject],
        },
    ]


def permissions(compilation: Compilation) -> tuple[Permission, ...]:
    """Return what each service account may do, and what for."""
    pods, *others = accounts_of_pods(compilation)
    sweeping = sweeper_name(compilation), (REPORT_RESULTS, FIND_RUNS)
    return tuple(
        Permission(
            f"ServiceAccount {name}",
            rule.verbs,
            (f"{rule.named} in {namespace_in(compilation)}",),
            rule.reason,
        )
        for name, rules in (pods, sweeping, *others)
        for rule in rules
    )
