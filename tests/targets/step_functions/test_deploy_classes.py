"""Component classes on AWS: brought up, found, scaled, shared by flows, changed and taken down."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.gates.test_cloudformation import lint
from tests.servers import stepflow_sdk
from tests.targets.step_functions.clouds import Aws, deploy, plan, provider
from tests.targets.step_functions.flows import STACK, compiled
from tests.targets.step_functions.test_deploy import described, ended, start, there_desired

from flowc.deploy.changes import outstanding
from flowc.deploy.model import Kind
from flowc_targets.step_functions import TARGET
from flowc_targets.step_functions.deploy.cloudformation import cloudformation
from flowc_targets.step_functions.deploy.deployer import AwsDeployer
from flowc_targets.step_functions.files import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc.target import Compilation

SERVED = '{type: stepflow, url: "http://components:8080"}'
DEPLOY = """{type: stepflow, deploy: {
    image: 'units:1', resources: {cpu: 1, memory: 4Gi}, replicas: {min: 2, max: 9, cpu: 70%},
    env: {LEVEL: info, HUB_TOKEN: {secret: hub}}, args: [serve]}}"""
FLOW = "steps: [{id: a, component: /COMPONENT, input: {n: {$input: n}}}]\noutput: {$step: a}\n"
PROJECT = {"project": "vision", "branch": "main"}
SERVICE = "vision-main--served"
CLASS_KINDS = {
    "log-group", "role", "role-policy", "task-definition", "discovery", "ecs-service",
    "scalable-target", "scaling-policy",
}  # fmt: skip


def stack(network: dict[str, Any], deployed: str = DEPLOY, **ecs: Any) -> str:
    ecs = {"cluster": "flows", "namespace": "flows.internal", **network, **ecs}
    ecs = {key: value for key, value in ecs.items() if value is not None}
    text = STACK.replace(SERVED, deployed)
    return f"{text}\nunit_image: 'units:1'\nregion: us-east-1\necs: {json.dumps(ecs)}\n"


def flow(
    network: dict[str, Any], deployed: str = DEPLOY, name: str = "score", component: str = "score",
    **ecs: Any,
) -> Compilation:  # fmt: skip
    text = FLOW.replace("COMPONENT", component)
    text = f"schema: flowc/v1\nname: {name}\n{text}"
    return compiled(text, stack(network, deployed, **ecs), flow=name, **PROJECT)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Aws]:
    with Aws() as made:
        yield made


@pytest.fixture
def network(cloud: Aws) -> Iterator[dict[str, Any]]:
    """An account with a network, and with what deployments find there."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="flows", Description="-", VpcId=vpc)["GroupId"]
    cloud.client("ecs").create_cluster(clusterName="flows", capacityProviders=["FARGATE_SPOT"])
    cloud.client("servicediscovery").create_private_dns_namespace(Name="flows.internal", Vpc=vpc)
    cloud.client("secretsmanager").create_secret(Name="hub", SecretString="planted")
    yield {"subnets": [subnet], "security_groups": [group]}
    cloud.empty()


