"""Deploying to a real API server: plans, order, hand edits, interruptions, and taking down."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.deploy.project import NAME

from flowc.deploy.provider import DeployError
from flowc_targets.argo.deploy.connection import MERGE, Answer, Connection
from flowc_targets.argo.deploy.kinds import KINDS, WORKFLOWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.deploy.project import Project, Said

pytestmark = [pytest.mark.argo, pytest.mark.argo_slice]


def deployed(project: Project, *more: str) -> Said:
    said = project.flowc("deploy", "--yes", *more)
    assert said.code == 0, said.err
    return said


def patch(api: Connection, project: Project, kind: str, document: Any, name: str = NAME) -> None:
    path = KINDS[kind].path(project.namespace, name)
    params = {"fieldManager": "somebody"}
    api.write("PATCH", path, document, content=MERGE, params=params)


def changes(said: Said) -> list[tuple[str, str]]:
    [plan] = said.json()
    return [(one["action"], one["kind"]) for one in plan["changes"]]


def test_plan_deploy_plan(project: Project, there: Any) -> None:
    said = project.flowc("plan", "--format", "json")
    assert said.code == 3
    assert {action for action, _ in changes(said)} == {"create"}
    assert there() == {}
    assert deployed(project).out.splitlines()[-1] == f"{NAME} on argo: release 1"
    after = project.flowc("plan", "--format", "json")
    assert (after.code, changes(after)) == (0, [])


def test_deploying_the_same_again_writes_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(project)
    before = project.stored()
    asked: list[str] = []
    original = Connection.ask

    def ask(self: Connection, method: str, path: str, **more: Any) -> Answer:
        asked.append(method)
        # asking what one may do is a POST that writes nothing
        assert method == "GET" or "authorization.k8s.io" in path, f"{method} {path}"
        return original(self, method, path, **more)

    monkeypatch.setattr(Connection, "ask", ask)
    assert "nothing was written" in deployed(project).out
    assert len(asked) > 10
    assert project.stored() == before


def test_a_change_of_a_retry_is_shown_as_just_that(project: Project, there: Any) -> None:
    deployed(project)
    old = there()
    replace(project, retries=5).write()
    said = project.flowc("plan", "--format", "json")
    [plan] = said.json()
    assert [one["path"] for one in plan["flow"]] == ["steps.a.call.retry.platform.max"]
    assert (plan["flow"][0]["before"], plan["flow"][0]["after"]) == (2, 5)
    assert there() == old
    deployed(project)
    assert [key for key in there() if key.startswith("ConfigMap")] != [
        key for key in old if key.startswith("ConfigMap")
    ]
    numbers = [one["number"] for one in project.flowc("releases", "--format", "json").json()]
    assert numbers == [2, 1]


def test_hand_edits_are_shown_with_who_made_them_and_undone(
    project: Project, api: Connection, there: Any
) -> None:
    deployed(project)
    before = there()
    patch(api, project, "CronWorkflow", {"spec": {"timezone": "UTC", "when": "1 == 1"}})
    patch(api, project, "WorkflowTemplate", {"spec": {"priority": 7}})
    role = {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
    patch(api, project, "Role", role)
    said = project.flowc("plan", "--format", "json")
    [plan] = said.json()
    changed = [one for change in plan["changes"] for one in change["fields"]]
    fields = {one["path"]: one.get("edited_by", "") for one in changed}
    assert {"spec.timezone", "spec.when", "spec.priority"} < set(fields)
    assert all(by.startswith("somebody at ") for by in fields.values())
    assert plan["flow"] == []
    assert "was changed by hand" in project.flowc("plan").out
    deployed(project)
    assert there() == before


def test_what_others_may_set_is_left_alone(project: Project, api: Connection, there: Any) -> None:
    """Labels of other tools, a suspended schedule, and what a namespace's owner gives accounts."""
    deployed(project)
    others = {"labels": {"team": "a"}, "annotations": {"tool.example/x": "y"}}
    patch(api, project, "WorkflowTemplate", {"metadata": others})
    patch(api, project, "ServiceAccount", {"imagePullSecrets": [{"name": "registry"}]})
    assert project.flowc("suspend", "prices").code == 0
    assert project.flowc("plan").code == 0
    replace(project, retries=3).write()
    deployed(project)
    assert there()[f"CronWorkflow {NAME}"]["spec"]["suspend"] is True
    assert there()[f"WorkflowTemplate {NAME}"]["metadata"]["labels"]["team"] == "a"
    assert there()[f"ServiceAccount {NAME}"]["imagePullSecrets"] == [{"name": "registry"}]
    assert project.flowc("unsuspend", "prices").code == 0
    assert there()[f"CronWorkflow {NAME}"]["spec"]["suspend"] is False


