from __future__ import annotations

import re
from typing import TYPE_CHECKING

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


def test_a_target_is_needed(flowc, write):
    write(flow_yaml=FLOW)
    assert flowc("build", "flow.yaml").code == 2


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
