"""The Argo gates themselves: good documents pass, and each kind of mistake is caught by name."""

from __future__ import annotations

import copy
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.gates import tools
from tests.gates.argo_crds import FILES, validate_strict
from tests.gates.argo_module import SOURCES, module_directory
from tests.gates.argo_validator import argo_problems, argo_validate

if TYPE_CHECKING:
    from pathlib import Path

GOOD = yaml.safe_load("""
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: orders, labels: {app: orders}}
spec:
  entrypoint: main
  onExit: finish
  serviceAccountName: orders
  arguments:
    parameters:
    - {name: input}
    - {name: lanes, value: "3"}
  templates:
  - name: main
    failFast: false
    dag:
      failFast: false
      tasks:
      - name: load
        template: step
        arguments: {parameters: [{name: unit, value: load}]}
      - name: each
        depends: load.Succeeded || load.Failed
        when: "{{tasks.load.status}} == Succeeded"
        template: step
        arguments: {parameters: [{name: unit, value: "each-{{item}}"}]}
        withSequence: {count: "{{workflow.parameters.lanes}}"}
      - name: join
        depends: (each.Succeeded || each.Skipped) && load
        template: step
        arguments: {parameters: [{name: unit, value: "{{tasks.load.outputs.parameters.verdict}}"}]}
  - name: finish
    container: {image: "shim:1", args: [finish, "{{workflow.status}}", "{{workflow.uid}}"]}
  - name: step
    inputs: {parameters: [{name: unit}]}
    outputs:
      parameters:
      - {name: verdict, valueFrom: {path: /tmp/verdict, default: "{}"}}
    retryStrategy:
      limit: "3"
      retryPolicy: Always
      expression: lastRetry.exitCode != "65"
      backoff: {duration: "2", factor: 2, maxDuration: 10m}
    activeDeadlineSeconds: 3600
    container:
      image: shim:1
      args: ["{{inputs.parameters.unit}}", "{{workflow.parameters.input}}"]
      resources: {requests: {cpu: 500m, memory: 1Gi}}
""")
CRON = yaml.safe_load("""
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: orders-nightly}
spec:
  schedules: ["0 3 * * *"]
  timezone: Europe/Lisbon
  concurrencyPolicy: Forbid
  workflowSpec:
    workflowTemplateRef: {name: orders}
    arguments: {parameters: [{name: input, value: "{}"}]}
""")
RUN = yaml.safe_load("""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: orders-}
spec:
  entrypoint: outer
  arguments: {parameters: [{name: input, value: "{}"}]}
  templates:
  - name: outer
    dag:
      tasks:
      - {name: borrowed, templateRef: {name: orders, template: step},
         arguments: {parameters: [{name: unit, value: x}]}}
""")
FOREIGN = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "sdk"}}
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plan"}}