@contextmanager
def served() -> Iterator[str]:
    """A component server of a published SDK, behind the balancer as it were."""
    python = str(stepflow_sdk.server_python(stepflow_sdk.VERSIONS[-1]))
    process = subprocess.Popen(
        [python, str(stepflow_sdk.COMPONENT_SERVER)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def refs(changes: Any) -> set[tuple[str, str]]:
    return {(one.ref.kind, one.ref.name) for one in changes}


def ecs_service(cloud: Aws) -> dict[str, Any]:
    client = cloud.client("ecs")
    (found,) = client.describe_services(cluster="flows", services=[SERVICE])["services"]
    return dict(found)


def test_deploy_and_deploy_again(cloud: Aws, network: dict[str, Any]) -> None:
    there = provider(cloud.engine.endpoint, flow(network))
    assert there.preflight(there_desired(flow(network))) == ()
    made = deploy(there, flow(network))
    assert {one.kind for one in made} == {Kind.CREATE}
    assert {kind for kind, name in refs(made) if SERVICE in name} == CLASS_KINDS
    left = outstanding(plan(there, flow(network)))
    assert left == (), described(left)
    service = ecs_service(cloud)
    (registry,) = service["serviceRegistries"]
    client = cloud.client("servicediscovery")
    found = client.get_service(Id=registry["registryArn"].rpartition("/")[2])["Service"]
    assert found["Name"] == SERVICE
    assert found["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 10}]
    assert service["launchType"] == "FARGATE"
    scaling = cloud.client("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 9)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0


def test_what_scaling_sets_is_no_difference_and_what_hands_set_is(
    cloud: Aws, network: dict[str, Any]
) -> None:
    there = provider(cloud.engine.endpoint, flow(network))
    deploy(there, flow(network))
    client = cloud.client("ecs")
    client.update_service(cluster="flows", service=SERVICE, desiredCount=7)
    assert outstanding(plan(there, flow(network))) == ()
    off = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    client.update_service(cluster="flows", service=SERVICE, deploymentConfiguration=off)
    (found,) = outstanding(plan(there, flow(network)))
    assert found.ref.kind == "ecs-service" and found.is_drift
    deploy(there, flow(network))
    assert outstanding(plan(there, flow(network))) == ()
    assert ecs_service(cloud)["desiredCount"] == 7


def test_another_image_replaces_the_servers_and_their_task_definition(
    cloud: Aws, network: dict[str, Any]
) -> None:
    before = flow(network)
    after = flow(network, DEPLOY.replace("args: [serve]", "args: [serve, fast]"))
    there = provider(cloud.engine.endpoint, before)
    deploy(there, before)
    old = ecs_service(cloud)["taskDefinition"]
    changed = {
        (one.kind.value, one.ref.kind) for one in plan(there, after) if SERVICE in one.ref.name
    }
    assert changed == {
        ("create", "task-definition"), ("update", "ecs-service"), ("delete", "task-definition")
    }  # fmt: skip
    deploy(there, after)
    assert outstanding(plan(there, after)) == ()
    assert ecs_service(cloud)["taskDefinition"] != old


def test_a_number_in_place_of_bounds_and_back(cloud: Aws, network: dict[str, Any]) -> None:
    scaled = flow(network)
    fixed = flow(network, DEPLOY.replace("{min: 2, max: 9, cpu: 70%}", "3"))
    there = provider(cloud.engine.endpoint, scaled)
    for wanted in (scaled, fixed, scaled):
        deploy(there, wanted)
        left = outstanding(plan(there, wanted))
        assert left == (), described(left)
        if wanted is fixed:
            assert ecs_service(cloud)["desiredCount"] == 3


def test_spot_and_back(cloud: Aws, network: dict[str, Any]) -> None:
    plain = flow(network)
    spot = flow(network, DEPLOY.replace("image:", "capacity_provider: FARGATE_SPOT, image:"))
    there = provider(cloud.engine.endpoint, plain)
    for wanted in (plain, spot, plain):
        deploy(there, wanted)
        left = outstanding(plan(there, wanted))
        assert left == (), described(left)
        if wanted is spot:
            (chosen,) = ecs_service(cloud)["capacityProviderStrategy"]
            assert chosen["capacityProvider"] == "FARGATE_SPOT"


def test_flows_of_a_project_share_a_class(cloud: Aws, network: dict[str, Any]) -> None:
    one, two = flow(network), flow(network, name="rank", component="rank")
    first, second = (provider(cloud.engine.endpoint, each) for each in (one, two))
    deploy(first, one)
    made = deploy(second, two)
    assert not [ref for ref in refs(outstanding(made)) if SERVICE in ref[1]]
    # the other flow uses the class: taking one down leaves it there
    gone = deploy(first, None)
    assert not [ref for ref in refs(gone) if SERVICE in ref[1]]
    assert ecs_service(cloud)["status"] == "ACTIVE"
    assert outstanding(plan(second, two)) == ()
    gone = deploy(second, None)
    assert {kind for kind, name in refs(gone) if SERVICE in name} == CLASS_KINDS
    assert ecs_service(cloud)["status"] == "INACTIVE"
    assert plan(second, None) == ()
    assert cloud.client("servicediscovery").list_services()["Services"] == []
    assert cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs"
    )["ScalableTargets"] == []  # fmt: skip


def test_a_class_that_no_flow_uses_any_more_goes(cloud: Aws, network: dict[str, Any]) -> None:
    one = flow(network)
    there = provider(cloud.engine.endpoint, one)
    deploy(there, one)
    without = flow(network, component="t/echo")
    gone = deploy(there, without)
    assert {kind for kind, name in refs(gone) if SERVICE in name} == CLASS_KINDS
    assert outstanding(plan(there, without)) == ()


def test_a_namesake_of_somebody_else_is_not_touched(cloud: Aws, network: dict[str, Any]) -> None:
    from flowc.deploy.provider import DeployError

    there = provider(cloud.engine.endpoint, flow(network))
    cloud.client("logs").create_log_group(
        logGroupName=f"/flowc/{SERVICE}", tags={"flowc:deployment": "another"}
    )
    with pytest.raises(DeployError, match="belongs to deployment `another`"):
        plan(there, flow(network))


def test_what_is_missing(cloud: Aws, network: dict[str, Any]) -> None:
    spot = DEPLOY.replace("image:", "capacity_provider: machines, image:")
    wanted = flow(network, spot.replace("hub", "nowhere"), namespace="elsewhere.internal")
    there = provider(cloud.engine.endpoint, wanted)
    found = [f"{one.message} | {one.fix}" for one in there.preflight(there_desired(wanted))]
    assert len(found) == 3, found
    assert "no private DNS namespace `elsewhere.internal`" in found[0]
    assert "no capacity provider `machines`" in found[1]
    assert "no secret `nowhere`" in found[2]
    lost = flow(network, DEPLOY.replace("units:1", "units:9"), cluster="other")
    found = [one.message for one in there.preflight(there_desired(lost))]
    assert len(found) == 2 and "units:9" in found[0] and "no ECS cluster `other`" in found[1]


def test_a_load_balancer_that_is_there(cloud: Aws, network: dict[str, Any]) -> None:
    balancing = cloud.client("elbv2")
    vpc = cloud.client("ec2").describe_subnets(SubnetIds=network["subnets"])["Subnets"][0]["VpcId"]
    named = {"Protocol": "HTTP", "Port": 8080, "VpcId": vpc}
    arns = [
        balancing.create_target_group(Name=kind, TargetType=kind, **named)["TargetGroups"][0][
            "TargetGroupArn"
        ]
        for kind in ("ip", "instance")
    ]
    with served() as url:

        def behind(arn: str) -> Compilation:
            given = f'load_balancer: {{target_group: "{arn}", url: "{url}"}}, image:'
            return flow(network, DEPLOY.replace("image:", given), component="echo", namespace=None)

        wanted = behind(arns[0])
        there = provider(cloud.engine.endpoint, wanted)
        assert there.preflight(there_desired(wanted)) == ()
        deploy(there, wanted)
        left = outstanding(plan(there, wanted))
        assert left == (), described(left)
        (joined,) = ecs_service(cloud)["loadBalancers"]
        assert (joined["targetGroupArn"], joined["containerPort"]) == (arns[0], 8080)
        assert cloud.client("servicediscovery").list_services()["Services"] == []
        done = ended(there, start(there, "run", {"n": 7}).key)
        assert done.state.value == "succeeded", done.message
        (problem,) = there.preflight(there_desired(behind(arns[1])))
        assert "does not take addresses" in problem.message
        (problem,) = there.preflight(there_desired(behind(arns[0][:-3])))
        assert "there is no target group" in problem.message


def test_functions_are_in_the_network_of_the_servers(network: dict[str, Any]) -> None:
    desired = {one.ref: one.body for one in AwsDeployer().desired(flow(network))}
    bodies: dict[str, Any] = {ref.name: body for ref, body in desired.items()}
    unit = bodies["vision-main-score-unit"]
    assert unit["VpcConfig"] == {
        "SubnetIds": network["subnets"], "SecurityGroupIds": network["security_groups"]
    }  # fmt: skip
    assert "VpcConfig" not in bodies["vision-main-score-decide"]
    may = {one.role: set() for one in AwsDeployer().permissions(flow(network))}
    for one in AwsDeployer().permissions(flow(network)):
        may[one.role] |= set(one.actions)
    assert "ec2:CreateNetworkInterface" in may["vision-main-score-unit"]
    assert "ec2:CreateNetworkInterface" not in may["vision-main-score-decide"]
    assert "secretsmanager:GetSecretValue" in may[f"{SERVICE}-pull"]
    assert "secretsmanager:GetSecretValue" not in may["vision-main-score-unit"]


def test_the_task_of_a_server(network: dict[str, Any]) -> None:
    (task,) = [
        one.body
        for one in AwsDeployer().desired(flow(network))
        if one.ref.kind == "task-definition"
    ]
    body: Any = task
    assert (body["Cpu"], body["Memory"], body["NetworkMode"]) == ("1024", "4096", "awsvpc")
    (container,) = body["ContainerDefinitions"]
    assert container["Command"] == ["serve"]
    assert container["Environment"] == [
        {"Name": "LEVEL", "Value": "info"}, {"Name": "PORT", "Value": "8080"}
    ]  # fmt: skip
    (secret,) = container["Secrets"]
    assert secret["ValueFrom"].endswith(":secret:hub")
    assert container["StopTimeout"] == 120
    assert "$PORT/health" in container["HealthCheck"]["Command"][1]
    assert flow(network).plan.classes["served"]["url"] == f"http://{SERVICE}.flows.internal:8080"


def test_machines_of_the_cluster(network: dict[str, Any]) -> None:
    gpu = DEPLOY.replace("resources: {cpu: 1, memory: 4Gi}", "resources: cards")
    gpu = gpu.replace("image:", "capacity_provider: machines, grace: 30m, image:")
    cards = "  cards: {gpu: 2, cpu: 8, memory: 200Gi, machine_type: g5.48}\n"
    text = stack(network, gpu).replace("resources:\n", f"resources:\n{cards}")
    found = compiled(f"schema: flowc/v1\nname: score\n{FLOW}", text, flow="score", **PROJECT)
    bodies: dict[str, Any] = {one.ref.kind: one.body for one in AwsDeployer().desired(found)}
    (container,) = bodies["task-definition"]["ContainerDefinitions"]
    assert bodies["task-definition"]["RequiresCompatibilities"] == ["EC2"]
    assert container["ResourceRequirements"] == [{"Type": "GPU", "Value": "2"}]
    assert container["StopTimeout"] == 1800
    service = bodies["ecs-service"]
    assert service["CapacityProviderStrategy"][0]["CapacityProvider"] == "machines"
    (where,) = service["PlacementConstraints"]
    assert where["Expression"] == "attribute:ecs.instance-type == g5.48"


def test_files_hold_what_is_deployed(network: dict[str, Any]) -> None:
    made = files(flow(network))
    assert "class-served.json" in made and SERVICE not in made["objects.json"].replace(
        f"http://{SERVICE}", ""
    )
    written = {one.ref: one.body for one in AwsDeployer().written(made)}
    assert written == {one.ref: one.body for one in AwsDeployer().desired(flow(network))}


def test_cloudformation(network: dict[str, Any], tmp_path: Path) -> None:
    made = cloudformation(flow(network))
    path = tmp_path / "class.json"
    path.write_text(made["class-served.template.json"])
    template = json.loads(path.read_text())
    assert "NamespaceId" in template["Parameters"]
    kinds = {one["Type"] for one in template["Resources"].values()}
    assert "AWS::ECS::Service" in kinds and "AWS::ServiceDiscovery::Service" in kinds
    assert lint(path) == ""
    assert "AWS::ECS::Service" not in made["template.json"]
    assert TARGET.forms["cloudformation"](flow(network)) == made