def test_against_files(project: Project) -> None:
    built = project.folder / "built"
    assert project.flowc("build", "prices", "--target", "argo", "-o", str(built)).code == 0
    assert project.flowc("plan", "--against", str(built)).code == 0
    replace(project, retries=4).write()
    said = project.flowc("plan", "--against", str(built), "--format", "json")
    assert said.code == 3
    assert ("update", "WorkflowTemplate") in changes(said)


def test_a_dry_run_writes_nothing(project: Project, there: Any) -> None:
    said = project.flowc("deploy", "--dry-run")
    assert (said.code, there()) == (0, {})
    assert project.stored() == []


def test_nobody_is_there_to_confirm(project: Project, there: Any) -> None:
    said = project.flowc("deploy")
    assert (said.code, there()) == (2, {})
    assert "--yes" in said.err


def test_undeploy_leaves_the_store_and_purge_nothing(project: Project, there: Any) -> None:
    deployed(project)
    assert project.flowc("undeploy", "--yes").code == 0
    assert there() == {}
    assert project.stored() != []
    listed = project.flowc("releases", "--format", "json").json()
    assert [(one["number"], one["digest"] is None) for one in listed] == [(2, True), (1, False)]
    assert project.flowc("undeploy", "--yes", "--purge").code == 0
    assert project.stored() == []


# Protection


def test_a_protected_environment_needs_its_token(project: Project, there: Any) -> None:
    guarded = ("--env", "guarded")
    said = project.flowc("deploy", "--yes", *guarded)
    assert (said.code, there()) == (1, {})
    assert "FLOWC_DEPLOY_TOKEN is not set" in said.err
    project.environ["FLOWC_DEPLOY_TOKEN"] = "a long token"
    deployed(project, *guarded)
    project.environ["FLOWC_DEPLOY_TOKEN"] = "another token"
    for command in (["deploy", "--yes"], ["undeploy", "--yes"], ["suspend", "prices"]):
        said = project.flowc(*command, *guarded)
        assert (said.code, "is not the token" in said.err) == (1, True), command
    assert project.flowc("plan", *guarded).code == 0
    store = project.store()
    bodies = b"".join(store.read(key) or b"" for key in store.list(""))
    store.close()
    assert b"a long token" not in bodies


# Preflight


def test_preflight_names_what_is_missing_and_the_fix(project: Project, there: Any) -> None:
    replace(project, namespace="not-there").write()
    said = project.flowc("deploy", "--yes")
    assert said.code == 1
    assert "there is no namespace `not-there`" in said.err
    assert "kubectl create namespace not-there" in said.err


def test_preflight_says_which_rights_are_missing(
    project: Project, api: Connection, there: Any
) -> None:
    """As a user of the cluster that may only look."""
    name, namespace = f"viewer-{project.namespace}", project.namespace
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    api.write("POST", KINDS["ServiceAccount"].path(namespace), account)
    kubeconfig = json.loads(json.dumps(as_account(project, api, name)))
    path = project.folder / "viewer"
    path.write_text(json.dumps(kubeconfig))
    project.environ["KUBECONFIG"] = str(path)
    said = project.flowc("deploy", "--yes")
    assert said.code == 1
    assert "you may not get, list, patch, create, delete workflowtemplates" in said.err
    said = project.flowc("plan")
    assert (said.code, "you may not list" in said.err) == (1, True)


def test_asking_without_deploying(project: Project, there: Any) -> None:
    """Its controller is no pod of this cluster, and the units' image is on its node."""
    stored = project.stored()
    said = project.flowc("check", "prices", "--live")
    assert said.code == 0, said.err
    assert f"namespace {project.namespace} of https://" in said.out
    assert "warning: no controller of Argo Workflows is found" in said.err
    assert (there(), project.stored()) == ({}, stored)
    replace(project, stack={"unit_image": "127.0.0.1:9/units:1"}).write()
    said = project.flowc("check", "prices", "--live")
    assert "127.0.0.1:9 does not answer" in said.err
    replace(project, namespace="not-there").write()
    assert project.flowc("check", "prices", "--live").code == 1


