from __future__ import annotations

import pytest

HEAD = """\
schemas:
  type: object
  properties:
    variables:
      type: object
      properties:
        plain: {type: string}
        depth: {type: integer, default: 6}
        key: {type: string, is_secret: true}
        home: {type: string, env_var: HOME_DIR}
        fixed: {type: integer}
"""
FLOW = HEAD + "output: {plain: {$variable: plain}, key: {$variable: key, default: ''}}\n"
STACK = """\
plugins: {b: {type: builtin}}
routes: {"/{component}": [{plugin: b}]}
variables: {plain: of-stack}
"""
PROJECT = """\
project: p
flows: {flow: {file: flow.yaml}}
environments:
  dev: {stack: default, variables: {plain: of-environment, key: hunter2}}
  prod: {stack: default, variables: {plain: {secret: plain-name}, key: {secret: key-name}}}
"""


def variable(found, name):
    return next(one for one in found.placement.variables if one.name == name)


def test_the_nearest_source_wins(placed):
    assert variable(placed(FLOW, STACK), "plain").value == "of-stack"
    found = placed(FLOW, STACK, project=PROJECT, environment="dev", target="local")
    assert variable(found, "plain").value == "of-environment"
    found = placed(FLOW, STACK, sets={"plain": "of-set"}, target="local")
    assert variable(found, "plain").value == "of-stack", "what is set for a run is not in the plan"


def test_defaults_and_environment_variables(placed):
    found = placed(FLOW, STACK)
    depth = variable(found, "depth")
    assert (depth.has_value, depth.has_default, depth.default) == (False, True, 6)
    assert variable(found, "home").env == "HOME_DIR"


def test_secrets_by_name(placed):
    found = placed(FLOW, STACK, project=PROJECT, environment="prod", target="argo")
    assert found.codes == []
    key = variable(found, "key")
    assert (key.secret, key.is_secret, key.has_value) == ("key-name", True, False)
    assert variable(found, "plain").secret == "plain-name"


def test_plain_secrets_only_here(placed):
    here = placed(FLOW, STACK, project=PROJECT, environment="dev", target="local")
    assert here.codes == []
    assert here.placement.secrets == {"key": "hunter2"}
    assert "hunter2" not in repr(here.placement)
    there = placed(FLOW, STACK, project=PROJECT, environment="dev", target="argo")
    assert there.found == [("flowc.yaml", 4, "FC506", "error")]
    assert "hunter2" not in there.messages


def test_a_secret_s_default_is_a_plain_value(placed):
    flow = (
        HEAD.replace("is_secret: true", "is_secret: true, default: hunter2")
        + "output: {$variable: key}\n"
    )
    here = placed(flow, STACK, target="local")
    assert here.placement.secrets == {"key": "hunter2"}
    assert not variable(here, "key").has_default
    assert placed(flow, STACK, target="argo").codes == ["FC506"]


def test_values_have_to_be_there(placed):
    flow = HEAD + "output: [{$variable: fixed}, {$variable: home}]\n"
    found = placed(flow)
    assert found.found == [("flow.yaml", 12, "FC004", "error")]
    assert placed(flow, require_values=False).codes == []
    assert placed(flow, sets={"fixed": 3}, target="local").codes == []
    assert placed(HEAD + "output: {$variable: fixed, default: 1}\n").codes == []
    assert placed(HEAD + "output: 1\n").codes == []
    assert placed(HEAD + "output: {$expr: vars.fixed + 1}\n").codes == ["FC004"]


@pytest.mark.parametrize("name", ["plian", "unheard_of"])
def test_unknown_names(placed, name):
    found = placed(FLOW, STACK, sets={name: 1}, target="local")
    assert found.codes == ["FC208"]
    project = PROJECT.replace("plain: of-environment", f"{name}: x")
    found = placed(FLOW, STACK, project=project, environment="dev", sole_flow=True)
    assert found.found == [("flowc.yaml", 4, "FC208", "error")]


def test_names_of_other_flows_are_no_mistake(placed):
    project = PROJECT.replace("key: hunter2", "of_another_flow: x")
    assert placed(FLOW, STACK, project=project, environment="dev").codes == []
    assert placed(FLOW, STACK.replace("plain: of-stack", "plain: x, other: y")).codes == []


def test_a_near_miss_is_one(placed):
    found = placed(FLOW, STACK.replace("plain: of-stack", "plain: x, depht: 3"))
    assert found.found == [("stack.yaml", 3, "FC208", "error")]


def test_values_match_their_schema(placed):
    found = placed(FLOW, STACK.replace("plain: of-stack", "plain: x, depth: deep"))
    assert found.found == [("stack.yaml", 3, "FC406", "error")]
    found = placed(FLOW, STACK, sets={"depth": "deep"}, target="local")
    assert found.codes == ["FC406"]


def test_undeclared_variables_with_a_default_may_be_given(placed):
    flow = "output: {$variable: size, default: 1}\n"
    assert variable(placed(flow, STACK.replace("plain: of-stack", "size: 2")), "size").value == 2


def test_numbers_are_fixed_when_compiled(placed):
    flow = """\
schemas:
  type: object
  properties:
    variables:
      type: object
      properties: {n: {type: integer, default: 7}, t: {default: 90s}, w: {default: lots}}
steps:
  - id: a
    component: /noop
    timeout: {$variable: t}
    retry: {user: {max: {$variable: n}, delay: 120s}, platform: {factor: 3}}
  - id: each
    foreach: {items: [1, 2], concurrency: {$variable: n}}
    component: /noop
output: {$step: a}
"""
    found = placed(flow)
    assert found.codes == []
    call = found.placement.calls["a"]
    assert call.timeout == 90.0
    assert (call.retry.user.max, call.retry.user.delay, call.retry.user.cap) == (7, 120.0, 120.0)
    assert (call.retry.platform.max, call.retry.platform.factor) == (3, 3.0)
    assert call.retry.timeout.max == 0
    assert found.placement.concurrency == {"each": 7}
    stack = STACK.replace("plain: of-stack", "n: 9")
    assert placed(flow, stack).placement.concurrency == {"each": 9}
    wrong = placed(flow.replace("timeout: {$variable: t}", "timeout: {$variable: w}"))
    assert wrong.found == [("flow.yaml", 11, "FC111", "error")]
    missing = placed(
        flow.replace("n: {type: integer, default: 7}", "n: {type: integer}"), require_values=False
    )
    assert missing.codes == ["FC004", "FC004"]
