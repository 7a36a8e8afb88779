"""What of a component class that is to come up on AWS would not work there is refused by line."""

from __future__ import annotations

import pytest
from tests.targets.step_functions.flows import STACK
from tests.targets.step_functions.test_check import ONE, found, line_of

SERVED = '{type: stepflow, url: "http://components:8080"}'
NETWORK = """ecs:
  subnets: [subnet-1]
  security_groups: [sg-1]
  namespace: flows.internal
"""


def stack(*keys: str, network: str = NETWORK) -> str:
    lines = "".join(f"\n      {key}" for key in ("image: a/b:1", *keys))
    return STACK.replace(SERVED, f"\n    type: stepflow\n    deploy:{lines}") + network


def refused(text: str, at: str, said: str, way_out: str) -> None:
    [(code, where, message)] = found(ONE, text)
    assert (code, where) == ("FC501", f"stack.yaml:{line_of(text, at)}"), (code, where, message)
    assert said in message and way_out in message, message


def test_without_a_network() -> None:
    refused(stack(network=""), "served:", "names no network", "ecs: {cluster, subnets")
    nameless = NETWORK.replace("  namespace: flows.internal\n", "")
    refused(stack(network=nameless), "served:", "no DNS namespace", "namespace: flows.internal")
    assert found(ONE, stack()) == []
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/t/1"
    balanced = f"load_balancer: {{target_group: '{arn}', url: 'http://lb'}}"
    assert found(ONE, stack(balanced, network=nameless)) == []


def test_functions_without_a_security_group() -> None:
    text = stack(network=NETWORK.replace("  security_groups: [sg-1]\n", ""))
    refused(text, "ecs:", "takes no network without security groups", "security_groups: [sg-…]")
    assert found(ONE, text + "compute: ecs\n") == []


@pytest.mark.parametrize(
    ("key", "said", "way_out"),
    [
        ("balancer: {replicas: 2}", "an answer of Cloud Map holds eight", "leave it out"),
        ("replicas: {min: 1, max: 2, metric: {name: m, value: 1}}", "of Kubernetes", "cpu: 70%"),
        ("resources: {gpu: 1}", "1 GPU, and Fargate has none", "capacity_provider: NAME"),
        ("grace: 30m", "1800 s to end its calls, and Fargate gives 120 s", "write `120s`"),
    ],
)
def test_what_fargate_and_cloud_map_do_not_have(key: str, said: str, way_out: str) -> None:
    refused(stack(key), key, said, way_out)


def test_machines_of_the_cluster_have_more() -> None:
    more = ("capacity_provider: machines", "resources: {gpu: 1, cpu: 4}", "grace: 30m")
    assert found(ONE, stack(*more)) == []
    scaled = stack("capacity_provider: m", "replicas: {min: 1, max: 2, cpu: 50%}")
    refused(scaled, "image: a/b:1", "asks for none", "resources: {cpu: …}")


@pytest.mark.parametrize(
    "key",
    [
        "env: {a-b: x}", "env: {PORT: '1'}", "env: {KEY: {secret: 'a b'}}",
        "service_account: 'no role'", "load_balancer: {target_group: lb, url: 'http://lb'}",
    ],
)  # fmt: skip
def test_names(key: str) -> None:
    [(code, where, _)] = found(ONE, stack(key))
    assert (code, where.partition(":")[0]) == ("FC502", "stack.yaml")


def test_what_kubernetes_has_is_ignored_with_a_warning() -> None:
    text = stack("node_selector: {a: b}", "resources: cards").replace(
        "resources:\n",
        "resources:\n  cards: {cpu: 1, memory: 2Gi, gpu_type: a100, machine_type: big, "
        "tolerations: [{key: x}]}\n",
        1,
    )
    warned = [message for code, _, message in found(ONE, text, "warning") if code == "FC119"]
    assert {one.partition(" of ")[0] for one in warned} == {
        "`tolerations`", "`gpu_type`", "`machine_type`", "`node_selector`"
    }  # fmt: skip


def test_sizes_are_rounded_up_with_a_note() -> None:
    [(code, _, message)] = found(ONE, stack("resources: {cpu: 3, memory: 9Gi}"), "note")
    assert code == "FC521" and "4 vCPU" in message


def test_a_namespace_is_a_name_of_dns() -> None:
    from flowc.diagnostics.model import CompileError

    with pytest.raises(CompileError, match="namespace"):
        found(ONE, stack(network=NETWORK.replace("flows.internal", "Flows!")))
