"""Secrets by name: where their values come from, and that no result keeps one."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.runtime_shim.runner.world import Components, World, plan_of

from flowc_shim import aws_secrets
from flowc_shim.aws_secrets import SecretsUnavailable, with_secrets
from flowc_shim.contract.errors import FlowError
from flowc_shim.contract.secrets import (
    SecretMissing,
    class_secrets,
    environment_name,
    reveal_class,
    revealed,
)
from flowc_shim.contract.steps import PlanVariable
from flowc_shim.runner.following import follow
from flowc_shim.runner.gang import Gang
from flowc_shim.runner.variables import Variables

SECRET = 'hunter2-"planted"'
ENVIRON = {"FLOWC_SECRET_DB_KEY": SECRET}


@pytest.mark.parametrize(
    ("name", "variable"),
    [("db-key", "DB_KEY"), ("a.b", "A_B"), ("ssm:/x/y", "SSM__X_Y"), ("Ärger", "_RGER")],
)
def test_the_variable_follows_from_the_name(name: str, variable: str) -> None:
    assert environment_name(name) == f"FLOWC_SECRET_{variable}"


def test_only_what_is_a_secret_is_replaced() -> None:
    given: dict[str, Any] = {"a": {"secret": "db-key"}, "b": "x", "c": {"secret": "x", "y": 1}}
    assert revealed(given, ENVIRON) == {"a": SECRET, "b": "x", "c": {"secret": "x", "y": 1}}
    with pytest.raises(SecretMissing, match="secret `other` has no value: set FLOWC_SECRET_OTHER"):
        revealed({"a": {"secret": "other"}}, ENVIRON)


def test_classes_name_secrets_in_their_env_and_in_that_of_their_programs() -> None:
    config = {
        "type": "command",
        "env": {"A": {"secret": "db-key"}},
        "components": {"/f": {"command": ["x"], "env": {"B": {"secret": "db-key"}, "C": "c"}}},
    }
    assert [*class_secrets(config)] == ["db-key", "db-key"]
    found = reveal_class(config, ENVIRON)
    assert found["env"] == {"A": SECRET}
    assert found["components"]["/f"] == {"command": ["x"], "env": {"B": SECRET, "C": "c"}}
    answers = {"type": "mock", "components": {"/f": {"env": {"B": {"secret": "x"}}}}}
    assert [*class_secrets(answers)] == [] and reveal_class(answers, {}) == answers


def test_a_variable_that_names_a_secret_without_value_says_so() -> None:
    variables = Variables((PlanVariable("key", secret="db-key", is_secret=True),), environ={})
    with pytest.raises(KeyError, match="set FLOWC_SECRET_DB_KEY"):
        variables.value("key")


@pytest.mark.parametrize("value", [SECRET, [1, {"k": f"db://{SECRET}@host"}], {SECRET: 1}])
def test_a_value_that_holds_a_secret_is_refused(value: Any) -> None:
    variables = Variables((PlanVariable("key", secret="db-key"),), environ=ENVIRON)
    with pytest.raises(FlowError) as refused:
        variables.refuse_secrets(value, "the output of `a`")
    assert refused.value.info.code == "SECRET_IN_OUTPUT" and refused.value.info.final
    assert "hunter2" not in refused.value.info.message


def test_a_place_that_follows_writes_no_secret() -> None:
    step = {"id": "a", "component": "/t/echo", "input": 1}
    world = World(plan_of([step]), Components({"a": {"key": SECRET}})).begin()
    shim = world.shim(variables=Variables((PlanVariable("key", secret="db-key"),), environ=ENVIRON))
    gang = Gang(world.store, world.run_key, "g", 0, 1, "here", led=True)
    gang.say("call/1", {"step": "a", "scope": "", "attempt": 1, "hosts": ["here"]})
    gang.say("end", {})
    follow(shim, gang)
    told = {key.rpartition("/g/")[2]: world.store.read(key) for key in world.store.list("")}
    assert b"SECRET_IN_OUTPUT" in (told["failed/1/0"] or b"")
    assert "output/1" not in told and SECRET.encode() not in b"".join(filter(None, told.values()))


def test_short_secrets_are_not_searched_for_in_results() -> None:
    variables = Variables((), environ={"FLOWC_SECRET_PIN": "1234567"})
    variables.refuse_secrets({"n": "1234567"}, "it")


def test_aws_is_asked_for_values_and_not_at_every_invocation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aws_secrets, "_fetched", {})
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    wanted = {"FLOWC_SECRET_A": "team/a", "FLOWC_SECRET_B": "ssm:/team/b"}
    environ = {"FLOWC_AWS_SECRETS": json.dumps(wanted), "OTHER": "kept"}
    with mock_aws():
        manager = boto3.client("secretsmanager")
        made = manager.create_secret(Name="team/a", SecretString="first")
        boto3.client("ssm").put_parameter(Name="/team/b", Value="b", Type="SecureString")
        expected = {**environ, "FLOWC_SECRET_A": "first", "FLOWC_SECRET_B": "b"}
        assert with_secrets(environ) == expected
        manager.put_secret_value(SecretId=made["ARN"], SecretString="second")
        assert with_secrets(environ) == expected
        monkeypatch.setattr(aws_secrets, "_fetched", {})
        assert with_secrets(environ)["FLOWC_SECRET_A"] == "second"
        for name in ("nowhere", "ssm:/nowhere"):
            with pytest.raises(ValueError, match=f"secret `{name}` cannot be read"):
                with_secrets({"FLOWC_AWS_SECRETS": json.dumps({"FLOWC_SECRET_X": name})})
    assert with_secrets({"OTHER": "x"}) == {"OTHER": "x"}


def test_aws_that_does_not_answer_may_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SecretsUnavailable, match="secret `a`"):
        with_secrets({"FLOWC_AWS_SECRETS": '{"FLOWC_SECRET_A": "a"}'})
