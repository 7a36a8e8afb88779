"""The shape of what is emitted, and Argo's own judgement of it."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.gates.argo_crds import validate_strict
from tests.gates.argo_validator import argo_problems
from tests.targets.argo.flows import (
    STACK,
    arguments,
    chain,
    compiled,
    emitted,
    tasks,
    template_of,
    templates,
    written,
)
from tests.targets.argo.test_dag_rules import (
    DIAMOND,
    HANDLED_HEAVY,
    HANDLED_LEAF,
    HANDLED_LOOP,
    HEAVY,
    LOOP,
)

from flowc.features import FEATURES
from flowc_shim.contract.policies import Budget, Retry
from flowc_shim.runner.plans import parse_plan
from flowc_shim.runner.runtime import LONGEST_HELD_WAIT
from flowc_targets.argo import TARGET
from flowc_targets.argo.leaves import HELD_WAIT, STATUS, engine_retry
from flowc_targets.argo.limits import PLAN_READABLE_BYTES
from flowc_targets.argo.sizes import deepest, template_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.target import Compilation
    from flowc_shim.contract.plan import Plan

NESTED = """
steps:
- id: outer
  foreach: {items: {$input: rows}, concurrency: 2}
  steps:
  - {id: pre, component: /f, input: {$item: ""}, onError: {action: useDefault}}
  - id: inner
    foreach: {items: {$step: pre}, maxFailures: 1}
    steps: [{id: f, component: /f, input: {$item: ""}}]
    output: {$step: f}
    onError: {action: useDefault}
  output: {$step: inner}
output: {$step: outer}
"""
WEIRD = """
steps:
- {id: "1st", component: /f, input: 1, onError: {action: useDefault}}
- {id: "a.b", component: /f, input: {$step: "1st"}}
- {id: "a b", component: /f, input: {$step: "a.b"}}
- {id: "größe=1", component: /f, input: {$step: "a b"}, onError: {action: useDefault}}
- {id: "not", component: /f, input: {$step: "größe=1"}}
- {id: "in", component: /f, input: {$step: "not"}}
- {id: settle, component: /f, input: {$step: "in"}}
- {id: main, component: /f, input: {$step: settle}}
- {id: "日本", component: /f, input: {$step: main}}
- {id: "--ask", component: /f, input: {$step: "日本"}, onError: {action: useDefault}}
- id: "loop 1"
  foreach: {items: {$step: "日本"}}
  steps: [{id: "not", component: /f, input: {$item: ""}}]
  output: {$step: "not"}
- {id: "loop-1-fan", component: /f, input: {$step: "loop 1"}}
- {id: %s, component: /f, input: 1}
output: {$step: "loop 1"}
""".replace("%s", "x" * 80)
RICH_STACK = """
namespace: flows
registry: ghcr.io/acme/
unit_image: units:2.0
state_store:
  url: s3://bucket/state
  endpoint: http://minio:9000
  region: eu-south-1
  allow_http: true
  access_key_id: {secret: minio-id}
  secret_access_key: {secret: minio-key}
variables: {warehouse: {secret: warehouse-url}}
resources:
  big: {gpu: 2, memory: 32Gi, cpu: 8, disk: 1500M, gpu_type: v100,
        node_selector: {accelerator: v100}, machine_type: p3.8xlarge,
        tolerations: [{key: gpu, operator: Exists}]}
plugins:
  served: {type: stepflow, url: "http://components:8080"}
  inside: {type: python}
routes:
  "/inside/{*component}": [{plugin: inside}]
  "/{*component}": [{plugin: served}]
"""
RICH = """
description: Sales of a day.
version: "1.2"
schemas:
  type: object
  properties: {variables: {type: object, properties: {warehouse: {type: string, is_secret: true}}}}
steps:
- {id: a, component: /f, input: {$variable: warehouse}, timeout: 20m,
   retry: {platform: {max: 5, delay: 60s, factor: 1.5, cap: 10m}, user: {max: 2, delay: 90s}}}