def as_account(project: Project, api: Connection, name: str) -> dict[str, Any]:
    given = yaml.safe_load(Path(project.environ["KUBECONFIG"]).read_text())
    path = KINDS["ServiceAccount"].path(project.namespace, name) + "/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api.write("POST", path, request)["status"]["token"]
    return {**given, "users": [{"name": given["users"][0]["name"], "user": {"token": token}}]}


# Runs that need what they run with


def test_an_unfinished_run_keeps_its_plan(project: Project, api: Connection, there: Any) -> None:
    deployed(project)
    [plan] = [key for key in there() if key.startswith("ConfigMap")]
    held = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "held"},
        "spec": {"workflowTemplateRef": {"name": NAME}, "suspend": True},
    }
    api.write("POST", WORKFLOWS.path(project.namespace), held)
    replace(project, retries=6).write()
    deployed(project)
    assert plan in there()
    kept = project.flowc("plan", "--format", "json")
    assert (kept.code, ("keep", "ConfigMap") in changes(kept)) == (0, True)
    said = project.flowc("undeploy", "--yes")
    assert said.code == 0
    assert "run held is not finished" in said.err
    assert {key.partition(" ")[0] for key in there()} >= {"ConfigMap", "ServiceAccount", "Role"}
    assert f"WorkflowTemplate {NAME}" not in there()
    refused = project.flowc("undeploy", "--yes", "--purge")
    assert (refused.code, "not finished" in refused.err) == (1, True)
    api.ask("DELETE", WORKFLOWS.path(project.namespace, "held"))
    assert project.flowc("undeploy", "--yes").code == 0
    assert there() == {}


def test_objects_of_another_deployment_are_not_taken(
    project: Project, api: Connection, there: Any
) -> None:
    deployed(project)
    patch(api, project, "Role", {"metadata": {"labels": {"app.kubernetes.io/name": "another"}}})
    before = there()
    said = project.flowc("deploy", "--yes")
    assert (said.code, there()) == (1, before)
    assert "belongs to the deployment `another`" in said.err


# Failures and interruptions at every call


class Ended(Exception):
    """Stands for whatever ends a process between two calls."""


def at_call(number: int, then: Callable[[], None], *, after: bool) -> pytest.MonkeyPatch:
    """Let ``then`` happen before, or after, the call of this number to API server or store."""
    from flowc_shim.stores.sqlite import SqliteStore

    made = pytest.MonkeyPatch()
    count = [0]

    def counted(function: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            count[0] += 1
            mine = count[0] == number
            if mine and not after:
                then()
            answer = function(*arguments, **more)
            if mine and after:
                then()
            return answer

        return call

    made.setattr(Connection, "ask", counted(Connection.ask))
    for name in ("create", "read", "read_many", "list", "delete_run"):
        made.setattr(SqliteStore, name, counted(getattr(SqliteStore, name)))
    made.count = count
    return made


def calls_of(project: Project, *command: str) -> int:
    watched = at_call(0, lambda: None, after=False)
    try:
        assert project.flowc(*command).code == 0
    finally:
        watched.undo()
    return int(watched.count[0])


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at(project: Project, number: int, *, after: bool, command: tuple[str, ...]) -> bool:
    """Run a command in a process that dies at a call; return whether it came that far."""
    child = os.fork()
    if child == 0:
        at_call(number, kill, after=after)
        os._exit(project.flowc(*command).code)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def release_numbers(project: Project) -> list[int]:
    return [one["number"] for one in project.flowc("releases", "--format", "json").json()]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_deploy_that_is_killed_at_any_call_converges(
    project: Project, there: Any, after: bool
) -> None:
    """Killed at a call, then run again: the state is that of one that was not killed."""
    command = ("deploy", "--yes")
    total = calls_of(project, *command)
    expected, keys = there(), sorted(key for key in project.stored() if "probe" not in key)
    step = 1 if os.environ.get("FLOWC_EVERY_CALL") else 5
    for number in range(1 + int(after), total + 1, step):
        assert project.flowc("undeploy", "--yes").code == 0
        assert project.flowc("undeploy", "--yes", "--purge").code == 0
        assert killed_at(project, number, after=after, command=command), number
        deployed(project)
        assert there() == expected, number
        found = sorted(key for key in project.stored() if "probe" not in key)
        assert found == keys, number
        assert release_numbers(project) == [1], number


class Injected:
    """One write to the API server that goes wrong: refused, or its answer lost."""

    def __init__(self, number: int, answer: int | str) -> None:
        self.left = number
        self.answer = answer
        self.original = Connection.ask

    def ask(self, connection: Connection, method: str, path: str, **more: Any) -> Answer:
        if method == "GET" or "authorization" in path:
            return self.original(connection, method, path, **more)
        self.left -= 1
        if self.left != 0:
            return self.original(connection, method, path, **more)
        if self.answer == "late":
            self.original(connection, method, path, **more)
        if isinstance(self.answer, str):
            raise DeployError("the Kubernetes API does not answer", "")
        return Answer(self.answer, {"message": "injected"})

    def deploy(self, project: Project) -> Said:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Connection, "ask", lambda *some, **more: self.ask(*some, **more))
            return project.flowc("deploy", "--yes")


