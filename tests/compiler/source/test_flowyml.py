"""`flowyml.yaml`: what flowyml ignores does what it says, or is refused at its line.

A test per row of the table in docs/stacks.md.
"""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.source.decode_stack import decode_stacks
from flowc.source.model import Needs
from flowc.source.yaml_reader import read
from flowc.stack_files import sole_stack

if TYPE_CHECKING:
    from flowc.source.stack_model import Stack

Found = list[tuple[str, int, str]]


def read_stacks(text: str, **environ: str) -> tuple[dict[str, Stack], Found]:
    """Return the stacks, and code, line and text of what was found."""
    diagnostics = Diagnostics()
    document = read(dedent(text), "flowyml.yaml", diagnostics)
    assert document is not None
    stacks = decode_stacks(document, diagnostics, environ)
    found = [
        (d.code.number, d.primary.span.line if d.primary else 0, f"{d.message} | {d.hint}")
        for d in diagnostics.sorted()
    ]
    return stacks, found


def one(keys: str, profiles: str = "", **environ: str) -> tuple[Stack, Found]:
    stacks, found = read_stacks(f"stacks:\n  s: {{{keys}}}\n{profiles}", **environ)
    return stacks["s"], found


def refused(keys: str, profiles: str = "", **environ: str) -> Found:
    return read_stacks(f"stacks:\n  s: {{{keys}}}\n{profiles}", **environ)[1]


def store_of(stack: Stack) -> tuple[str | None, str | None]:
    artifacts, state = stack.artifact_store, stack.state_store
    return artifacts and artifacts.url, state and state.url


def test_the_guides_own_file() -> None:
    stacks, found = read_stacks(
        """
        stacks:
          local:
            type: local
            artifact_path: .flowyml/artifacts
          production:
            type: gcp
            project_id: ${GCP_PROJECT_ID}
            region: us-central1
            bucket_name: ${GCP_BUCKET}
        """,
        GCP_PROJECT_ID="acme",
        GCP_BUCKET="acme-artifacts",
    )
    assert [(code, line) for code, line, _ in found] == [("FC119", 7), ("FC119", 8)]
    assert (stacks["local"].target, stacks["production"].target) == ("local", "argo")
    assert store_of(stacks["production"]) == ("gs://acme-artifacts", "gs://acme-artifacts/flowc")


def test_a_local_stack() -> None:
    stack, found = one("type: local, artifact_path: .flowyml/a, metadata_path: .flowyml/m.db")
    assert found == []
    assert stack.target == "local"
    assert store_of(stack) == ("file:.flowyml/a", "sqlite:///.flowyml/m.db")
    assert [cls.type for cls in stack.classes.values()] == ["builtin", "python"]


def test_a_gcp_stack_is_argo_with_googles_storage_and_registry() -> None:
    registry = "us-central1-docker.pkg.dev/acme/flows"
    stack, found = one(f"type: gcp, region: us, bucket_name: b, registry_uri: {registry}")
    assert (stack.target, stack.registry, stack.region) == ("argo", registry, "us")
    assert store_of(stack) == ("gs://b", "gs://b/flowc")
    ((code, line, text),) = found
    assert (code, line) == ("FC119", 2)
    assert "not Vertex AI" in text


def test_the_account_of_google_is_refused_at_its_line() -> None:
    found = refused("type: gcp, bucket_name: b, service_account: a@b")
    ((code, _, text),) = [one for one in found if one[0] != "FC119"]
    assert (code, "workload identity" in text) == ("FC501", True)


def test_an_aws_stack_in_both_spellings() -> None:
    for bucket, registry in (("s3_bucket", "ecr_registry"), ("bucket_name", "registry_uri")):
        stack, found = one(f"type: aws, region: us-east-1, {bucket}: b, {registry}: 123.ecr")
        assert found == []
        assert (stack.target, stack.registry) == ("step-functions", "123.ecr")
        assert store_of(stack) == ("s3://b", "s3://b/flowc")


def test_a_kubernetes_stack() -> None:
    stack, found = one("type: kubernetes, namespace: flows, metadata_store: 'postgresql://a@db/f'")
    assert found == []
    assert (stack.target, stack.namespace) == ("argo", "flows")
    assert store_of(stack) == (None, "postgresql://a@db/f")
    ((code, line, text),) = refused("type: kubernetes, storage_class: standard")
    assert (code, line) == ("FC501", 2)
    assert "volume" in text


def test_preemptible_is_read() -> None:
    stack, found = one("type: local", "resources: {spot: {machine_type: n1, preemptible: true}}\n")
    assert found == []
    profile = stack.profiles["spot"]
    assert (profile.machine_type, profile.preemptible) == ("n1", True)


def test_autoscaling_of_a_step_is_refused() -> None:
    ((code, line, text),) = refused(
        "type: local", "resources: {a: {cpu: '2', autoscaling: true}}\n"
    )
    assert (code, line) == ("FC501", 3)
    assert "deploy: {replicas" in text


