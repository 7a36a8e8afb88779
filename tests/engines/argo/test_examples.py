"""The examples' golden manifests on Argo's own controller, byte for byte as they are in `golden/`.

What a cluster has and this one has not is lent to the pods: addresses of component servers (real
ones, on loopback addresses of their own), S3 (moto), and nodes with GPUs (requests are lowered).
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from tests.engines.argo.api import apply
from tests.engines.argo.cluster import pod_patch
from tests.engines.argo.control_plane import free_address
from tests.engines.argo.engine import ArgoEngine, Result
from tests.engines.argo.job_sets import with_job_sets
from tests.golden.cases import CASES, GOLDEN, ROOT, GoldenCase
from tests.servers.stepflow_sdk import server_python

from flowc.cases.compare import compare
from flowc_shim.runner.journal import Journal
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.argo.cluster import Cluster

pytestmark = pytest.mark.argo

ARGO = [case for case in CASES if case.target == "argo"]
JOB_SETS = ("four-stacks/argo-streamflow-argo",)
"""What needs JobSet, which CI's slice does not build."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
SECRETS = {"forecast": {"warehouse-url": "sqlite:///sales.db"}}
INPUTS: dict[str, list[tuple[Any, Any, str]]] = {
    "forecast": [({"day": "2026-11-20"}, None, "succeeded")],
    "sales": [({"article": "tea"}, {"sold": 9}, "succeeded")],
}
"""For flows whose file has no cases."""
FILES = {"sales": {"shop-data/sales.csv": "sales.csv"}}
"""What is in a bucket already: its name there, and the example's file."""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def engines(argo_cluster: Cluster) -> Iterator[dict[str, ArgoEngine]]:
    """The examples' own namespaces, which go with the last of them."""
    made: dict[str, ArgoEngine] = {}
    yield made
    for engine in made.values():
        engine.close()


