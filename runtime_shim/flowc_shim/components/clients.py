"""Opening the client of a component class by its ``type``; only what is used gets imported."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import final_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_shim.components.api import ComponentClient

Config = dict[str, Any]


def open_client(
    name: str, config: Config, *, blob_api_url: str | None, working_directory: str
) -> ComponentClient:
    """Return the client of the plugin ``name``; nothing is started or connected yet.

    Raises FlowError ``CONFIGURATION`` for a type that is not known or settings that do not fit.
    """
    kind = config.get("type")
    if kind == "stepflow":
        return _open_stepflow(name, config, blob_api_url, working_directory)
    opener = _OPENERS.get(str(kind))
    if opener is None:
        known = ", ".join(sorted([*_OPENERS, "stepflow"]))
        raise final_error("CONFIGURATION", f"plugin `{name}`: type `{kind}` is none of {known}")
    return opener(name, config, working_directory)


def _open_stepflow(
    name: str, config: Config, blob_api_url: str | None, working_directory: str
) -> ComponentClient:
    from flowc_shim.components.stepflow_http import StepflowHttpClient

    if config.get("transport") not in (None, "http"):
        raise final_error(
            "CONFIGURATION", f"plugin `{name}`: transport `{config['transport']}` is not supported"
        )
    if "command" not in config:
        return StepflowHttpClient(name, url=config.get("url"), blob_api_url=blob_api_url)
    if config.get("url") is not None:
        raise final_error("CONFIGURATION", f"plugin `{name}`: give either `url` or `command`")
    from flowc_shim.components.process import START_SECONDS, ServerProcess

    health = config.get("healthCheck") or {}
    process = ServerProcess(
        name,
        str(config["command"]),
        [str(arg) for arg in config.get("args") or []],
        config.get("env") or {},
        str(config.get("working_directory") or working_directory),
        start_seconds=health.get("timeoutMs", START_SECONDS * 1000) / 1000,
        health_path=health.get("path", "/health"),
    )
    return StepflowHttpClient(name, process=process, blob_api_url=blob_api_url)


def _open_builtin(name: str, config: Config, working_directory: str) -> ComponentClient:
    from flowc_shim.components.builtins.client import BuiltinClient

    return BuiltinClient(working_directory)


def _open_mock(name: str, config: Config, working_directory: str) -> ComponentClient:
    from flowc_shim.components.mock import MockClient

    return MockClient(name, config)


def _open_python(name: str, config: Config, working_directory: str) -> ComponentClient:
    from flowc_shim.components.python_function import PythonClient

    return PythonClient(name, config, working_directory)


def _open_command(name: str, config: Config, working_directory: str) -> ComponentClient:
    from flowc_shim.components.command import CommandClient

    return CommandClient(name, config, working_directory)


def _open_container(name: str, config: Config, working_directory: str) -> ComponentClient:
    from flowc_shim.components.pods import PODS, PodClient

    if PODS in os.environ:
        return PodClient(name, config, json.loads(os.environ[PODS]))
    from flowc_shim.components.task_container import TaskContainerClient, is_in_task

    if is_in_task(os.environ):
        return TaskContainerClient(name, os.environ)
    from flowc_shim.components.container import ContainerClient

    return ContainerClient(name, config, working_directory)


def _open_runs(name: str, config: Config, working_directory: str) -> ComponentClient:
    from flowc_shim.components.runs import RunsClient

    return RunsClient(name, config)


_OPENERS: dict[str, Callable[[str, Config, str], ComponentClient]] = {
    "builtin": _open_builtin,
    "mock": _open_mock,
    "python": _open_python,
    "command": _open_command,
    "container": _open_container,
    "runs": _open_runs,
}
