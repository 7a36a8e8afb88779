"""A real PostgreSQL in a temporary folder, on a free port of this machine.

Debian's package `postgresql` brings the server; it refuses to run as root, so for root it runs as
the package's user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

USER = "flowc_owner"
PASSWORD = "owner's p@ss:w/rd"
HOW_TO_GET = "apt-get install postgresql"


def bin_folder() -> Path:
    """Return the folder with initdb and postgres; skips, or fails under CI, if there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if found or on_path:
        newest = sorted(found, key=lambda folder: int(folder.parent.name))
        return newest[-1] if newest else Path(str(on_path)).parent
    message = f"this test needs PostgreSQL's initdb: {HOW_TO_GET}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_user() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@dataclass
class PostgresServer:
    """One cluster; ``start`` and ``stop`` may be repeated."""

    folder: Path
    binaries: Path
    port: int = 0
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, **settings: str) -> PostgresServer:
        binaries = bin_folder()
        folder = Path(tempfile.mkdtemp(prefix="flowc-postgres-"))
        who = _as_user()
        if who:
            os.chown(folder, who["user"], who["group"])
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        server = cls(folder, binaries, free_port(), settings)
        server._run(
            "initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256",
            f"--username={USER}", f"--pwfile={secret}", f"--pgdata={folder / 'data'}",
        )  # fmt: skip
        server.start()
        return server

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    @property
    def url_with_password(self) -> str:
        return self.url.replace("@", f":{quote(PASSWORD, safe='')}@")

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": "40",
            **self.settings,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = self.folder / "log"
        self._run("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", str(log),
                  "-o", options)  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self.folder / "data"))

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, user: str = USER, password: str = PASSWORD) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=user, password=password,
            dbname="postgres", autocommit=True,
        )  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / "tools.log").open("ab") as log:
            done = subprocess.run(
                [str(self.binaries / program), *arguments],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=120,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **_as_user(),
            )  # fmt: skip
        if done.returncode:
            told = (self.folder / "tools.log").read_text(errors="replace")
            raise RuntimeError(f"{program}: exit code {done.returncode}\n{told[-3000:]}")