def answers(flow: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the answers that the cases of a flow give for its component servers."""
    found: dict[str, list[Any]] = {}
    plugins = flow.get("test", {}).get("config", {}).get("plugins", {})
    for plugin in plugins.values():
        for component, mock in plugin.get("components", {}).items():
            behaviors = mock["behaviors"].items()
            table = [[json.loads(given), told["result"]] for given, told in behaviors]
            found[component] = table
    return found


@contextmanager
def listening(argv: list[str], address: str, folder: Path) -> Iterator[None]:
    """Run a server until the end of the block; it listens at port 8080 of its address."""
    process = subprocess.Popen(argv, cwd=folder)
    try:
        end = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((address, 8080)) == 0:
                    break
            assert process.poll() is None, f"{argv} ended"
            assert time.monotonic() < end, f"{argv} does not listen"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def server(case: GoldenCase, host: str, address: str, folder: Path) -> list[str]:
    """Return the command line of the component server that is reached as ``host``."""
    python = str(server_python("0.11.2"))
    if case.example in ("three-classes", "four-stacks"):
        kind = re.search(r"--(cpu|gpu|memory)", host)
        assert kind is not None
        start = f"asyncio.run(servers.server.run(host={address!r}, port=8080))"
        program = f"import asyncio, servers; servers.register_{kind[1]}(); {start}"
        return [python, "-c", program]
    table = folder / "answers.json"
    table.write_text(json.dumps(answers(load_flow(case))))
    program = str(ROOT / "tests" / "servers" / "behavior_server.py")
    return [python, program, address, "8080", str(table)]


class Loader(yaml.CSafeLoader):
    """YAML with mappings as keys, as JSON."""


def _mapping(loader: Loader, node: Any) -> dict[Any, Any]:
    pairs = loader.construct_pairs(node, deep=True)
    return {json.dumps(key) if isinstance(key, dict) else key: value for key, value in pairs}


Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_flow(case: GoldenCase) -> dict[str, Any]:
    path = ROOT / "examples" / case.example / case.flow
    return dict(yaml.load(path.read_text(), Loader=Loader))


def runs(case: GoldenCase) -> list[tuple[Any, Any, str]]:
    """Return input, result and outcome of the flow's own cases."""
    if case.example in INPUTS:
        return INPUTS[case.example]
    found = []
    for test in load_flow(case)["test"]["cases"]:
        told = test["output"]
        outcome = "failed" if told["outcome"] == "failed" else "succeeded"
        outcome = "skipped" if told["outcome"] == "skipped" else outcome
        found.append((test["input"], told.get("result"), outcome))
    return found


def variables(s3: str) -> list[dict[str, str]]:
    """Return what leads the store's client to S3."""
    environment = {**CREDENTIALS, "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": s3}
    return [{"name": name, "value": value} for name, value in environment.items()]


def lend_to_pods(document: dict[str, Any], s3: str) -> None:
    """Lend the same to what is beside a program in its pod."""
    spec = document["template"]["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        if container["name"] != "program":
            container["env"] += variables(s3)


def lent(cluster: Cluster, s3: str, hosts: dict[str, str], heavy: bool) -> str:
    """Return the patch of the pods."""
    main: dict[str, Any] = {"env": variables(s3)}
    if heavy:
        small = {"cpu": "50m", "memory": "128Mi"}
        main["resources"] = {
            "requests": {**small, "nvidia.com/gpu": None},
            "limits": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": None},
        }
    aliases = [{"ip": address, "hostnames": [host]} for host, address in hosts.items()]
    return json.dumps(pod_patch(cluster.shared, main=main, hostAliases=aliases))


def install(
    case: GoldenCase, cluster: Cluster, engines: dict[str, ArgoEngine], s3: str
) -> tuple[ArgoEngine, list[dict[str, Any]]]:
    """Apply the golden files; schedules and component servers are held still."""
    documents = [
        document
        for path in sorted((GOLDEN / case.folder).glob("*.yaml"))
        for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
    ]
    namespace = documents[0]["metadata"]["namespace"]
    if namespace not in engines:
        engines[namespace] = ArgoEngine(cluster, namespace)
    engine = engines[namespace]
    for name, value in SECRETS.get(case.example, {}).items():
        secret = {"name": name, "namespace": namespace}
        data = {"value": value}
        apply(
            engine.client,
            [{"apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": data}],
        )
    for document in documents:
        if document["kind"] == "CronWorkflow":
            document["spec"]["suspend"] = True
        if document["kind"] == "PodTemplate":
            lend_to_pods(document, s3)
        if document["kind"] in ("Deployment", "StatefulSet"):
            document["spec"]["replicas"] = 0  # real servers stand in; there is no room for these
    apply(engine.client, documents)
    return engine, documents


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            marks=[] if case.folder in JOB_SETS else [pytest.mark.argo_slice],
            id=case.folder,
        )
        for case in ARGO
    ],
)
def test_example(
    case: GoldenCase,
    argo_cluster: Cluster,
    engines: dict[str, ArgoEngine],
    s3: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if case.folder in JOB_SETS:
        with_job_sets(argo_cluster)
    engine, documents = install(case, argo_cluster, engines, s3)
    text = (GOLDEN / case.folder / "plan.yaml").read_text()
    hosts = {h: free_address() for h in sorted(set(re.findall(r'"http://([^":/]+):8080"', text)))}
    # flows that it starts have templates of their own, in detached.yaml
    template = [d for d in documents if d["kind"] == "WorkflowTemplate"][-1]
    store = next(
        p["value"] for p in template["spec"]["arguments"]["parameters"] if p["name"] == "store"
    )
    fill(s3, store.removeprefix("s3://").partition("/")[0], case.example)
    for name, value in {**CREDENTIALS, "AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": s3}.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        for host, address in hosts.items():
            argv = server(case, host, address, tmp_path)
            stack.enter_context(listening(argv, address, ROOT / "examples" / case.example))
        heavy = case.example in ("gpu-guard", "forecast")
        patch = lent(argo_cluster, s3, hosts, heavy)
        for given, told, outcome in runs(case):
            name = str(template["metadata"]["name"])
            workflow = engine.submit(name, {"input": json.dumps(given)}, podSpecPatch=patch)
            result = engine.wait(workflow)
            check(result, store, told, outcome, engine, workflow)


def fill(s3: str, bucket: str, example: str) -> None:
    """Make the bucket of the state store, and those with files that are there already."""
    client = boto3.client("s3", endpoint_url=s3, region_name="eu-west-1", **_boto())
    there = {found["Name"] for found in client.list_buckets()["Buckets"]}
    files = FILES.get(example, {})
    for name in {bucket, *(key.partition("/")[0] for key in files)} - there:
        region = {"LocationConstraint": "eu-west-1"}
        client.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    for key, file in files.items():
        name, _, path = key.partition("/")
        body = (ROOT / "examples" / example / file).read_bytes()
        client.put_object(Bucket=name, Key=path, Body=body)


def check(
    result: Result, store: str, told: Any, outcome: str, engine: ArgoEngine, workflow: str
) -> None:
    opened = open_store(store)
    try:
        end = Journal(opened, result.uid).end()
    finally:
        opened.close()
    assert end is not None, f"{result.report()}\n{engine.logs(workflow)}"
    assert end.outcome.value == outcome, f"{end}\n{result.report()}\n{engine.logs(workflow)}"
    assert told is None or compare(told, end.output) == []
    assert (result.phase == "Succeeded") == (outcome in ("succeeded", "skipped"))


def _boto() -> dict[str, str]:
    return {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
