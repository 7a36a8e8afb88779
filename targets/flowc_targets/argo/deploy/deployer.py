"""The pure side: which objects a flow needs on a cluster, and what its roles may do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import yaml

from flowc.deploy.model import Desired, Observed, Phase, Ref
from flowc_targets.argo.deploy.needed import OF_ONE_RELEASE
from flowc_targets.argo.identity import PLAN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.deploy.model import Address
    from flowc.deploy.provider import Permission, Provider
    from flowc.target import Compilation
    from flowc_targets.argo.deploy.kinds import Document

_PHASES = {"WorkflowTemplate": Phase.SWITCH, "CronWorkflow": Phase.FOLLOW}


class ArgoDeployer:
    """What is deployed to a cluster: the documents of ``flowc build``, and nothing else."""

    def desired(self, compilation: Compilation) -> tuple[Desired, ...]:
        """Return every object that the flow needs there."""
        from flowc_targets.argo.manifests import documents

        return tuple(
            Desired(
                Ref(document["kind"], document["metadata"]["name"]),
                document,
                _phase(document),
                compilation.plan.digest if _is_of_one_release(document) else "",
            )
            for found in documents(compilation).values()
            for document in found
        )

    def written(self, files: Mapping[str, str]) -> tuple[Observed, ...]:
        """Return the objects in the YAML files that ``flowc build`` wrote once."""
        found = []
        for name in sorted(files):
            if name.endswith((".yaml", ".yml")):
                found += [one for one in yaml.safe_load_all(files[name]) if isinstance(one, dict)]
        return tuple(
            Observed(Ref(one["kind"], one["metadata"]["name"]), one, _plan_of(one)) for one in found
        )

    def permissions(self, compilation: Compilation) -> tuple[Permission, ...]:
        """Return the rules of the roles, with what each is for."""
        from flowc_targets.argo.accounts import permissions

        return permissions(compilation)

    def connect(self, address: Address) -> Provider:
        """Return a connection, by an Argo server if one is named, as Argo's own command does.

        Otherwise by kubeconfig; raises DeployError where there is none.
        """
        from flowc_targets.argo.classes.names import namespace_of
        from flowc_targets.argo.deploy.connection import connect
        from flowc_targets.argo.deploy.provider import ArgoProvider
        from flowc_targets.argo.deploy.server import ServerProvider, connect_server

        namespace = namespace_of(address.stack)
        server = connect_server(os.environ)
        if server is not None:
            return ServerProvider(server, address, namespace)
        connection, _ = connect()
        return ArgoProvider(connection, address, namespace)


def _phase(document: Document) -> Phase:
    """Return when an object is written; a detached flow's template is nobody's switch."""
    found = _PHASES.get(document["kind"], Phase.ADDITIVE)
    return Phase.ADDITIVE if _is_of_one_release(document) else found


def _is_of_one_release(document: Document) -> bool:
    return bool(_plan_of(document)) and document["kind"] in OF_ONE_RELEASE


def _plan_of(document: Document) -> str:
    return str((document["metadata"].get("labels") or {}).get(PLAN, ""))
