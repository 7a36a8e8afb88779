"""Service accounts, each with a role of its own: least privilege, and the reason for each rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.deploy.provider import Permission
from flowc_targets.argo.identity import (
    base_name,
    metadata,
    namespace_in,
    starter_name,
    sweeper_name,
)

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
    accounts = [
        (base_name(compilation), [REPORT_RESULTS]),
        (sweeper_name(compilation), [REPORT_RESULTS, FIND_RUNS]),
    ]
    if len(compilation.family) > 1:
        accounts.append((starter_name(compilation), [REPORT_RESULTS, START_RUNS]))
    return tuple(
        Permission(
            f"ServiceAccount {name}",
            rule.verbs,
            (f"{rule.resource}.{rule.group} in {namespace_in(compilation)}",),
            rule.reason,
        )
        for name, rules in accounts
        for rule in rules
    )
