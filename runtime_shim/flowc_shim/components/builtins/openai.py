"""The built-in ``openai``: one chat completion over the API that OpenAI and others serve."""

from __future__ import annotations

import http.client
import os
from typing import TYPE_CHECKING, Any

from flowc_shim.components.builtins.inputs import Fields, invalid
from flowc_shim.components.http_wire import (
    Endpoint,
    MessageTooLarge,
    connection_error,
    read_body,
    status_error,
)
from flowc_shim.components.json_text import decode_json, encode_json
from flowc_shim.components.limits import SocketGuard
from flowc_shim.contract.errors import final_error, user_error

if TYPE_CHECKING:
    from flowc_shim.components.builtins.client import Setting
    from flowc_shim.contract.json_types import Json

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-3.5-turbo"
"""Stepflow's own: a flow that names no model gets the same one."""


def complete_chat(setting: Setting) -> Json:
    """Return ``{"response": text}`` of the first choice.

    Input: ``messages``, ``model``, ``base_url`` (or OPENAI_BASE_URL), ``api_key`` (or
    OPENAI_API_KEY), and every other option of chat completions, passed on as it is. The key of
    the environment goes to the environment's own base URL only: data of a flow must not be able
    to send it elsewhere. Raises FlowError: ``HTTP_429`` … as platform, other 4xx as final.
    """
    fields = setting.fields
    fields.items("messages")
    if setting.call.input.get("stream"):
        raise invalid("/openai: `stream` is not supported")
    url, key = _where(fields)
    body = {
        name: value
        for name, value in setting.call.input.items()
        if name not in ("api_key", "base_url") and value is not None
    }
    body.setdefault("model", DEFAULT_MODEL)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return {"response": _content(_post(setting, f"{url}/chat/completions", headers, body))}


def _where(fields: Fields) -> tuple[str, str | None]:
    """Return the base URL, and the key that may be sent there."""
    own_url = os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL
    url = fields.text("base_url", own_url).rstrip("/")
    key = fields.text("api_key", None)
    if key is None and url == own_url.rstrip("/"):
        key = os.environ.get("OPENAI_API_KEY")
    if not key and url == DEFAULT_BASE_URL:
        raise final_error("CONFIGURATION", "/openai: neither `api_key` nor OPENAI_API_KEY is set")
    return url, key


def _post(setting: Setting, url: str, headers: dict[str, str], body: dict[str, Any]) -> Json:
    endpoint = Endpoint(url)
    with SocketGuard(setting.call) as guard:
        try:
            connection = endpoint.take(guard)
            try:
                response = connection.exchange("POST", endpoint.path, encode_json(body), headers)
                text = read_body(response)
            finally:
                connection.close()
        except (MessageTooLarge, OSError, http.client.HTTPException) as error:
            guard.check()
            raise connection_error(error, url) from error
    if response.status != 200:
        raise status_error(response.status, _message(text), url)
    try:
        return decode_json(text)
    except ValueError as error:
        raise final_error("INVALID_RESPONSE", f"{url} sent what is not JSON: {error}") from error


def _message(text: bytes) -> str:
    try:
        return str(decode_json(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:300].decode("utf-8", "replace")


def _content(answer: Json) -> str:
    try:
        content = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise final_error("INVALID_RESPONSE", "/openai: the answer has no choice") from None
    if not isinstance(content, str):
        # Tool calls and refusals come without content.
        raise user_error("NO_CONTENT", "/openai: the answer has no text", data=answer)
    return content
