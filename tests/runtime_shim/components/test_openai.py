"""The built-in ``openai`` against a stand-in of the API."""

from __future__ import annotations

import time

import pytest

from flowc_shim.components.builtins.client import BuiltinClient
from flowc_shim.contract.errors import ErrorClass

MESSAGES = [{"role": "user", "content": "hi"}]
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "hello"}}]}


@pytest.fixture
def openai(caller, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return caller(BuiltinClient(str(tmp_path)))


@pytest.fixture
def api(stand_in, respond):
    return stand_in(lambda request: respond(200, ANSWER))


def test_options_are_passed_on(openai, api):
    options = {"model": "m-1", "temperature": 0.5, "max_tokens": 10, "seed": 7, "top_p": None}
    value = {"messages": MESSAGES, "base_url": f"{api.url}/v1/", "api_key": "k", **options}
    assert openai("/openai", value) == {"response": "hello"}
    (request,) = api.requests
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.headers["authorization"] == "Bearer k"
    del options["top_p"]
    assert request.message == {"messages": MESSAGES, **options}


def test_url_and_key_of_the_environment(openai, api, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{api.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "from-env")
    openai("/openai", {"messages": MESSAGES})
    assert api.requests[0].headers["authorization"] == "Bearer from-env"
    assert api.requests[0].message["model"] == "gpt-3.5-turbo"


def test_the_environments_key_goes_nowhere_else(openai, api, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "from-env")
    openai("/openai", {"messages": MESSAGES, "base_url": api.url})
    assert "authorization" not in api.requests[0].headers


def test_no_key(openai):
    error = openai.error("/openai", {"messages": MESSAGES})
    assert (error.code, error.final) == ("CONFIGURATION", True)


@pytest.mark.parametrize(
    ("status", "error_class", "final"),
    [
        (400, ErrorClass.USER, True),
        (401, ErrorClass.USER, True),
        (429, ErrorClass.PLATFORM, False),
        (500, ErrorClass.USER, False),
        (503, ErrorClass.PLATFORM, False),
    ],
)
def test_refusals(openai, stand_in, respond, status, error_class, final):
    api = stand_in(lambda request: respond(status, {"error": {"message": "because"}}))
    error = openai.error("/openai", {"messages": MESSAGES, "base_url": api.url, "api_key": "k-1"})
    assert (error.error_class, error.code, error.final) == (error_class, f"HTTP_{status}", final)
    assert "because" in error.message
    assert "k-1" not in error.message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "INVALID_RESPONSE"),
        ({"choices": []}, "INVALID_RESPONSE"),
        ([], "INVALID_RESPONSE"),
        ({"choices": [{"message": {"content": None, "tool_calls": [1]}}]}, "NO_CONTENT"),
    ],
)
def test_answers_without_text(openai, stand_in, respond, body, code):
    api = stand_in(lambda request: respond(200, body))
    assert openai.error("/openai", {"messages": MESSAGES, "base_url": api.url}).code == code


def test_a_model_that_takes_too_long(openai, stand_in):
    api = stand_in(lambda request: time.sleep(3))
    began = time.monotonic()
    error = openai.error("/openai", {"messages": MESSAGES, "base_url": api.url}, timeout=0.2)
    assert error.error_class is ErrorClass.TIMEOUT
    assert time.monotonic() - began < 1


def test_a_service_that_is_not_there(openai, stand_in):
    api = stand_in(lambda request: None)
    assert (
        openai.error("/openai", {"messages": MESSAGES, "base_url": api.url}).code == "UNREACHABLE"
    )
