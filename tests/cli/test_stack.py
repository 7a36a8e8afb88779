"""`flowc stack`: list, show, use, validate, diff; what is in use survives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

FLOW = "schema: flowc/v1\nname: f\nsteps: [{id: a, component: /noop}]\noutput: {$step: a}\n"
STACK = """\
stacks:
  laptop:
    target: local
    plugins: {b: {type: builtin}}
    routes: &routes {"/{component}": [{plugin: b}]}
  cluster:
    target: argo
    namespace: shop
    state_store: {url: "s3://state/flows", secret_access_key: {secret: key}}
    variables: {limit: 17}
    resources: {big: {cpu: 8, memory: 64Gi, gpu: 1, gpu_type: v100}}
    plugins:
      b: {type: builtin}
      models:
        type: stepflow
        deploy: {image: "m:1", resources: {cpu: 1}, replicas: {max: 4, cpu: 70%}}
    routes: *routes
"""
PROJECT = """\
project: shop
default_environment: production
flows: {f: {file: flow.yaml}}
environments: {production: {stack: cluster}}
"""


@pytest.fixture
def files(write):
    write(flow_yaml=FLOW, stack_yaml=STACK)


def test_list(flowc, files):
    ran = flowc("stack", "list")
    assert ran.code == 0, ran.err
    laptop, cluster = ran.out.splitlines()
    assert laptop.split() == ["laptop", "local", "no", "store", "1", "classes"]
    assert cluster.split() == ["cluster", "argo", "s3", "2", "classes"]


def test_use_survives_the_process(flowc, files, folder: Path):
    assert flowc("build", "flow.yaml", "--target", "argo", "-o", "one").code == 0
    ran = flowc("stack", "use", "laptop")
    assert (ran.code, ran.out) == (0, "stack `laptop` is in use\n")
    assert (folder / ".flowc/active-stack").read_text() == "laptop\n"
    assert flowc("stack", "list").out.startswith("* laptop")
    refused = flowc("build", "flow.yaml", "--target", "argo", "-o", "two")
    assert refused.code == 1 and "FC309" in refused.err
    assert flowc("run", "flow.yaml").code == 0
    assert flowc("stack", "use", "--none").code == 0
    assert flowc("build", "flow.yaml", "--target", "argo", "-o", "two").code == 0


def test_options_and_the_variable_are_nearer(flowc, files, monkeypatch):
    flowc("stack", "use", "laptop")
    build = ("build", "flow.yaml", "--target", "argo", "-o", "out")
    assert flowc(*build, "--stack", "cluster").code == 0
    monkeypatch.setenv("FLOWC_STACK", "cluster")
    assert flowc(*build).code == 0


def test_use_is_nearer_than_the_default_environment(flowc, files, write):
    write(flowc_yaml=PROJECT)
    build = ("build", "f", "--target", "argo", "-o", "out")
    assert flowc(*build).code == 0
    flowc("stack", "use", "laptop")
    assert "FC309" in flowc(*build).err
    assert flowc(*build, "--env", "production").code == 0


def test_an_unknown_name_is_an_error_with_the_known_ones(flowc, files, folder: Path):
    for command in (["use"], ["show"], ["diff", "laptop"], ["validate"]):
        ran = flowc("stack", *command, "clutser")
        assert ran.code == 1
        assert "FC001" in ran.err and "write `cluster`; there are `cluster`, `laptop`" in ran.err
    assert not (folder / ".flowc/active-stack").exists()
    ran = flowc("run", "flow.yaml", "--stack", "typo")
    assert ran.code == 1 and "there is no stack `typo`" in ran.err


def test_a_stack_in_use_that_is_gone(flowc, files, write):
    flowc("stack", "use", "laptop")
    write(stack_yaml=STACK.replace("laptop", "here"))
    ran = flowc("run", "flow.yaml")
    assert ran.code == 1
    assert "there is no stack `laptop`" in ran.err and "flowc stack use" in ran.err


def test_show_hides_what_may_be_secret(flowc, files):
    ran = flowc("stack", "show", "cluster")
    assert ran.code == 0, ran.err
    assert (
        ran.out
        == """\
cluster:
  target: argo
  namespace: shop
  state_store:
    url: s3://state/flows
    secret_access_key:
      secret: key
  variables:
    limit: '***'
  resources:
    big:
      cpu: '8'
      memory: 64Gi
      gpu: '1'
      gpu_type: v100
  plugins:
    b:
      type: builtin
    models:
      type: stepflow
      deploy:
        image: m:1
        replicas: 1 to 4, by cpu 70%
        balancer: '2'
        port: 8080
      resources:
        cpu: '1'
  routes:
    /{component}:
    - b
"""
    )


def test_show_without_a_name_shows_the_one_in_use(flowc, files):
    ran = flowc("stack", "show")
    assert ran.code == 1 and "no stack is in use" in ran.err
    flowc("stack", "use", "laptop")
    assert flowc("stack", "show").out.startswith("laptop:\n  target: local\n")


def test_diff(flowc, files):
    ran = flowc("stack", "diff", "laptop", "cluster")
    assert ran.code == 3
    assert "target: local → argo" in ran.out.splitlines()
    assert "namespace: – → shop" in ran.out.splitlines()
    same = flowc("stack", "diff", "laptop", "laptop")
    assert (same.code, same.out) == (0, "")


def test_validate(flowc, files, write):
    assert flowc("stack", "validate").code == 0
    write(stack_yaml=STACK.replace("url: \"s3://state/flows\", secret_access_key: {secret: key}",
                                   "url: \"sqlite:///state.db\""))  # fmt: skip
    ran = flowc("stack", "validate")
    assert ran.code == 1 and "FC308" in ran.err
    assert flowc("stack", "validate", "laptop").code == 0
    write(stack_yaml=STACK.replace("namespace: shop", "namspace: shop"))
    ran = flowc("stack", "validate", "--format", "json")
    assert ran.code == 1 and "FC104" in ran.err + ran.out


def test_without_a_stack_file(flowc, folder: Path):
    ran = flowc("stack", "use", "default")
    assert ran.code == 1 and "there is no stack file here" in ran.err
    assert flowc("stack", "list").code == 0


def test_wrong_usage(flowc, files):
    assert flowc("stack", "use").code == 2
    assert flowc("stack", "use", "laptop", "--none").code == 2


def test_credentials_never_show(flowc, write):
    secret = "hunter2-planted"
    url = f'"postgresql://flows:{secret}@db/state"'
    stack = STACK.replace(
        'url: "s3://state/flows", secret_access_key: {secret: key}', f"url: {url}"
    )
    write(stack_yaml=stack.replace("limit: 17", f"limit: {secret}"))
    commands = (["list"], ["show", "cluster"], ["diff", "laptop", "cluster"], ["validate"])
    for command in commands:
        ran = flowc("stack", *command)
        assert secret not in ran.out + ran.err, command
    assert "flows:***@db" in flowc("stack", "show", "cluster").out