def write(folder: Path, name: str, *documents: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text("---\n".join(yaml.safe_dump(document) for document in documents))
    return path


def task(document: dict[str, Any], name: str) -> dict[str, Any]:
    tasks = document["spec"]["templates"][0]["dag"]["tasks"]
    return next(found for found in tasks if found["name"] == name)


def leaf(document: dict[str, Any]) -> dict[str, Any]:
    return document["spec"]["templates"][2]


def test_good_documents_pass_across_files_and_other_kinds_are_listed(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", RUN, CONFIG_MAP, FOREIGN)
    second = write(tmp_path, "b.yaml", GOOD, CRON)
    findings = argo_validate([first, second])
    assert [(f.file, f.index, f.kind, f.name, f.ok, f.skipped) for f in findings] == [
        (first, 0, "Workflow", "orders-", True, False),
        (first, 1, "ConfigMap", "plan", True, False),
        (first, 2, "ScaledObject", "sdk", True, True),
        (second, 0, "WorkflowTemplate", "orders", True, False),
        (second, 1, "CronWorkflow", "orders-nightly", True, False),
    ]
    assert argo_problems([]) == []


@pytest.mark.parametrize("document", [GOOD, CRON, RUN], ids=lambda d: d["kind"])
def test_good_documents_pass_the_strict_crds(document: dict[str, Any]) -> None:
    assert validate_strict(document) == []


def test_upstream_examples_pass_the_strict_crds() -> None:
    wrong = {"fun-with-gifs.yaml", "k8s-jobs.yaml"}  # neither has a name
    refused = set()
    count = 0
    for path in sorted(module_directory().glob("examples/**/*.yaml")):
        for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
            if document and document.get("kind") in FILES:
                count += 1
                if validate_strict(document):
                    refused.add(path.name)
    assert refused == wrong
    assert count > 200


def undefined_template(d: dict[str, Any]) -> None:
    task(d, "load")["template"] = "stepp"


def undefined_dependency(d: dict[str, Any]) -> None:
    task(d, "join")["depends"] = "loadd"


def cycle(d: dict[str, Any]) -> None:
    task(d, "load")["depends"] = "join"


def malformed_depends(d: dict[str, Any]) -> None:
    task(d, "join")["depends"] = "load &&"


def missing_argument(d: dict[str, Any]) -> None:
    del task(d, "load")["arguments"]


def malformed_when(d: dict[str, Any]) -> None:
    task(d, "each")["when"] = "{{tasks.load.status}} = = Succeeded"


def malformed_expression(d: dict[str, Any]) -> None:
    leaf(d)["retryStrategy"]["expression"] = "lastRetry.exitCode !="


def malformed_expression_tag(d: dict[str, Any]) -> None:
    leaf(d)["container"]["args"] = ['{{=inputs.parameters.unit + "}}']


def task_named_like_an_operator(d: dict[str, Any]) -> None:
    task(d, "load")["name"] = "in"
    task(d, "each").update(depends="in.Succeeded || in.Failed", when="true")
    task(d, "join")["depends"] = "each"
    task(d, "join")["arguments"] = {"parameters": [{"name": "unit", "value": "x"}]}


def output_of_no_ancestor(d: dict[str, Any]) -> None:
    del task(d, "each")["depends"], task(d, "each")["when"]
    task(d, "join")["depends"] = "each"


def status_of_no_ancestor(d: dict[str, Any]) -> None:
    task(d, "load")["when"] = "{{tasks.join.status}} == Succeeded"


def undefined_output(d: dict[str, Any]) -> None:
    value = task(d, "join")["arguments"]["parameters"][0]
    value["value"] = "{{tasks.load.outputs.parameters.nope}}"


def undefined_workflow_parameter(d: dict[str, Any]) -> None:
    leaf(d)["container"]["args"] = ["{{workflow.parameters.nope}}"]


def two_loops(d: dict[str, Any]) -> None:
    task(d, "each")["withItems"] = [1, 2]


def undefined_exit_handler(d: dict[str, Any]) -> None:
    d["spec"]["onExit"] = "nope"


def dag_with_deadline(d: dict[str, Any]) -> None:
    d["spec"]["templates"][0]["activeDeadlineSeconds"] = 10


def any_succeeded_of_one(d: dict[str, Any]) -> None:
    task(d, "join")["depends"] = "load.AnySucceeded"


def continue_on_with_depends(d: dict[str, Any]) -> None:
    task(d, "load")["continueOn"] = {"failed": True}


def output_without_source(d: dict[str, Any]) -> None:
    leaf(d)["outputs"]["parameters"][0]["valueFrom"] = {"default": "{}"}


def digit_first(d: dict[str, Any]) -> None:
    d["spec"]["templates"][0]["dag"]["tasks"].append({"name": "1st", "template": "finish"})


def long_name(d: dict[str, Any]) -> None:
    d["metadata"]["name"] = "o" * 64


def misspelt_field(d: dict[str, Any]) -> None:
    leaf(d)["activeDeadlineSecond"] = 3


def duplicate_template(d: dict[str, Any]) -> None:
    leaf(d)["name"] = "finish"


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (undefined_template, "template name 'stepp' undefined"),
        (undefined_dependency, "invalid dependency loadd"),
        (cycle, "graph with cycle"),
        (malformed_depends, "dag.tasks.join.depends: unexpected token EOF"),
        (malformed_when, "dag.tasks.each.when: "),
        (malformed_expression, "retryStrategy.expression: unexpected token EOF"),
        (malformed_expression_tag, "literal not terminated"),
        (task_named_like_an_operator, "dag.tasks.each.depends: unexpected token Operator"),
        (missing_argument, "inputs.parameters.unit was not supplied"),
        (output_of_no_ancestor, "missing dependency 'load'"),
        (status_of_no_ancestor, "failed to resolve {{tasks.join.status}}"),
        (undefined_output, "failed to resolve {{tasks.load.outputs.parameters.nope}}"),
        (undefined_workflow_parameter, "failed to resolve {{workflow.parameters.nope}}"),
        (two_loops, "only one of withItems, withParam, withSequence"),
        (undefined_exit_handler, "'nope' undefined"),
        (dag_with_deadline, "activeDeadlineSeconds"),
        (any_succeeded_of_one, "does not contain any items"),
        (continue_on_with_depends, "cannot use 'continueOn' when using 'depends'"),
        (output_without_source, "valueFrom type unspecified"),
        (digit_first, "cannot begin with a digit"),
        (long_name, "must not be more than 63 characters"),
        (misspelt_field, 'unknown field "spec.templates[2].activeDeadlineSecond"'),
        (duplicate_template, "name 'finish' is not unique"),
    ],
    ids=lambda part: part.__name__ if callable(part) else "",
)
def test_argo_refuses(tmp_path: Path, spoil: Any, part: str) -> None:
    document = copy.deepcopy(GOOD)
    spoil(document)
    (problem,) = argo_problems([write(tmp_path, "x.yaml", document)])
    assert part in problem