def test_resources_have_units() -> None:
    profiles = """
resources:
  gpu: {cpu: "16", memory: 64Gi, disk_size: 100Gi, gpu: nvidia-tesla-v100, gpu_count: 4}
  one: {gpu: nvidia-tesla-t4}
"""
    stack, found = one("type: local", profiles)
    assert found == []
    gpu = stack.profiles["gpu"]
    assert gpu.needs == Needs(cpu=16.0, memory=64 * 2**30, disk=100 * 2**30, gpu=4)
    assert gpu.gpu_type == "nvidia-tesla-v100"
    assert stack.profiles["one"].needs == Needs(gpu=1)


def test_nonsense_is_refused_each_at_its_line() -> None:
    profiles = """\
resources:
  a:
    cpu: two
    memory: lots
    gpu: v100
    gpu_count: -4
"""
    found = refused("type: local", profiles)
    assert [(code, line) for code, line, _ in found] == [
        ("FC304", 5), ("FC304", 6), ("FC304", 8),
    ]  # fmt: skip


def test_a_key_of_another_type_is_refused() -> None:
    ((code, line, text),) = refused("type: local, bucket_name: b")
    assert (code, line) == ("FC104", 2)
    assert "`bucket_name` is not a key of a stack of type `local`" in text


@pytest.mark.parametrize(
    ("keys", "name", "way_out"),
    [
        ("type: gcp, bucket_name: b, orchestrator: {type: vertex_ai}", "vertex_ai", "GKE"),
        ("type: kubernetes, orchestrator: kubeflow", "kubeflow", "target: argo"),
        ("type: aws, s3_bucket: b, orchestrator: {type: airflow}", "airflow", "step-functions"),
        ("type: azure", "azure", "AKS"),
        ("type: local, executor: kubernetes", "kubernetes", "leave it out"),
    ],
)
def test_engines_that_are_none_here(keys: str, name: str, way_out: str) -> None:
    ((code, line, text),) = [one for one in refused(keys) if one[0] != "FC119"]
    assert (code, line) == ("FC006", 2)
    assert text.startswith(f"`{name}`") and way_out in text


@pytest.mark.parametrize("kind", ["mysql", "cloudsql"])
def test_metadata_stores_that_are_none_here(kind: str) -> None:
    ((code, line, text),) = refused(f"type: local, metadata_store: {{type: {kind}, path: m}}")
    assert (code, line) == ("FC113", 2)
    assert "postgresql://" in text


def test_components_of_a_stack() -> None:
    stack, found = one(
        "type: kubernetes, orchestrator: argo, artifact_store: {type: gcs, bucket: b},"
        " metadata_store: {type: sqlite, path: m.db}, container_registry: {uri: gcr.io/acme}"
    )
    assert found == []
    assert store_of(stack) == ("gs://b", "sqlite:///m.db")
    assert stack.registry == "gcr.io/acme"


def test_the_default_stack() -> None:
    text = "default_stack: b\nstacks: {a: {type: local}, b: {type: local}}\n"
    stacks, found = read_stacks(text)
    assert (sole_stack(stacks, None), found) == ("b", [])
    ((code, line, hint),) = read_stacks(text.replace("stack: b", "stack: c"))[1]
    assert (code, line) == ("FC001", 1)
    assert "`a`, `b`" in hint


def test_a_variable_that_is_not_set_is_an_error() -> None:
    assert ("FC007", 2) in [
        (code, line) for code, line, _ in refused("type: aws, s3_bucket: '${NOT_SET}'")
    ]


def test_the_image_of_the_steps() -> None:
    stack, found = one("type: local", "docker: {image: 'gcr.io/acme/ml:v1'}\n")
    assert (found, stack.unit_image) == ([], "gcr.io/acme/ml:v1")
    ((code, line, _),) = refused("type: local", "docker: {dockerfile: ./Dockerfile}\n")
    assert (code, line) == ("FC501", 3)


def test_classes_and_routes_are_flowcs_own_keys() -> None:
    stack, found = one(
        "type: local, plugins: {m: {type: python, module: m}}, "
        "routes: {'/m/{component}': [{plugin: m}]}"
    )
    assert found == []
    assert list(stack.classes) == ["m"]


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("orchestrator", "target"),
        ("executor", "compute"),
        ("metadata_store", "state_store"),
        ("container_registry", "registry"),
    ],
)
def test_words_of_others_in_flowcs_own_file(key: str, ours: str) -> None:
    text = f"plugins: {{b: {{type: builtin}}}}\nroutes: {{}}\n{key}: x\n"
    ((code, line, hint),) = read_stacks(text)[1]
    assert (code, line) == ("FC104", 3)
    assert f"write `{ours}`" in hint


@pytest.mark.parametrize("target", ["vertex", "kubeflow", "airflow"])
def test_targets_of_others_in_flowcs_own_file(target: str) -> None:
    text = f"plugins: {{b: {{type: builtin}}}}\nroutes: {{}}\ntarget: {target}\n"
    ((code, line, _),) = read_stacks(text)[1]
    assert (code, line) == ("FC006", 3)