- {id: b, component: /inside/m, input: {$step: a}, resources: big, when: steps.a > 1}
- {id: c, component: /f, input: {$step: b, onSkip: 0}, retry: {platform: {max: 0}}}
output: {$step: c}
"""
WIDE = "\n".join(
    [
        "steps:",
        "- {id: root, component: /f, input: 1}",
        *(f"- {{id: w{n}, component: /f, input: {{$step: root}}}}" for n in range(448)),
        "- {id: join, component: /f, input: 1, needs: [" + ", ".join(f"w{n}" for n in range(448)),
        "]}",
        "output: {$step: join}",
    ]
)
LONG_BODY = "\n".join(
    [
        "steps:",
        "- id: each",
        "  foreach: {items: {$input: rows}}",
        "  steps:",
        *(
            f"  - {{id: s{n}, component: /f, input: {{$step: s{n - 1}}}"
            f"{', onError: {action: useDefault}' if n % 3 else ''}}}"
            for n in range(1, 260)
        ),
        "  - {id: s0, component: /f, input: 1}",
        "  output: {$step: s259}",
        "output: {$step: each}",
    ]
)

CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "chain": (chain(5), STACK, {}),
    "chain-auto": (chain(50), STACK, {"granularity": "auto"}),
    "diamond": (DIAMOND, STACK, {}),
    "handled-leaf": (HANDLED_LEAF, STACK, {}),
    "loop": (LOOP, STACK, {}),
    "handled-loop": (HANDLED_LOOP, STACK, {}),
    "nested": (NESTED, STACK, {}),
    "heavy": (HEAVY, STACK, {}),
    "handled-heavy": (HANDLED_HEAVY, STACK, {}),
    "weird": (WEIRD, STACK, {"flow": "Größe (v2)", "project": "P", "branch": "feature/x"}),
    "rich": (RICH, RICH_STACK, {}),
    "chain-450": (chain(450), STACK, {}),
    "wide-450": (WIDE, STACK, {}),
    "long-body": (LONG_BODY, STACK, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_argo_accepts_what_is_emitted(case: str, tmp_path: Path) -> None:
    flow, stack, options = CASES[case]
    files = emitted(flow, stack, **options)
    assert list(files) == ["rbac.yaml", "plan.yaml", "workflow-template.yaml", "sweeper.yaml"]
    assert validate_strict(template_of(files)) == []
    for document in yaml.safe_load_all(files["sweeper.yaml"]):
        assert validate_strict(document) == []
    assert argo_problems(written(tmp_path, files)) == []


@pytest.mark.parametrize("case", CASES)
def test_the_plan_comes_back_from_its_config_map(case: str) -> None:
    flow, stack, options = CASES[case]
    compilation = compiled(flow, stack, **options)
    assert plan_in(TARGET.emit(compilation)["plan.yaml"], compilation).digest


def plan_in(text: str, compilation: Compilation) -> Plan:
    document = yaml.safe_load(text)
    assert document["immutable"] is True
    assert document["metadata"]["name"].endswith(f"-plan-{compilation.plan.digest[:8]}")
    if "data" in document:
        body = document["data"]["plan.json"].encode()
    else:
        body = base64.b64decode(document["binaryData"]["plan.json.gz"])
    return parse_plan(body, compilation.plan.digest)


def test_a_large_plan_is_packed_always_to_the_same_bytes() -> None:
    compilation = compiled(chain(1100))
    text = TARGET.emit(compilation)["plan.yaml"]
    assert "binaryData" in yaml.safe_load(text)
    assert len(text) < PLAN_READABLE_BYTES
    assert plan_in(text, compilation).name == "orders"
    assert TARGET.emit(compiled(chain(1100)))["plan.yaml"] == text


def test_the_same_flow_gives_the_same_bytes_under_any_hash_seed() -> None:
    code = (
        "import hashlib; from tests.targets.argo.flows import emitted\n"
        "from tests.targets.argo.test_manifests import WEIRD, RICH, RICH_STACK\n"
        "files = emitted(WEIRD) | {f'r-{k}': v for k, v in emitted(RICH, RICH_STACK).items()}\n"
        "print(hashlib.sha256(repr(files).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(["."])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(digests) == 1


def test_one_short_task_per_unit_and_few_leaf_templates() -> None:
    found = templates(chain(60))
    assert set(found) == {"main", "run-first", "run", "finish"}
    assert tasks(found["main"])["s2"] == {
        "name": "s2",
        "template": "run",
        "depends": "s1",
        "arguments": {"parameters": [{"name": "unit", "value": "s2"}]},
    }


def test_an_edit_of_one_step_moves_few_lines() -> None:
    before = emitted(chain(60))["workflow-template.yaml"].splitlines()
    edited = chain(60).replace("id: s30, component: /f", "id: s30, timeout: 5s, component: /f")
    after = emitted(edited)["workflow-template.yaml"].splitlines()
    moved = [line for line in set(after) ^ set(before) if "plan" not in line]
    assert len(moved) < 10, moved


def test_a_chain_in_one_pod_says_which_steps_it_runs() -> None:
    (task,) = tasks(templates(chain(50), granularity="auto")["main"]).values()
    assert task["template"].startswith("run-first-chain")
    steps = arguments(task)["steps"]
    assert steps.startswith("s0, s1, s2, ")
    assert steps.endswith(", … (30 more), s49")


def test_only_first_pods_get_the_input() -> None:
    found = templates(DIAMOND)
    with_input = {
        name
        for name, template in found.items()
        if "container" in template
        and any(e["name"] == "FLOWC_RUN_INPUT" for e in template["container"]["env"])
    }
    assert with_input == {"run-first", "finish"}


def test_the_shim_is_asked_what_it_understands() -> None:
    found = templates(NESTED)
    name = tasks(found["outer-item"])["inner-close"]["template"]
    assert found[name]["container"]["args"][3:] == [
        "--unit={{inputs.parameters.unit}}",
        "--scope={{inputs.parameters.scope}}",
        "--settle={{inputs.parameters.settle-1}}",
    ]
    assert found["finish"]["container"]["args"][2:] == [
        "--run={{workflow.uid}}",
        f"--status={STATUS}",
    ]


def test_the_fan_out_bounds_its_items_by_dags_of_their_own() -> None:
    found = templates(NESTED)
    fan = found["outer-fan"]
    assert fan["parallelism"] == 2
    (item,) = fan["dag"]["tasks"]
    assert "dag" in found[item["template"]]
    assert item["withSequence"] == {"count": "{{inputs.parameters.count}}"}
    (inner,) = found["outer-inner-fan"]["dag"]["tasks"]
    scope = "{{inputs.parameters.scope}}/{{item}}~{{inputs.parameters.count}}"
    assert arguments(inner) == {"scope": scope}


def test_a_count_has_no_default_and_a_guard_says_start() -> None:
    opened = templates(LOOP)["open"]["outputs"]["parameters"]
    assert opened == [{"name": "verdict", "valueFrom": {"path": "/tmp/flowc/verdict.json"}}]
    (asked,) = templates(HEAVY)["ask"]["outputs"]["parameters"]
    assert yaml.safe_load(asked["valueFrom"]["default"])["go"] is True


def test_what_is_particular_of_a_unit_is_on_its_template() -> None:
    spec = template_of(emitted(RICH, RICH_STACK))["spec"]
    found = {template["name"]: template for template in spec["templates"]}
    first = found[tasks(found["main"])["a"]["template"]]
    assert first["retryStrategy"] == {
        "limit": 7,
        "retryPolicy": "Always",
        "expression": "lastRetry.exitCode not in ['111', '112', '113', '114', '115']",
        "backoff": {"duration": "90s", "factor": 2, "cap": "600s"},
    }
    assert first["activeDeadlineSeconds"] > 8 * 20 * 60
    assert first["container"]["image"] == "ghcr.io/acme/units:2.0"
    heavy = found[tasks(found["main"])["b"]["template"]]
    assert heavy["container"]["resources"]["limits"] == {
        "cpu": "8",
        "memory": "32Gi",
        "ephemeral-storage": "1500000000",
        "nvidia.com/gpu": "2",
    }
    assert heavy["nodeSelector"] == {
        "accelerator": "v100",
        "node.kubernetes.io/instance-type": "p3.8xlarge",
    }
    assert heavy["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    last = found[tasks(found["main"])["c"]["template"]]
    assert "retryStrategy" not in last
    assert last["container"]["resources"] == {"requests": {"cpu": "50m", "memory": "128Mi"}}
    parameters = {p["name"]: p["value"] for p in spec["arguments"]["parameters"]}
    assert parameters == {
        "input": "{}",
        "start": "{}",
        "trigger": "null",
        "store": "s3://bucket/state",
        "store-options": '{"access_key_id": {"secret": "minio-id"}, "allow_http": "true", '
        '"endpoint": "http://minio:9000", "region": "eu-south-1", '
        '"secret_access_key": {"secret": "minio-key"}}',
    }


def test_secrets_are_references_only() -> None:
    files = emitted(RICH, RICH_STACK)
    spec = template_of(files)["spec"]
    env = {e["name"]: e for e in spec["templates"][-1]["container"]["env"]}
    for name, secret in {
        "FLOWC_SECRET_WAREHOUSE_URL": "warehouse-url",
        "FLOWC_SECRET_MINIO_ID": "minio-id",
        "FLOWC_SECRET_MINIO_KEY": "minio-key",
    }.items():
        assert env[name]["valueFrom"] == {"secretKeyRef": {"name": secret, "key": "value"}}


def test_pods_may_do_little() -> None:
    files = emitted(DIAMOND)
    spec = template_of(files)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    for template in spec["templates"]:
        if "container" in template:
            context = template["container"]["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
    _, role, binding = yaml.safe_load_all(files["rbac.yaml"])
    assert role["rules"] == [
        {
            "apiGroups": ["argoproj.io"],
            "resources": ["workflowtaskresults"],
            "verbs": ["create", "patch"],
        }
    ]
    assert binding["subjects"][0]["name"] == spec["serviceAccountName"]


def test_names_of_objects_come_from_project_branch_and_flow() -> None:
    files = emitted(chain(2), project="sales", branch="main", flow="forecast")
    document = template_of(files)
    assert document["metadata"]["name"] == "sales-main-forecast"
    assert document["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "flowc",
        "app.kubernetes.io/name": "sales-main-forecast",
        "flowc.dev/flow": "orders",
        "flowc.dev/project": "sales",
        "flowc.dev/branch": "main",
    }


def test_a_long_chain_becomes_segments_in_a_row() -> None:
    found = templates(chain(450))
    outer = tasks(found["main"])
    assert len(outer) == 3
    names = list(outer)
    assert outer[names[1]]["depends"] == names[0]
    assert outer[names[2]]["depends"] == names[1]
    assert all(len(t["dag"]["tasks"]) <= 200 for t in found.values() if "dag" in t)
    units = [arguments(t)["unit"] for name in names for t in found[name]["dag"]["tasks"]]
    assert sorted(units) == sorted(f"s{n}" for n in range(450))


def test_a_wide_graph_is_cut_between_its_levels() -> None:
    found = templates(WIDE)
    outer = tasks(found["main"])
    after = {name: task.get("depends") for name, task in outer.items()}
    first = "main-from-root"
    middle = [name for name, depends in after.items() if depends == first]
    assert len(found[first]["dag"]["tasks"]) == 1
    assert len(middle) == 3
    assert len(outer) == 5


def test_independent_parts_are_never_ordered() -> None:
    own = chain(300).partition("output:")[0]
    other = re.sub(r"\bs(\d+)", r"t\1", own).removeprefix("steps:\n")
    outer = tasks(templates(f"{own}{other}output: {{$step: s299}}")["main"])
    assert len(outer) == 4
    assert len([task for task in outer.values() if "depends" not in task]) == 2


def test_how_deep_templates_nest() -> None:
    assert deepest(compiled(chain(3)).layout) == 2
    assert deepest(compiled(NESTED).layout) == 6
    assert deepest(compiled(LONG_BODY).layout) == 5


def test_a_step_costs_little() -> None:
    small, large = (template_of(emitted(chain(n))) for n in (50, 150))
    assert (template_bytes(large) - template_bytes(small)) / 100 < 130


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (Retry(), (3, 1, 2, 30)),
        (Retry(platform=Budget(0)), (0, 1, 2, 30)),
        (Retry(platform=Budget(3, 5, 2, 60)), (3, 1, 2, 30)),
        (Retry(platform=Budget(5, 5, 2, 60)), (5, 5, 2, 60)),
        (Retry(user=Budget(2, 0.5, 1.5, 400), platform=Budget(1, 45)), (3, 45, 2, 400)),
    ],
)
def test_the_engine_never_waits_less_than_asked(retry: Retry, expected: tuple[int, ...]) -> None:
    assert engine_retry(retry) == expected
    _, seconds, factor, cap = expected
    for budget in (retry.user, retry.platform, retry.timeout):
        for number in range(1, budget.max + 1):
            engine = min(cap, seconds * factor ** (number - 1))
            assert budget.wait(number) <= max(HELD_WAIT, engine)


def test_the_shim_holds_the_waits_that_the_engine_does_not() -> None:
    assert HELD_WAIT == LONGEST_HELD_WAIT


def test_every_feature_has_a_cell() -> None:
    assert set(TARGET.features) == {feature.name for feature in FEATURES}
    assert all(cell.note for cell in TARGET.features.values() if cell.support.value != "native")


def test_loading_the_target_is_cheap() -> None:
    code = (
        "import sys, flowc_targets.argo\n"
        "print([m for m in ('networkx', 'yaml', 'flowc_targets._shared.yaml_emitter',"
        " 'flowc_targets.argo.dags', 'flowc_shim.stores', 'flowc_shim.runner')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
