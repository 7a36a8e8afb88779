from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

STACK = """\
stacks:
  here:
    target: local
    plugins: {b: {type: builtin}}
    routes: {"/{component}": [{plugin: b}]}
  there:
    target: argo
    state_store: "s3://bucket/state"
    plugins: {b: {type: builtin}}
    routes: {"/{component}": [{plugin: b}]}
"""
PROJECT = """\
project: shop
default_environment: dev
flows:
  one: {file: one.yaml}
  two: {file: two.yaml}
environments:
  dev: {stack: here}
  prod: {stack: there}
"""
GOOD = "schema: flowc/v1\nsteps: [{id: a, component: /noop}]\noutput: {$step: a}\n"
FLAT = 'plugins: {b: {type: builtin}}\nroutes: {"/{component}": [{plugin: b}]}\n'


def test_a_flow_without_problems(flowc, write):
    write(flow_yaml=GOOD)
    ran = flowc("check", "flow.yaml", "--target", "local")
    assert ran == (0, "no problems found\n", "")


def test_every_flow_in_every_environment(flowc, write):
    write(
        flowc_yaml=PROJECT,
        stack_yaml=STACK,
        one_yaml=GOOD.replace("/noop", "/nop"),
        two_yaml=GOOD.replace("$step: a", "$step: b"),
    )
    ran = flowc("check", "--format", "json")
    assert ran.code == 1
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [(d["code"], d["file"], d["line"], d["column"]) for d in found] == [
        ("FC408", "one.yaml", 2, 28),  # once, though two environments say it
        ("FC201", "two.yaml", 3, 17),
    ]
    assert set(found[0]) >= {"code", "severity", "message", "file", "line", "column"}


def test_errors_of_all_files_in_one_run(flowc, write):
    write(
        flow_yaml=GOOD.replace("/noop", "/nop").replace("output:", "outputs:"),
        stack_yaml=FLAT + "plugin: {}\n",
    )
    ran = flowc("check", "flow.yaml", "--target", "local", "--format", "json")
    assert sorted(json.loads(line)["code"] for line in ran.out.splitlines()) == [
        "FC104",
        "FC104",
        "FC408",
    ]


def test_a_step_that_was_left_out_has_no_consequences(flowc, write):
    write(flow_yaml=GOOD.replace("component: /noop", "component: noop"))
    ran = flowc("check", "flow.yaml", "--target", "local", "--format", "json")
    assert [json.loads(line)["code"] for line in ran.out.splitlines()] == ["FC113"]


def test_forms(flowc, write):
    write(flow_yaml=GOOD.replace("$step: a", "$step: b"))
    human = flowc("check", "flow.yaml", "--target", "local")
    assert human.code == 1
    assert "error[FC201]" in human.out and "--> flow.yaml:3:17" in human.out
    github = flowc("check", "flow.yaml", "--target", "local", "--format", "github")
    assert github.out.startswith("::error file=flow.yaml,line=3,col=17")


def test_wrong_usage_is_2(flowc):
    assert flowc("check", "--format", "xml").code == 2
    assert flowc("chekc").code == 2


def test_without_flow_and_project(flowc, monkeypatch):
    monkeypatch.chdir("/")
    ran = flowc("check", "--format", "json")
    assert ran.code == 1
    assert json.loads(ran.out)["code"] == "FC002"


def test_unknown_names(flowc, write):
    write(flowc_yaml=PROJECT, stack_yaml=STACK, one_yaml=GOOD, two_yaml=GOOD)
    for arguments, hint in (
        (["on"], "write `one`"),
        (["one", "--env", "deve"], "write `dev`"),
        (["one", "--stack", "her"], "write `here`"),
    ):
        ran = flowc("check", *arguments, "--format", "json")
        found = json.loads(ran.out.splitlines()[0])
        assert (ran.code, found["code"], found["hint"]) == (1, "FC001", hint)
    assert "FC006" in flowc("check", "one", "--target", "agro").out
    assert "FC003" in flowc("check", "missing.yaml").out
    assert "FC003" in flowc("check", "one", "--stack-file", "missing.yaml").out


