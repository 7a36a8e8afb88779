"""Stack files: flowc's own, and Stepflow's configs of each release."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics, Severity
from flowc.source.decode_plugins import BUILTIN_COMPONENTS
from flowc.source.decode_routes import routes_to_json
from flowc.source.decode_stack import decode_stacks
from flowc.source.model import Needs
from flowc.source.stack_model import Balancer, Deploy, Replicas
from flowc.source.yaml_reader import read
from flowc_shim.components.builtins import client
from flowc_shim.contract.steps import Candidate
from flowc_shim.language.routes import compile_routes

if TYPE_CHECKING:
    from flowc.source.stack_model import Stack


def stacks_of(text: str, **environ: str) -> dict[str, Stack]:
    diagnostics = Diagnostics()
    document = read(dedent(text), "stack.yaml", diagnostics)
    assert document is not None
    stacks = decode_stacks(document, diagnostics, environ)
    errors = [d.message for d in diagnostics if d.severity is Severity.ERROR]
    assert not errors
    return stacks


def stack_of(text: str, **environ: str) -> Stack:
    (stack,) = stacks_of(text, **environ).values()
    return stack


ROUTES = 'routes: {"/{component}": [{plugin: a}]}\n'


def class_of(plugin: str) -> dict[str, object]:
    return dict(stack_of(f"plugins: {{a: {plugin}}}\n{ROUTES}").classes["a"].config)


def test_flat_file_is_one_stack() -> None:
    stacks = stacks_of("plugins: {a: {type: builtin}}\n" + ROUTES)
    assert list(stacks) == ["default"]
    assert stacks["default"].classes["a"].components == BUILTIN_COMPONENTS


def test_builtins_are_those_that_there_are() -> None:
    assert {name.lstrip("/") for name in BUILTIN_COMPONENTS} == set(client._COMPONENTS)


def test_everything_a_stack_says() -> None:
    stacks = stacks_of(
        """
        stacks:
          laptop:
            target: local
            plugins: {all: {type: stepflow, command: python, args: [components.py]}}
            routes: {"/ml/{*component}": [{plugin: all}]}
          production:
            target: kubernetes
            namespace: forecasting
            region: eu-south-1
            state_store: "s3://acme/state"
            artifact_store: {url: "s3://acme-${ENV:-production}", secret_access_key: {secret: k}}
            registry: ghcr.io/acme
            unit_image: flowc-unit:1.0
            compute: batch
            workingDirectory: /srv
            variables: {warehouse: {secret: url}, day: 3}
            resources:
              big-gpu: {gpu: 1, gpu_type: v100, memory: 32Gi, preemptible: true, queue: q,
                        node_selector: {a: b}, tolerations: [{key: x}], compute: ecs}
            plugins:
              builtin: {type: builtin, resources: {cpu: 2}}
              gpu: {type: stepflow, deploy: {image: "c:1", resources: big-gpu, replicas: 3}}
            routes:
              "/ml/{*component}": [{plugin: gpu, conditions: [{path: gpu, value: true}]},
                                   {plugin: builtin, component: /x, componentDeny: [/y]}]
        """,
        ENV="staging",
    )
    laptop, production = stacks["laptop"], stacks["production"]
    assert laptop.target == "local"
    assert laptop.classes["all"].components is None
    assert production.target == "argo"
    assert (production.namespace, production.region) == ("forecasting", "eu-south-1")
    assert (production.registry, production.unit_image) == ("ghcr.io/acme", "flowc-unit:1.0")
    assert (production.compute, production.working_directory) == ("batch", "/srv")
    assert production.variables == {"warehouse": {"secret": "url"}, "day": 3}
    assert production.state_store is not None
    assert production.state_store.url == "s3://acme/state"
    assert production.artifact_store is not None
    assert production.artifact_store.url == "s3://acme-staging"
    assert production.artifact_store.options == {"secret_access_key": {"secret": "k"}}
    profile = production.profiles["big-gpu"]
    assert profile.needs == Needs(gpu=1, memory=32 * 2**30)
    assert (profile.gpu_type, profile.preemptible, profile.queue) == ("v100", True, "q")
    assert (profile.node_selector, profile.compute) == ({"a": "b"}, "ecs")
    gpu = production.classes["gpu"]
    assert (gpu.resources, gpu.profile) == (profile.needs, "big-gpu")
    assert gpu.deploy is not None
    assert (gpu.deploy.image, gpu.deploy.replicas) == ("c:1", Replicas(3, 3))
    assert (gpu.deploy.needs, gpu.deploy.profile) == (profile.needs, profile)
    assert production.classes["builtin"].resources == Needs(cpu=2.0)


def test_routes_go_into_plans_as_json() -> None:
    stack = stack_of(
        """
        plugins: {a: {type: builtin}, b: {type: builtin}}
        routes:
          "/m/{component}":
            - {plugin: a, conditions: [{path: gpu, value: true}], componentAllow: [/f]}
            - {plugin: b, component: "/{component}/x", componentDeny: [/y]}
        """
    )
    table = json.loads(json.dumps(routes_to_json(stack.routes)))
    assert compile_routes(table).resolve("/m/f").candidates == (
        Candidate("a", "/f", (("gpu", True),)),
        Candidate("b", "/f/x"),
    )


@pytest.mark.parametrize(
    ("plugin", "config"),
    [
        ("{type: builtin}", {"type": "builtin"}),
        ('{type: stepflow, url: "http://x:80"}', {"type": "stepflow", "url": "http://x:80"}),
        (
            "{type: stepflow, transport: http, command: uv, args: [run],"
            " env: {A: b, C: {secret: d}}, working_directory: w,"
            " healthCheck: {path: /h, timeoutMs: 5}}",
            {
                "type": "stepflow",
                "command": "uv",
                "args": ["run"],
                "env": {"A": "b", "C": {"secret": "d"}},
                "working_directory": "w",
                "healthCheck": {"path": "/h", "timeoutMs": 5},
            },
        ),
        (
            '{type: python, module: m, components: {/a: "m.n:f"}}',
            {"type": "python", "module": "m", "components": {"/a": "m.n:f"}},
        ),
        (
            "{type: command, components: {/a: {command: [sh, x], args: [y], env: {A: b}}}}",
            {
                "type": "command",
                "components": {"/a": {"command": ["sh", "x"], "args": ["y"], "env": {"A": "b"}}},
            },
        ),
        (
            "{type: container, components: {/a: {image: i, command: sh}}}",
            {"type": "container", "components": {"/a": {"image": "i", "command": ["sh"]}}},
        ),
    ],
)
def test_class_configurations(plugin: str, config: dict[str, object]) -> None:
    assert class_of(plugin) == config
    assert next(iter(class_of(plugin))) == "type"


def test_mock_behaviors_are_pairs() -> None:
    stack = stack_of(
        """
        plugins:
          a:
            type: mock
            components:
              /c:
                input_schema: {type: object}
                output_schema: {type: string}
                behaviors:
                  {x: 1}: {outcome: success, result: b}
                  plain: {error: boom}
        routes: {"/mock/{component}": [{plugin: a}]}
        """
    )
    mock = stack.classes["a"]
    assert mock.config["components"] == {
        "/c": {
            "behaviors": [
                [{"x": 1}, {"outcome": "success", "result": "b"}],
                ["plain", {"error": "boom"}],
            ]
        }
    }
    assert mock.components == ("/c",)
    assert mock.input_schemas == {"/c": {"type": "object"}}
    assert mock.output_schemas == {"/c": {"type": "string"}}


@pytest.mark.parametrize(
    ("section", "url"),
    [
        ("stateStore: {type: inMemory}", "memory:"),
        ('stateStore: {type: sqlite, databaseUrl: "sqlite:x.db?mode=rwc"}', "sqlite:x.db?mode=rwc"),
        ("storageConfig: {type: inMemory}", "memory:"),
        ('storageConfig: {metadata: {type: sqlite, databaseUrl: "sqlite:a"}}', "sqlite:a"),
        ('state_store: "sqlite:///x"', "sqlite:///x"),
        ("state_store: 'memory:'", "memory:"),
        ("state_store: {url: 'gs://b/p'}", "gs://b/p"),
        ("state_store: {url: 'postgresql://me@h/d', schema: s}", "postgresql://me@h/d"),
        ("stateStore: {type: postgres, databaseUrl: 'postgres://h/d'}", "postgres://h/d"),
    ],
)
def test_state_stores(section: str, url: str) -> None:
    stack = stack_of(f"plugins: {{a: {{type: builtin}}}}\n{ROUTES}{section}\n")
    assert stack.state_store is not None and stack.state_store.url == url


def test_prefix_routes_of_the_newest_stepflow() -> None:
    stack = stack_of(
        'plugins: {a: {type: builtin}}\nroutes: {"/python": [{plugin: a}], "/": [{plugin: a}]}'
    )
    router = compile_routes([(p, r) for p, r in routes_to_json(stack.routes)])
    assert router.resolve("/python/udf").candidates[0].component == "/udf"


@pytest.mark.parametrize(
    ("text", "environ", "result"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("${A}-${B:-y}", {"A": "x"}, "x-y"),
        ("${A:-y}", {"A": ""}, "y"),
        ("${A:-}", {}, ""),
        ("${A}", {"A": "${B}"}, "${B}"),
        ("$A", {"A": "x"}, "$A"),
        ("a$$b", {}, "a$$b"),
    ],
)
def test_interpolation(text: str, environ: dict[str, str], result: str) -> None:
    stack = stack_of(
        f"plugins: {{a: {{type: builtin}}}}\n{ROUTES}variables: {{v: '{text}'}}\n", **environ
    )
    assert stack.variables["v"] == result


def test_interpolation_reaches_what_an_alias_shares_and_reports_it_once() -> None:
    diagnostics = Diagnostics()
    text = 'variables: {a: &x ["${NO}"], b: *x}\nplugins: {}\nroutes: {}\n'
    document = read(text, "stack.yaml", diagnostics)
    assert document is not None
    decode_stacks(document, diagnostics, {})
    assert [d.code.number for d in diagnostics] == ["FC007"]


def test_a_server_that_flowc_brings_up() -> None:
    stack = stack_of(
        """
        plugins:
          all:
            type: stepflow
            deploy:
              image: "c:1"
              command: python
              args: [-m, servers]
              env: {TOKEN: {secret: token}, LEVEL: "3"}
              port: 9000
              health_path: /ok
              replicas: {min: 2, max: 9, cpu: 70%, metric: {name: waiting, value: 500m}}
              resources: {cpu: 2}
              node_selector: {pool: big}
              tolerations: [{key: gpu, operator: Exists}]
              service_account: models
              grace: 10m
              balancer: {image: "haproxy:3.0", replicas: {min: 2, max: 4, cpu: 50%}}
        routes: {"/{*component}": [{plugin: all}]}
        """
    )
    deploy = stack.classes["all"].deploy
    assert deploy is not None
    assert deploy == Deploy(
        image="c:1",
        span=deploy.span,
        replicas=Replicas(2, 9, 0.7, ("waiting", "500m")),
        balancer=Balancer(Replicas(2, 4, 0.5), "haproxy:3.0", deploy.balancer.span),
        port=9000,
        health_path="/ok",
        grace=600.0,
        command=("python",),
        args=("-m", "servers"),
        env={"TOKEN": {"secret": "token"}, "LEVEL": "3"},
        needs=Needs(cpu=2.0),
        node_selector={"pool": "big"},
        tolerations=({"key": "gpu", "operator": "Exists"},),
        service_account="models",
        spans=deploy.spans,
    )
    assert {key: span.line for key, span in deploy.spans.items()} == {
        "replicas": 12, "node_selector": 14, "tolerations": 15, "grace": 17
    }  # fmt: skip
    assert stack.classes["all"].resources == Needs(cpu=2.0)


def test_a_server_behind_a_balancer_that_is_there() -> None:
    stack = stack_of(
        """
        ecs: {subnets: [subnet-1], namespace: flows.internal}
        plugins:
          all:
            type: stepflow
            deploy:
              image: "c:1"
              capacity_provider: machines
              load_balancer: {target_group: "arn:x", url: "http://lb"}
        routes: {"/{*component}": [{plugin: all}]}
        """
    )
    assert stack.ecs is not None and stack.ecs.namespace == "flows.internal"
    deploy = stack.classes["all"].deploy
    assert deploy is not None and deploy.load_balancer is not None
    assert deploy.capacity_provider == "machines"
    assert (deploy.load_balancer.target_group, deploy.load_balancer.url) == ("arn:x", "http://lb")


def test_a_server_of_which_little_is_said() -> None:
    text = 'plugins: {a: {type: stepflow, deploy: {image: "c:1"}}}\nroutes: {}'
    deploy = stack_of(text).classes["a"].deploy
    assert deploy is not None
    assert (deploy.replicas, deploy.balancer) == (Replicas(1, 1), Balancer(Replicas(2, 2)))
    assert (deploy.port, deploy.health_path, deploy.grace) == (8080, "/health", 300.0)