@pytest.mark.parametrize("answer", [403, 409, 422, 500, "lost", "late"])
def test_a_write_that_fails_is_said_and_the_next_deploy_converges(
    project: Project, there: Any, answer: int | str
) -> None:
    """Each write in turn; what fails before the switch leaves the old release running."""
    deployed(project)
    for number in range(1, 40):
        template = there()[f"WorkflowTemplate {NAME}"]
        replace(project, retries=10 + number).write()
        said = Injected(number, answer).deploy(project)
        if said.code == 0:
            break
        assert "error: " in said.err
        assert "Traceback" not in said.err
        if number == 1:  # the new plan
            assert there()[f"WorkflowTemplate {NAME}"] == template
        deployed(project)
        assert project.flowc("plan").code == 0
    assert number > 3


def test_two_namespaces_do_not_share_the_records_of_a_name(
    project: Project, api: Connection
) -> None:
    deployed(project)
    name = f"{project.namespace}-b"
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.write("POST", "/api/v1/namespaces", document)
    try:
        replace(project, namespace=name).write()
        for command in (
            ["plan"], ["deploy", "--yes"], ["undeploy", "--yes", "--purge"], ["runs"],
            ["trigger", "prices", "--input", '{"name": "a"}'],
        ):  # fmt: skip
            said = project.flowc(*command)
            assert said.code == 1, command
            assert f"are of namespace {project.namespace}, cluster " in said.err
        replace(project).write()
        assert project.flowc("undeploy", "--yes").code == 0
        replace(project, namespace=name).write()
        deployed(project)
        assert project.flowc("undeploy", "--yes").code == 0
    finally:
        api.ask("DELETE", f"/api/v1/namespaces/{name}")


def test_two_deploys_at_a_time_see_each_other(
    project: Project, there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that began first finds, before its switch, that another one began."""
    from flowc.cli.deploying import applying, release_store

    deployed(project)
    replace(project, retries=7).write()
    original = applying.begin

    def begin(store: Any, deployment: str, *rest: str) -> Any:
        made = original(store, deployment, *rest)
        release_store.begin(store, deployment, "another", "plan", "")
        return made

    monkeypatch.setattr(applying, "begin", begin)
    before = there()[f"WorkflowTemplate {NAME}"]
    said = project.flowc("deploy", "--yes")
    assert (said.code, "somebody else began" in said.err) == (1, True)
    assert there()[f"WorkflowTemplate {NAME}"] == before


def test_servers_that_flows_share_go_with_the_last_flow(project: Project, there: Any) -> None:
    flow = (
        "schema: flowc/v1\nname: NAME\nsteps: [{id: a, component: /srv/x, input: {}}]\n"
        "output: {$step: a}\n"
    )
    for name in ("one", "two"):
        (project.folder / f"{name}.yaml").write_text(flow.replace("NAME", name))
    stack = yaml.safe_load((project.folder / "stack.yaml").read_text())
    cluster = stack["stacks"]["cluster"]
    cluster["plugins"] = {"servers": {"type": "stepflow", "deploy": {"image": "servers:1"}}}
    cluster["routes"] = {"/srv/{*component}": [{"plugin": "servers"}]}
    (project.folder / "stack.yaml").write_text(yaml.safe_dump(stack))
    (project.folder / "flowc.yaml").write_text(
        "project: shop\nflows: {one: {file: one.yaml}, two: {file: two.yaml}}\n"
        "environments: {production: {stack: cluster}}\ndefault_environment: production\n"
    )
    deployed(project)
    assert project.flowc("plan").code == 0
    servers = [key for key in there() if key.startswith("Deployment")]
    assert servers != []
    assert project.flowc("undeploy", "one", "--yes").code == 0
    assert set(servers) <= set(there())
    assert project.flowc("plan", "two").code == 0
    assert project.flowc("undeploy", "two", "--yes").code == 0
    assert there() == {}
