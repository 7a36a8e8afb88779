"""`flowc build --explain-placement`: where each unit runs, and why."""

from __future__ import annotations

from typing import Any

FLOW = """
schema: flowc/v1
name: mixed
steps:
  - {id: small, component: /t/f, input: {}}
  - {id: big, component: /t/f, input: {}, resources: {memory: 32Gi}}
  - {id: long, component: /t/f, input: {}, timeout: 5h}
  - {id: gpu, component: /t/f, input: {}, resources: v100}
  - {id: served, component: /s/f, input: {}}
output: {$step: small}
"""
PLUGINS = """
    state_store: "s3://state/flows"
    resources: {v100: {gpu: 1, queue: gpus, node_selector: {accelerator: v100}}}
    plugins:
      t: {type: python, module: m}
      s: {type: stepflow, url: "http://servers:8080"}
    routes: {"/t/{*component}": [{plugin: t}], "/s/{*component}": [{plugin: s}]}
"""
STACK = f"""
stacks:
  cluster:
    target: argo
{PLUGINS}
  aws:
    target: step-functions
{PLUGINS}
"""


def explained(out: str) -> dict[str, str]:
    pairs = (line.partition(": ") for line in out.splitlines() if ": " in line)
    return {unit: text for unit, _, text in pairs}


SMALL = "Lambda function mixed-unit, 1024 MB; it asks for nothing that a function does not have"


def build(flowc: Any, write: Any, target: str) -> dict[str, str]:
    write(flow_yaml=FLOW, stack_yaml=STACK)
    ran = flowc("build", "flow.yaml", "--target", target, "--explain-placement")
    assert ran.code == 0, ran.err
    return explained(ran.out)


def test_on_aws(flowc: Any, write: Any) -> None:
    found = build(flowc, write, "step-functions")
    assert found == {
        "small": SMALL,
        "big": "Batch, queue flowc, 1 vCPU, 32768 MiB; "
        "it asks for 32768 MB of memory, and Lambda has 10240",
        "long": "Batch, queue flowc, 1 vCPU, 2048 MiB; "
        "it asks for 72035 s, and 840 s fit into a Lambda function",
        "gpu": "Batch, queue gpus, 1 vCPU, 2048 MiB, 1 GPU; it asks for 1 GPU, and Lambda has none",
        "served": SMALL,
    }


def test_on_argo(flowc: Any, write: Any) -> None:
    found = build(flowc, write, "argo")
    assert found == {
        "small": "pod with cpu 50m, memory 128Mi; it asks for nothing",
        "big": "pod with cpu 50m, memory 32Gi; what the step asks for",
        "long": "pod with cpu 50m, memory 128Mi; it asks for nothing",
        "gpu": "pod with cpu 50m, memory 128Mi, nvidia.com/gpu 1, "
        "on nodes with accelerator=v100; profile `v100`",
        "served": "pod with cpu 50m, memory 128Mi; it waits for class `s` at http://servers:8080",
    }


def test_on_aws_with_a_network_for_tasks(flowc: Any, write: Any) -> None:
    stack = STACK.replace("    target: step-functions\n", "    target: step-functions\n" + ECS)
    write(flow_yaml=FLOW, stack_yaml=stack)
    ran = flowc("build", "flow.yaml", "--target", "step-functions", "--explain-placement")
    assert ran.code == 0, ran.err
    found = explained(ran.out)
    assert found["small"] == SMALL
    assert found["big"].startswith("ECS on Fargate, 8 vCPU, 32768 MiB; it asks for 32768 MB")
    assert found["gpu"].startswith("Batch, queue gpus")


ECS = "    ecs: {subnets: [subnet-1]}\n"