def test_which_stack(flowc, write, monkeypatch):
    write(flowc_yaml=PROJECT, stack_yaml=STACK, one_yaml=GOOD, two_yaml=GOOD)

    def differs(*arguments: str) -> bool:
        """Whether the stack is the one for Argo."""
        return "FC309" in flowc("check", "one", "--target", "local", *arguments).out

    assert not differs()  # default_environment
    assert differs("--env", "prod")
    assert not differs("--env", "prod", "--stack", "here")
    monkeypatch.setenv("FLOWC_STACK", "there")
    assert differs()
    assert not differs("--env", "dev")


def test_stack_files_are_found_beside_the_flow(flowc, write, folder: Path):
    (folder / "below").mkdir()
    (folder / "below/flow.yaml").write_text(GOOD)
    assert flowc("check", "below/flow.yaml", "--target", "local").code == 0, "the default stack"
    (folder / "stack.yaml").write_text("plugins: {}\nroutes: {}\n")
    assert "FC401" in flowc("check", "below/flow.yaml", "--target", "local").out
    (folder / "below/stepflow-config.yml").write_text(FLAT)
    assert flowc("check", "below/flow.yaml", "--target", "local").code == 0
    (folder / "below/stepflow_config.yaml").write_text(FLAT)
    two = flowc("check", "below/flow.yaml", "--target", "local")
    assert two.code == 1 and "both configure this folder" in two.out
    chosen = flowc(
        "check", "below/flow.yaml", "--target", "local", "--stack-file", "below/stepflow-config.yml"
    )
    assert chosen.code == 0


def test_a_project_applies_to_the_flows_it_lists(flowc, write):
    project = PROJECT.replace("  two: {file: two.yaml}\n", "")
    write(flowc_yaml=project, stack_yaml=STACK, one_yaml=GOOD, other_yaml=GOOD)
    assert "FC309" in flowc("check", "one.yaml", "--target", "argo").out, "listed: its environment"
    found = flowc("check", "other.yaml", "--target", "argo").out
    assert "FC309" not in found, "not listed: no environment, so the stack for the target"
    assert "FC309" not in flowc("check", "other.yaml", "--target", "argo", "--env", "prod").out


def test_where_nothing_names_a_stack(flowc, write, folder: Path):
    """`check` looks at each one for its targets; `build` takes the only one for its target."""
    here, there = STACK.split("  there:")
    stacks = here + "  there:" + there.replace("b:", "c:").replace("plugin: b", "plugin: c")
    write(stack_yaml=stacks, flow_yaml=GOOD.replace("/noop", "/nooop"))
    both = flowc("check", "flow.yaml").out
    assert "class `b` has no component" in both and "class `c` has no component" in both
    only = flowc("check", "flow.yaml", "--target", "argo").out
    assert "class `b`" not in only and "class `c` has no component" in only
    write(flow_yaml=GOOD)
    assert flowc("build", "flow.yaml", "--target", "argo").code == 0
    assert flowc("run", "flow.yaml", "--input", "{}").code == 0
    again = STACK + STACK.partition("\n")[2].replace("here:", "other:").replace("there:", "far:")
    write(stack_yaml=again)
    assert "FC001" in flowc("build", "flow.yaml", "--target", "argo").err, "two for one target"


def test_a_stack_for_a_target_is_checked_for_it_alone(flowc, write):
    write(flow_yaml=GOOD, stack_yaml="target: local\n" + FLAT)
    assert flowc("check", "flow.yaml") == (0, "no problems found\n", "")
    asked = flowc("check", "flow.yaml", "--target", "argo", "--format", "json")
    assert json.loads(asked.out)["code"] == "FC309"


def test_targets_that_nobody_asked_for(flowc, write):
    write(flow_yaml=GOOD, stack_yaml=FLAT)
    silent = flowc("check", "flow.yaml", "--format", "json")
    found = [json.loads(line) for line in silent.out.splitlines()]
    assert silent.code == 0
    assert {(d["code"], d["severity"]) for d in found} == {("FC308", "note")}
    asked = flowc("check", "flow.yaml", "--target", "argo", "--format", "json")
    assert asked.code == 1