@pytest.mark.parametrize(
    ("kind", "change", "part"),
    [
        ("CronWorkflow", {"schedules": ["every day"]}, "malformed"),
        ("CronWorkflow", {"schedules": []}, "at least one schedule"),
        ("CronWorkflow", {"timezone": "Mars/Base"}, "invalid timezone"),
        ("Workflow", {"entrypoint": "nope"}, "'nope' undefined"),
        ("Workflow", {"workflowTemplateRef": {"name": "absent"}}, "Templates is invalid field"),
    ],
)
def test_argo_refuses_schedules_and_runs(
    tmp_path: Path, kind: str, change: dict[str, Any], part: str
) -> None:
    document = copy.deepcopy(CRON if kind == "CronWorkflow" else RUN)
    document["spec"].update(change)
    (problem,) = argo_problems([write(tmp_path, "x.yaml", document, GOOD)])
    assert part in problem


def test_argo_refuses_unknown_references_and_duplicates(tmp_path: Path) -> None:
    (problem,) = argo_problems([write(tmp_path, "x.yaml", CRON)])
    assert 'no WorkflowTemplate "orders" among the given files' in problem
    (problem,) = argo_problems([write(tmp_path, "y.yaml", GOOD, GOOD)])
    assert "given twice" in problem


def test_what_the_validator_cannot_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"absent\.yaml"):
        argo_validate([tmp_path / "absent.yaml"])
    broken = tmp_path / "broken.yaml"
    broken.write_text("kind: Workflow\nkind: Workflow\n")
    (problem,) = argo_problems([broken])
    assert "already set in map" in problem


def deployment(**changes: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "sdk", "image": "sdk:1"}], **changes.pop("pod", {})}
    spec = {
        "selector": {"matchLabels": {"app": "sdk"}},
        "template": {"metadata": {"labels": {"app": "sdk"}}, "spec": pod},
        **changes,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "sdk"},
        "spec": spec,
    }


SDK = {"name": "sdk", "image": "sdk:1"}


def small(version: str, kind: str, name: str = "x", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


RBAC = "rbac.authorization.k8s.io/v1"
RULE = {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get"]}
ROLE_REF = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}
ACCOUNT = {"kind": "ServiceAccount", "name": "x", "namespace": "flows"}


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (small("v1", "ConfigMap", binaryData={"plan": "AAAA"}), None),
        (small("v1", "ServiceAccount"), None),
        (small("v1", "Service", spec={"clusterIP": "None", "ports": [{"port": 80}]}), None),
        (small(RBAC, "Role", rules=[RULE]), None),
        (small(RBAC, "RoleBinding", roleRef=ROLE_REF, subjects=[ACCOUNT]), None),
        (deployment(replicas=2), None),
        (small("v1", "PodTemplate", template={"spec": {"containers": [SDK]}}), None),
        (small("v1", "PodTemplate", template={"spec": {"containers": []}}), "no containers"),
        (small("v1", "PodTemplate", template={"spec": {"container": []}}), "unknown field"),
        (small("v1", "ConfigMap", dat={}), 'unknown field "dat"'),
        (small("v1", "ConfigMap", data={"n": 1}), "cannot unmarshal number"),
        (small("v1", "ConfigMap", data={"n": "x" * 1_100_000}), "more than 1048576"),
        (small("v1", "ConfigMap", name="Plan_1"), "RFC 1123"),
        (small("v1", "Service", name="1st", spec={"ports": [{"port": 80}]}), "DNS-1035"),
        (small("v1", "Service", spec={"ports": [{"port": 1}, {"port": 2}]}), "need names"),
        (small(RBAC, "Role", rules=[{"verbs": ["get"]}]), "needs verbs, apiGroups and resources"),
        (small(RBAC, "RoleBinding", roleRef={"kind": "Role", "name": "x"}), "roleRef needs"),
        (deployment(replica=2), 'unknown field "spec.replica"'),
        (deployment(selector={"matchLabels": {"app": "other"}}), "does not match"),
        (deployment(pod={"containers": [{"name": "sdk"}]}), "has no image"),
        (
            deployment(
                pod={
                    "containers": [
                        {
                            "name": "sdk",
                            "image": "sdk:1",
                            "volumeMounts": [{"name": "plan", "mountPath": "/plan"}],
                        }
                    ]
                }
            ),
            "which is no volume",
        ),
    ],
    ids=lambda part: part["kind"] if isinstance(part, dict) else "",
)
def test_kinds_of_kubernetes_itself(
    tmp_path: Path, document: dict[str, Any], part: str | None
) -> None:
    (finding,) = argo_validate([write(tmp_path, "x.yaml", document)])
    assert finding.skipped is False
    assert finding.ok is (part is None), finding
    assert part is None or part in finding.error


