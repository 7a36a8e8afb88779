"""Before the first write: is everything there, and may it be written?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import Problem
from flowc_shim.engines.job_sets import GROUP as JOB_SET
from flowc_targets.argo.deploy.controller import controller
from flowc_targets.argo.deploy.images import images
from flowc_targets.argo.deploy.kinds import ARGO, KINDS, SECRETS, KindFacts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc.deploy.model import Desired
    from flowc_targets.argo.deploy.connection import Connection

VERBS = ("get", "list", "patch", "create", "delete")
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def preflight(
    connection: Connection, namespace: str, desired: Sequence[Desired]
) -> tuple[Problem, ...]:
    """Return every problem that reading can find."""
    found = list(_namespace(connection, namespace)) + list(_argo(connection))
    if found:
        return tuple(found)  # the rest would only say it again
    return (
        *_access(connection, namespace, desired),
        *_secrets(connection, namespace, desired),
        *_job_sets(connection, desired),
        *images(connection, desired),
        *controller(connection, namespace),
    )


def _namespace(connection: Connection, namespace: str) -> Iterator[Problem]:
    answer = connection.ask("GET", f"/api/v1/namespaces/{namespace}")
    if answer.status == 404:
        yield Problem(
            f"there is no namespace `{namespace}` at {connection.server}",
            f"`kubectl create namespace {namespace}`, or another `namespace` in the stack",
        )
    elif answer.status not in (200, 403):  # who may not look may still be allowed to write
        connection.expect(answer, f"read namespace {namespace}")


def _argo(connection: Connection) -> Iterator[Problem]:
    answer = connection.ask("GET", f"/apis/{ARGO}")
    if answer.status == 404:
        yield Problem(
            f"{connection.server} knows no Argo Workflows ({ARGO})",
            "install Argo Workflows 3.6 or later, its CRDs included",
        )
        return
    served = {one["name"] for one in connection.expect(answer, f"read {ARGO}").get("resources", [])}
    for plural in ("workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"):
        if plural not in served:
            yield Problem(
                f"{connection.server} has no `{plural}` of Argo Workflows",
                "apply the CRDs of the Argo release that runs there",
            )


def _job_sets(connection: Connection, desired: Sequence[Desired]) -> Iterator[Problem]:
    """Report a flow with a role for JobSets on a cluster that has none."""
    rules = [rule for one in desired for rule in dict(one.body).get("rules") or ()]
    if not any(JOB_SET in rule.get("apiGroups", ()) for rule in rules):
        return
    answer = connection.ask("GET", f"/apis/{JOB_SET}")
    if answer.status == 404:
        yield Problem(
            f"{connection.server} has no JobSet ({JOB_SET}), which steps with `locations` need",
            "install JobSet 0.5 or later (https://jobset.sigs.k8s.io), or take `job_set` away",
        )
    else:
        connection.expect(answer, f"read {JOB_SET}")


def _access(
    connection: Connection, namespace: str, desired: Sequence[Desired]
) -> Iterator[Problem]:
    kinds = {one.ref.kind for one in desired} | {k for k, facts in KINDS.items() if facts.always}
    rules = _rules(connection, namespace)
    for kind in sorted(kinds):
        refused = [
            verb
            for verb in VERBS
            if not _allows(rules, KINDS[kind], verb)
            and not _may(connection, namespace, KINDS[kind], verb)
        ]
        if refused:
            yield Problem(
                f"you may not {', '.join(refused)} {KINDS[kind].plural} in `{namespace}`",
                "ask for a role in the namespace with these verbs, or use another context",
            )


def _rules(connection: Connection, namespace: str) -> list[Any]:
    """Return the rules that this user has there, which may be less than all it may do."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    answer = connection.write("POST", path, review)
    return list((answer.get("status") or {}).get("resourceRules") or [])


def _allows(rules: list[Any], facts: KindFacts, verb: str) -> bool:
    return any(
        _named(rule.get("apiGroups"), facts.group)
        and _named(rule.get("resources"), facts.plural)
        and _named(rule.get("verbs"), verb)
        and not rule.get("resourceNames")
        for rule in rules
    )


def _named(words: list[str] | None, word: str) -> bool:
    return "*" in (words or ()) or word in (words or ())


def _may(connection: Connection, namespace: str, facts: KindFacts, verb: str) -> bool:
    """Ask for one right: the list of rules is cut short where others than RBAC decide."""
    attributes = {
        "namespace": namespace, "verb": verb, "group": facts.group, "resource": facts.plural
    }  # fmt: skip
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = connection.write("POST", _REVIEW, review)
    return bool((answer.get("status") or {}).get("allowed"))


def _secrets(
    connection: Connection, namespace: str, desired: Sequence[Desired]
) -> Iterator[Problem]:
    wanted: dict[str, set[str]] = {}
    for one in desired:
        for name, key in _secret_keys(dict(one.body)):
            wanted.setdefault(name, set()).add(key)
    for name, keys in sorted(wanted.items()):
        answer = connection.ask("GET", SECRETS.path(namespace, name))
        if answer.status == 404:
            made = " ".join(f"--from-literal={key}=…" for key in sorted(keys))
            yield Problem(
                f"there is no Secret `{name}` in `{namespace}`",
                f"kubectl -n {namespace} create secret generic {name} {made}",
            )
        elif answer.status == 200:
            missing = keys - set(answer.body.get("data") or {})
            if missing:
                yield Problem(
                    f"Secret `{name}` in `{namespace}` has no key `{min(missing)}`",
                    f"add it: flowc reads the key `{min(missing)}` of each of its Secrets",
                )


def _secret_keys(node: Any) -> Iterator[tuple[str, str]]:
    """Yield name and key of every Secret that a document refers to and cannot do without."""
    if isinstance(node, dict):
        reference = node.get("secretKeyRef")
        if isinstance(reference, dict) and not reference.get("optional"):
            yield reference["name"], reference["key"]
        for value in node.values():
            yield from _secret_keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from _secret_keys(value)
