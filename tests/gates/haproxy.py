"""HAProxy's own check of a configuration (`haproxy -c`)."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from tests.gates.tools import required_tool

_PEER = re.compile(r'peer (\S+) "\$\{(PEER_\d+)\}"')


def haproxy_program() -> str:
    """Return HAProxy; Debian keeps it where only root looks."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    return required_tool("haproxy", "apt-get install haproxy (2.6 or later)")


def haproxy_problems(configuration: str) -> str:
    """Return what HAProxy says against a configuration; warnings count."""
    peers = _PEER.findall(configuration)
    found = {variable: f"127.0.0.{number}:10000" for number, (_, variable) in enumerate(peers, 2)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "haproxy.cfg"
        path.write_text(configuration, encoding="utf-8")
        done = subprocess.run(
            [haproxy_program(), "-c", "-L", peers[0][0], "-f", str(path)],
            env={"POD_IP": "127.0.0.1", **found},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    return done.stderr if done.returncode or "WARNING" in done.stderr else ""
