"""Detached flows on Argo: templates of a release, and what keeps them there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from tests.conformance.engines import compile_case
from tests.conformance.model import Case

from flowc.deploy.model import Phase
from flowc_targets.argo import TARGET
from flowc_targets.argo.deploy.needed import Needed
from flowc_targets.argo.identity import PLAN

if TYPE_CHECKING:
    from flowc.target import Compilation

CHILD = {"name": "child", "steps": [], "output": 1}
GO = {"id": "go", "flow": "child.yaml", "detached": True}


def compiled(output: Any = 0, **more: Any) -> Compilation:
    flow = {"schema": "flowc/v1", "name": "case", "steps": [GO], "output": output, **more}
    case = Case("case", flow, None, "succeeded", None, {}, None, flows={"child.yaml": CHILD})
    return compile_case(case, "argo", "step", store="s3://bucket/state", name="case")


def test_only_the_pod_that_starts_runs_may_do_so() -> None:
    compilation = compiled()
    files = TARGET.emit(compilation)
    spec = yaml.safe_load(files["workflow-template.yaml"])["spec"]
    accounts = {one["name"]: one.get("serviceAccountName") for one in spec["templates"]}
    [start] = [name for name in accounts if "start" in name]
    assert {name: account for name, account in accounts.items() if account} == {
        start: "case-starter"
    }
    roles = {
        one["metadata"]["name"]: [rule["resources"] for rule in one["rules"]]
        for one in yaml.safe_load_all(files["rbac.yaml"])
        if one["kind"] == "Role"
    }
    assert roles["case"] == [["workflowtaskresults"]]
    assert ["workflows"] in roles["case-starter"]
    [template] = [one for one in spec["templates"] if one["name"] == start]
    [how] = [e["value"] for e in template["container"]["env"] if e["name"] == "FLOWC_STARTS"]
    child = yaml.safe_load(files["detached.yaml"])
    assert json.loads(how)["template"] == child["metadata"]["name"]
    assert child["spec"]["serviceAccountName"] == "case"


def test_what_is_of_a_release_is_written_first_and_stays_while_a_run_of_it_goes_on() -> None:
    compilation = compiled()
    desired = TARGET.deployer.desired(compilation)
    switches = [str(one.ref) for one in desired if one.phase is Phase.SWITCH]
    assert switches == ["WorkflowTemplate case"]
    release = compilation.plan.digest[:8]
    needed = Needed.of([{"metadata": {"name": "w", "labels": {PLAN: release}}}])
    of_release = {
        str(one.ref): needed.reason(one.ref.kind, {}, one.body["metadata"]["labels"].get(PLAN, ""))
        for one in desired
        if one.ref.kind in ("ConfigMap", "WorkflowTemplate")
    }
    free = {ref for ref, reason in of_release.items() if not reason}
    assert (free, len(of_release)) == ({"WorkflowTemplate case"}, 4)


def test_each_release_has_its_own() -> None:
    """The same detached flow, in two releases: neither takes away what the other's runs need."""
    one, other = compiled(0), compiled(1)
    assert one.detached["go"].plan.digest == other.detached["go"].plan.digest
    names = [
        {str(d.ref) for d in TARGET.deployer.desired(release) if d.plan} for release in (one, other)
    ]
    assert not names[0] & names[1]
