"""Notes on what is certainly elsewhere; of what may be anywhere nothing is said."""

from __future__ import annotations

import pytest

from flowc.diagnostics import Diagnostics, Severity
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target
from flowc_targets._shared.note_locality import region_of

FLOW = """
schema: flowc/v1
name: orders
steps: [{id: a, component: /f, input: {x: {$artifact: "gs://data/x"}}}]
output: {$step: a}
"""
SERVED = """
plugins: {s: {type: stepflow, url: "https://a.execute-api.us-east-1.amazonaws.com"}}
routes: {"/{component}": [{plugin: s}]}
bindings: [{port: /a/y, data: "az://data/y"}]
"""


def notes(target_name: str, stack: str, *, flow: str = FLOW) -> list[tuple[str, int, str]]:
    diagnostics = Diagnostics()
    flow_file, stack_file = (
        read(text, file, diagnostics) for text, file in ((flow, "f"), (stack, "s"))
    )
    assert flow_file is not None and stack_file is not None
    source = decode_flow(flow_file, diagnostics)
    chosen = decode_stacks(stack_file, diagnostics, {})["default"]
    target = find_target(target_name, diagnostics)
    assert source is not None and target is not None
    assert compile_flow(source, chosen, target, Options(), diagnostics) is not None, diagnostics
    found = [one for one in diagnostics if one.code.number == "FC313"]
    assert all(one.severity is Severity.NOTE for one in found)
    return [
        (one.primary.span.file, one.primary.span.line, one.message) for one in found if one.primary
    ]


STORES = """\
region: eu-west-1
state_store: {url: "s3://b/state", region: REGION}
artifact_store: {url: "s3://c/files", region: us-east-1}
"""


@pytest.mark.parametrize("target", ["argo", "step-functions"])
def test_regions_that_are_written_on_both_sides(target: str) -> None:
    stack = STORES.replace("REGION", "eu-west-1") + SERVED.replace("az:", "s3:")
    found = notes(target, stack, flow=FLOW.replace("gs:", "s3:"))
    assert found == [
        ("s", 3, "the artifact store is in `us-east-1`, and the stack in `eu-west-1`"),
        ("s", 5, "class `s` is in `us-east-1`, and the stack in `eu-west-1`"),
    ]
    stack = stack.replace("region: eu-west-1\n", "", 1)
    assert [one[2] for one in notes(target, stack, flow=FLOW.replace("gs:", "s3:"))] == [
        "the artifact store is in `us-east-1`, and the state store in `eu-west-1`",
        "class `s` is in `us-east-1`, and the state store in `eu-west-1`",
    ]


def test_another_cloud_is_certain_where_the_target_is_in_one() -> None:
    stack = 'state_store: "s3://b/state"\n' + SERVED
    assert notes("argo", stack) == []
    assert notes("step-functions", stack) == [
        ("f", 4, "`gs://data/x` is in Google Cloud, and the stack on AWS"),
        ("s", 5, "`az://data/y` is on Azure, and the stack on AWS"),
    ]


@pytest.mark.parametrize(
    "stores",
    [
        'state_store: "s3://us-east-1/state"',
        'state_store: {url: "s3://b/s", region: us-east-1, endpoint: "http://minio:9000"}',
        'state_store: {url: "s3://b/s", region: eu-west-1}',
        'state_store: "postgresql://u@db.us-east-1.internal:5432/d"',
    ],
)
def test_what_is_not_certain_is_not_said(stores: str) -> None:
    served = SERVED.replace("a.execute-api.us-east-1.amazonaws.com", "us-east-1.acme.io")
    assert notes("argo", f"region: eu-west-1\n{stores}\n{served}") == []


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("http://internal-x-1.us-gov-west-1.elb.amazonaws.com:80", "us-gov-west-1"),
        ("https://abc.lambda-url.ap-southeast-2.on.aws/", "ap-southeast-2"),
        ("https://us-east-1-models.amazonaws.com", None),
        ("https://eu-west-1.example.org", None),
        ("", None),
    ],
)
def test_regions_in_addresses(url: str, region: str | None) -> None:
    assert region_of(url) == region
