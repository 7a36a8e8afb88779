"""Real balancers before real component servers, as on a cluster, on loopback addresses.

Each server and each balancer has an address of its own (127.x.y.z), as pods have. Configuration and
start script are what flowc emits; only the DNS server that `parse-resolv-conf` would find is named.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.balancer.dns_server import DnsServer
from tests.gates.haproxy import haproxy_program
from tests.servers import stepflow_sdk

from flowc_targets._shared.haproxy import (
    CALLS_PORT,
    CONFIGURATION,
    READY_PATH,
    START,
    STATUS_PORT,
    BalancerSettings,
    configuration,
    start_script,
)

if TYPE_CHECKING:
    from pathlib import Path

SERVERS = "gpu-pods.ml.svc.cluster.local"
BALANCERS = ("gpu-lb-0", "gpu-lb-1")
READY_SECONDS = 60
_GETENT = """\
#!/bin/sh
# Stands in for the cluster's DNS: $1 is `hosts`, $2 a name.
grep "^$2 " "$PEER_ADDRESSES" | sed 's/^\\([^ ]*\\) \\(.*\\)$/\\2 \\1/'
"""


@dataclass
class Cluster:
    """Servers and balancers of one component class."""

    folder: Path
    sdk: str = "0.9.2"
    health_path: str = "/health"
    servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    balancers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        haproxy_program()
        self.dns = DnsServer(SERVERS)
        chosen = random.SystemRandom()
        self._network = f"127.{chosen.randrange(1, 250)}.{chosen.randrange(1, 250)}"
        self.port = _free_port(f"{self._network}.1")
        self.settings = BalancerSettings(
            name="gpu",
            servers=SERVERS,
            port=self.port,
            health_path=self.health_path,
            most=4,
            names=BALANCERS,
            domain="gpu-lb-peers",
            drain=30,
        )
        self.addresses = {
            name: f"{self._network}.{200 + number}" for number, name in enumerate(BALANCERS)
        }
        self._write_files()

    def _write_files(self) -> None:
        nameserver = f"nameserver test 127.0.0.1:{self.dns.port}"
        text = configuration(self.settings)
        assert "parse-resolv-conf" in text
        files = {
            CONFIGURATION: text.replace("parse-resolv-conf", nameserver),
            START: start_script(self.settings),
            "getent": _GETENT,
            "peers": "".join(
                f"{name}.{self.settings.domain} {address}\n"
                for name, address in self.addresses.items()
            ),
        }
        for name, content in files.items():
            (self.folder / name).write_text(content, encoding="utf-8")
        (self.folder / "getent").chmod(0o755)

    # Servers

    def start_servers(self, count: int, *program: str, **environment: str) -> list[str]:
        """Start `count` servers more, wait until they serve, and make DNS name them."""
        first = len(self.servers) + 1
        new = [f"{self._network}.{number}" for number in range(first, first + count)]
        command = list(program) or [
            str(stepflow_sdk.server_python(self.sdk)),
            str(stepflow_sdk.COMPONENT_SERVER),
        ]
        for address in new:
            self.servers[address] = subprocess.Popen(
                [*command, "--host", address, "--port", str(self.port)],
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        for address in new:
            wait_until(lambda address=address: _answers(address, self.port, self.health_path))
        self.dns.addresses = [*self.dns.addresses, *new]
        return new

    def kill_server(self, address: str) -> None:
        """Kill a server as a machine dies; DNS goes on naming it for a while."""
        self.servers[address].kill()
        self.servers[address].wait()

    # Balancers

    def start_balancers(self) -> None:
        """Start both, and wait until they know every server and each other."""
        for name in BALANCERS:
            self.start_balancer(name)
        for name in BALANCERS:
            wait_until(lambda name=name: self.up(name) == len(self.dns.addresses))

    def start_balancer(self, name: str) -> None:
        """Start one as its container does."""
        environment = {
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "POD_NAME": name,
            "POD_IP": self.addresses[name],
            "PEER_ADDRESSES": str(self.folder / "peers"),
        }
        log = (self.folder / f"{name}.log").open("ab")
        self.balancers[name] = subprocess.Popen(
            ["sh", str(self.folder / START), str(self.folder / CONFIGURATION)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        wait_until(lambda: _answers(self.addresses[name], STATUS_PORT, READY_PATH))

    def stop_balancer(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a balancer and wait for its end."""
        self.balancers[name].send_signal(sign)
        self.balancers[name].wait(timeout=60)

    def url(self, name: str) -> str:
        """Return the URL of one balancer."""
        return f"http://{self.addresses[name]}:{CALLS_PORT}"

    def metrics(self, name: str) -> dict[str, float]:
        """Return the numbers that a balancer publishes, by the text before them."""
        text = get(self.addresses[name], STATUS_PORT, "/metrics")[1]
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def up(self, name: str) -> int:
        """Return how many servers a balancer sends calls to."""
        return int(self.metrics(name)['haproxy_backend_active_servers{proxy="servers"}'])

    def served(self, name: str) -> list[int]:
        """Return how many requests each server got from a balancer."""
        slots = [
            int(value)
            for key, value in self.metrics(name).items()
            if key.startswith('haproxy_server_sessions_total{proxy="servers"')
        ]
        return slots[: len(self.servers)]

    def close(self) -> None:
        """End everything that was started."""
        for process in [*self.balancers.values(), *self.servers.values()]:
            process.kill()
            process.wait()
        self.dns.close()


class Service:
    """A port that spreads connections over the balancers in turn, as a cluster's Service does."""

    def __init__(self, targets: list[tuple[str, int]]) -> None:
        self._targets = targets
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            turn = [*self._targets[number:], *self._targets[:number]]
            number = (number + 1) % len(self._targets)
            threading.Thread(target=_connect, args=(client, turn), daemon=True).start()


def _connect(client: socket.socket, targets: list[tuple[str, int]]) -> None:
    for target in targets:
        try:
            server = socket.create_connection(target, timeout=5)
        except OSError:
            continue
        server.settimeout(None)
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        _pump(server, client)
        return
    client.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def wait_until(true: Any, seconds: float = READY_SECONDS) -> None:
    """Wait for a condition, as long as a busy machine may need."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def get(host: str, port: int, path: str) -> tuple[int, str]:
    """Return status and body."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def post(host: str, port: int, message: Any, headers: dict[str, str]) -> tuple[int, str]:
    """Post one JSON-RPC message on a connection of its own; return status and body."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        send(connection, message, headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def send(connection: http.client.HTTPConnection, message: Any, headers: dict[str, str]) -> None:
    """Send one JSON-RPC message."""
    kinds = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    connection.request("POST", "/", json.dumps(message), {**kinds, **headers})


def _answers(host: str, port: int, path: str) -> bool:
    try:
        return get(host, port, path)[0] < 400
    except OSError:
        # no answer yet
        return False


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