def test_lenient(flowc, write):
    write(flow_yaml=GOOD + "colour: red\n")
    assert flowc("check", "flow.yaml", "--target", "local").code == 1
    ran = flowc("check", "flow.yaml", "--target", "local", "--lenient", "--format", "json")
    assert ran.code == 0
    assert json.loads(ran.out)["severity"] == "warning"


def test_unreadable_files(flowc, folder: Path):
    (folder / "flow.yaml").write_bytes(b"schema: \xff\xfe\n")
    assert "not UTF-8" in flowc("check", "flow.yaml", "--target", "local").out
    (folder / "dir.yaml").mkdir()
    assert "FC003" in flowc("check", "dir.yaml", "--target", "local").out


def test_variables_that_no_flow_has(flowc, write):
    one = (
        "schema: flowc/v1\nschemas: {type: object, properties: {variables: {type: object, "
        "properties: {mine: {}}}}}\noutput: {$variable: mine, default: 1}\n"
    )
    project = PROJECT.replace("{stack: here}", "{stack: here, variables: {mine: 1, yours: 2}}")
    write(flowc_yaml=project, stack_yaml=STACK, one_yaml=one, two_yaml=GOOD)
    ran = flowc("check", "--format", "json")
    (found,) = [json.loads(line) for line in ran.out.splitlines()]
    assert (found["code"], found["file"], found["line"]) == ("FC208", "flowc.yaml", 7)
    assert flowc("check", "one").code == 0, "one flow cannot tell"


def test_a_step_that_cannot_be_read_hides_no_other_error(flowc, write):
    write(
        flow_yaml="""\
schema: flowc/v1
steps:
  - {id: a, component: noop}
  - {id: b, component: /nop, needs: [a]}
  - {id: c, flow: ./sub.yaml}
  - {id: d, component: /noop, needs: [c, zzz], foreach: {items: 5}}
  - {id: e, foreach: {items: [1]}, component: [x]}
output: [{$step: e}, {$step: c}]
"""
    )
    ran = flowc("check", "flow.yaml", "--target", "local", "--format", "json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert sorted((one["line"], one["code"]) for one in found) == [
        (3, "FC113"), (4, "FC408"), (5, "FC003"), (6, "FC201"), (7, "FC111"),
    ]  # fmt: skip


@pytest.mark.parametrize("rule", ["first_only", "last_only", "sequential"])
def test_a_strategy_that_a_deploy_refuses_is_refused_at_its_line(flowc, write, rule: str):
    """By check and by build, and not where runs are started by hand."""
    write(
        flow_yaml="schema: flowc/v1\nsteps: [{id: a, component: /noop}]\noutput: {$step: a}\n",
        stack_yaml="stacks:\n"
        "  cluster:\n"
        "    {target: argo, state_store: 's3://b/s', plugins: &p {b: {type: builtin}},\n"
        "     routes: &r {'/{component}': [{plugin: b}]}}\n"
        "  laptop: {target: local, plugins: *p, routes: *r}\n",
        flowc_yaml="project: shop\n"
        "flows:\n"
        "  one:\n"
        "    file: flow.yaml\n"
        f"    strategy: {{rule: {rule}}}\n"
        "environments:\n"
        "  production: {stack: cluster}\n"
        "  free: {stack: cluster, flows: {one: {strategy: {rule: parallel}}}}\n"
        "  dev: {stack: laptop}\n",
    )
    for command in (
        ["check"], ["check", "one", "--env", "production"],
        ["build", "one", "--target", "argo", "--env", "production"],
    ):  # fmt: skip
        ran = flowc(*command)
        said = ran.out + ran.err
        assert ran.code == 1, command
        assert said.count("error[FC118]") == 1, said
        assert "flowc.yaml:5:22" in said, said
    assert flowc("check", "one", "--env", "free").code == 0
    assert flowc("build", "one", "--target", "argo", "--env", "free").code == 0
    assert flowc("check", "one", "--env", "dev").code == 0
    assert flowc("run", "one", "--env", "dev").code == 0
