from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

FLOW = "schema: flowc/v1\nname: My Flow\nsteps: [{id: a, component: /noop}]\noutput: {$step: a}\n"
STACK = """\
state_store: "s3://bucket/state"
plugins: {b: {type: builtin}}
routes: {"/{component}": [{plugin: b}]}
"""


def test_files_are_written_and_listed(flowc, write, folder: Path):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    for target in ("argo", "step-functions"):
        ran = flowc("build", "flow.yaml", "--target", target)
        assert ran.code == 0, ran.err
        listed = [folder / line for line in ran.out.splitlines()]
        assert listed and all(path.is_file() for path in listed)
        assert all(path.is_relative_to(folder / "build/my-flow" / target) for path in listed)


def test_a_cloudformation_template(flowc, write, folder: Path):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    command = ("build", "flow.yaml", "--format", "cloudformation", "--target")
    ran = flowc(*command, "step-functions")
    assert ran.code == 0, ran.err
    listed = [str(path.relative_to(folder / "build/my-flow/step-functions"))
              for path in map(folder.joinpath, ran.out.splitlines())]  # fmt: skip
    assert listed[-1] == "template.json"
    assert all(re.fullmatch("objects/bucket/state/plans/[0-9a-f]{64}", one) for one in listed[:-1])
    refused = flowc(*command, "argo")
    assert refused.code == 1
    assert "target `argo` writes no files for cloudformation" in refused.err
    broken = flowc("build", "flow.yaml", "--format", "cloudformation", "--target", "nowhere")
    assert (broken.code, broken.out) == (1, "")
    assert "`nowhere` is not a target" in broken.err


def permissions(flowc, target: str) -> str:
    """Return what `--explain-permissions` prints before the paths of what was written."""
    command = ("build", "flow.yaml", "--target", target, "--explain-permissions")
    ran = flowc(*command, "-o", "out")
    assert ran.code == 0, ran.err
    return ran.out.partition("out/")[0]


def test_permissions_are_those_of_the_roles_that_are_written(flowc, write, folder: Path):
    """Every rule of every Role, and nothing that is in none of them; each with its reason."""
    write(flow_yaml=FLOW, stack_yaml="namespace: flows\n" + STACK)
    assert permissions(flowc, "argo") == (
        "ServiceAccount my-flow\n"
        "  create, patch\n"
        "    on workflowtaskresults.argoproj.io in flows\n"
        "    Argo's executor reports what a pod has put out\n"
        "ServiceAccount my-flow-sweeper\n"
        "  create, patch\n"
        "    on workflowtaskresults.argoproj.io in flows\n"
        "    Argo's executor reports what a pod has put out\n"
        "  get, list\n"
        "    on workflows.argoproj.io in flows\n"
        "    the sweeper asks whether a run that has no end in the store goes on\n"
    )
    texts = [path.read_text() for path in (folder / "out").glob("*.yaml")]
    roles = [one for text in texts for one in yaml.safe_load_all(text) if one["kind"] == "Role"]
    assert {
        role["metadata"]["name"]: [(rule["verbs"], rule["resources"]) for rule in role["rules"]]
        for role in roles
    } == {
        "my-flow": [(["create", "patch"], ["workflowtaskresults"])],
        "my-flow-sweeper": [
            (["create", "patch"], ["workflowtaskresults"]), (["get", "list"], ["workflows"]),
        ],
    }  # fmt: skip


def test_permissions_on_aws_are_the_statements_of_the_policies(flowc, write, folder: Path):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    said: dict[str, list[list[str]]] = {}
    for line in permissions(flowc, "step-functions").splitlines():
        if not line.startswith(" "):
            statements = said.setdefault(line, [])
        elif not line.startswith("   "):
            statements.append(line.strip().split(", "))
    found = json.loads((folder / "out/objects.json").read_text())
    policies = [one for one in found if one["kind"] == "role-policy"]
    assert len(said) == len(policies) == 4
    for one in policies:
        actions = [statement["Action"] for statement in one["body"]["PolicyDocument"]["Statement"]]
        assert sorted(said[one["name"].partition("/")[0]]) == sorted(actions)


def test_the_same_files_from_another_folder(flowc, write, folder: Path, monkeypatch):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    flowc("build", "flow.yaml", "--target", "argo", "-o", "one")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    flowc("build", "../flow.yaml", "--target", "argo", "-o", "../two")
    one = {p.name: p.read_bytes() for p in (folder / "one").rglob("*") if p.is_file()}
    two = {p.name: p.read_bytes() for p in (folder / "two").rglob("*") if p.is_file()}
    assert one and one == two


def test_other_files_are_left_alone(flowc, write, folder: Path):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    (folder / "out").mkdir()
    (folder / "out/mine.txt").write_text("mine")
    assert flowc("build", "flow.yaml", "--target", "argo", "-o", "out").code == 0
    assert (folder / "out/mine.txt").read_text() == "mine"
    assert not [path for path in (folder / "out").iterdir() if path.name.startswith(".")]


def test_nothing_is_written_after_errors(flowc, write, folder: Path):
    write(flow_yaml=FLOW.replace("/noop", "/nop"), stack_yaml=STACK)
    ran = flowc("build", "flow.yaml", "--target", "argo")
    assert ran.code == 1
    assert ran.out == "" and "FC408" in ran.err
    assert not (folder / "build").exists()


def test_a_folder_that_cannot_be_written(flowc, write, folder: Path):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    (folder / "out").write_text("a file")
    ran = flowc("build", "flow.yaml", "--target", "argo", "-o", "out")
    assert ran.code == 1 and ran.out == ""
    assert "FC003" in ran.err and "cannot write `out/" in ran.err


def test_a_target_without_files(flowc, write):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    ran = flowc("build", "flow.yaml", "--target", "local")
    assert ran.code == 1 and "FC501" in ran.err


def test_the_target_is_that_of_the_stack(flowc, write, folder: Path):
    stacks = f"stacks:\n  there:\n    target: kubernetes\n{STACK}".replace("\nstate", "\n    state")
    stacks = stacks.replace("\nplugins", "\n    plugins").replace("\nroutes", "\n    routes")
    write(flow_yaml=FLOW, stack_yaml=stacks)
    ran = flowc("build", "flow.yaml", "--stack", "there")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0].startswith("build/my-flow/argo/")
    assert flowc("build", "flow.yaml", "--stack", "their").err.endswith("\n1 error\n")


def test_a_target_is_needed(flowc, write):
    write(flow_yaml=FLOW, stack_yaml=STACK)
    ran = flowc("build", "flow.yaml")
    assert (ran.code, ran.out) == (1, "")
    assert "FC006" in ran.err and "names no target" in ran.err and "stack.yaml:1" in ran.err
    assert flowc("build", "none.yaml").err.endswith("\n1 error\n")


def test_names_have_project_and_branch(flowc, write, folder: Path, monkeypatch):
    project = "project: shop\nflows: {daily: {file: flow.yaml}}\n"
    write(flow_yaml=FLOW, stack_yaml=STACK, flowc_yaml=project)
    monkeypatch.setenv("FLOWC_BRANCH", "feature/x")
    ran = flowc("build", "daily", "--target", "argo")
    assert ran.code == 0
    assert re.match(r"build/shop-feature-x-daily-[0-9a-f]{6}/argo/", ran.out)
    monkeypatch.setenv("FLOWC_BRANCH", "main")
    ran = flowc("build", "daily", "--target", "argo")
    assert ran.out.startswith("build/shop-main-daily/argo/")
