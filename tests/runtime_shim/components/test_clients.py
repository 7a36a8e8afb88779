"""Opening clients by type, and what gets imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flowc_shim.components.clients import open_client
from flowc_shim.contract.errors import FlowError


def opened(config, tmp_path):
    return open_client("x", config, blob_api_url=None, working_directory=str(tmp_path))


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"type": "builtin"}, "BuiltinClient"),
        ({"type": "mock", "components": {}}, "MockClient"),
        ({"type": "stepflow", "url": "http://host"}, "StepflowHttpClient"),
        ({"type": "stepflow", "command": "x", "args": [1]}, "StepflowHttpClient"),
        ({"type": "stepflow", "url": "http://host", "transport": "http"}, "StepflowHttpClient"),
        ({"type": "python", "module": "m"}, "PythonClient"),
        ({"type": "command", "components": {}}, "CommandClient"),
        ({"type": "container", "components": {}}, "ContainerClient"),
    ],
)
def test_types(config, kind, tmp_path):
    client = opened(config, tmp_path)
    assert type(client).__name__ == kind
    client.close()


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"type": "grpc"},
        {"type": "stepflow"},
        {"type": "stepflow", "url": "http://host", "command": "x"},
        {"type": "stepflow", "command": "x", "transport": "stdio"},
        {"type": "stepflow", "url": "host:80"},
    ],
)
def test_settings_that_do_not_fit(config, tmp_path):
    with pytest.raises(FlowError) as caught:
        opened(config, tmp_path)
    assert (caught.value.info.code, caught.value.info.final) == ("CONFIGURATION", True)


@pytest.mark.parametrize(
    ("config", "unwanted"),
    [
        ({"type": "builtin"}, {"http.client", "subprocess", "yaml", "ssl", "uuid"}),
        ({"type": "mock"}, {"http.client", "subprocess", "ssl"}),
        ({"type": "stepflow", "url": "http://h"}, {"subprocess", "asyncio", "http.server", "yaml"}),
        ({"type": "python"}, {"http.client", "asyncio", "ssl"}),
        ({"type": "command"}, {"http.client", "asyncio", "ssl"}),
    ],
)
def test_only_what_is_used_is_imported(config, unwanted):
    program = (
        "import sys; before = set(sys.modules);"
        "from flowc_shim.components.clients import open_client;"
        f"open_client('x', {config!r}, blob_api_url=None, working_directory='.');"
        "print(*(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert not unwanted & set(result.stdout.decode().split())