def test_upstream_examples_pass_argo() -> None:
    paths = sorted(module_directory().glob("examples/**/*.yaml"))
    refused = {finding.file.name for finding in argo_validate(paths) if not finding.ok}
    assert refused == {
        "event-consumer-workflowtemplate.yaml",  # its parameter comes with the event
        "k8s-patch-json-workflow.yaml",  # has a key twice
        "templates.yaml",  # its entrypoint needs an input that has no value
    }


def unknown_top(d: dict[str, Any]) -> None:
    d["status"] = {}


def bad_enum(d: dict[str, Any]) -> None:
    leaf(d)["container"]["imagePullPolicy"] = "Sometimes"
    leaf(d)["container"]["ports"] = [{"containerPort": "80"}]


def bad_quantity(d: dict[str, Any]) -> None:
    leaf(d)["container"]["resources"]["requests"]["memory"] = "1Gigabyte"


def depends_and_dependencies(d: dict[str, Any]) -> None:
    task(d, "join")["dependencies"] = ["load"]


def two_types(d: dict[str, Any]) -> None:
    leaf(d)["suspend"] = {}


def duplicate_mount(d: dict[str, Any]) -> None:
    mount = {"name": "plan", "mountPath": "/plan"}
    leaf(d)["container"]["volumeMounts"] = [mount, {**mount, "name": "other"}]


def bad_name(d: dict[str, Any]) -> None:
    d["metadata"]["name"] = "Orders_1"


def bad_label(d: dict[str, Any]) -> None:
    d["metadata"]["labels"]["flow"] = "with spaces"


def number_for_text(d: dict[str, Any]) -> None:
    leaf(d)["container"]["args"] = [1]


@pytest.mark.parametrize(
    ("spoil", "where", "part"),
    [
        (misspelt_field, "spec.templates.2", "activeDeadlineSecond"),
        (unknown_top, "(root)", "status"),
        (bad_enum, "spec.templates.2.container.ports.0.containerPort", "integer"),
        (bad_quantity, "spec.templates.2.container.resources.requests.memory", "1Gigabyte"),
        (depends_and_dependencies, "spec.templates.0.dag.tasks.2", "dependencies"),
        (two_types, "spec.templates", "template"),
        (duplicate_mount, "spec.templates.2.container.volumeMounts", "same mountPath"),
        (bad_name, "metadata.name", "does not match"),
        (bad_label, "metadata.labels.flow", "does not match"),
        (number_for_text, "spec.templates.2.container.args.0", "string"),
    ],
    ids=lambda part: part.__name__ if callable(part) else "",
)
def test_strict_crd_refuses(spoil: Any, where: str, part: str) -> None:
    document = copy.deepcopy(GOOD)
    spoil(document)
    problems = validate_strict(document)
    assert any(p.startswith(f"{where}: ") and part in p for p in problems), problems


def test_a_kind_of_argo_without_crd_is_named() -> None:
    assert "'Workflw' has no CRD here" in validate_strict({**GOOD, "kind": "Workflw"})[0]
    assert "None has no CRD here" in validate_strict({})[0]
    assert validate_strict(CONFIG_MAP) == []


def test_without_go_the_gate_skips_but_never_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="this gate needs 'go' on PATH: install Go"):
        tools.required_tool("go", "install Go")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="this gate needs 'go'"):
        tools.required_tool("go", "install Go")


def test_the_go_program_is_formatted() -> None:
    gofmt = tools.required_tool("gofmt", "comes with Go")
    listing = subprocess.run([gofmt, "-l", SOURCES], capture_output=True, text=True, check=True)
    assert listing.stdout == ""
