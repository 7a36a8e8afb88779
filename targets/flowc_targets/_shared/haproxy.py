"""The balancer before a component class: stock HAProxy (2.6 or later), configured and started.

A call may be answered by a stream in which the server asks things back. The answers come as
requests of their own, perhaps through another balancer, and must reach the server that asked: it
names itself in ``Stepflow-Instance-Id``. So the balancers keep one table, instance → address, and
share it as peers. Addresses, because each balancer numbers the servers of a DNS answer for itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CALLS_PORT = 8080
STATUS_PORT = 8404
PEERS_PORT = 10_000
READY_PATH = "/ready"
CONFIGURATION = "haproxy.cfg"
START = "start.sh"

SILENCE = "24h"
"""How long a call may say nothing. Its step's own `timeout` is kept by who calls."""

REMEMBERED_SECONDS = 60
"""How long the address of a server that left DNS is known, besides the time that its calls get."""


@dataclass(frozen=True, slots=True)
class BalancerSettings:
    """What differs from class to class.

    ``servers``: the DNS name that lists the servers that are ready. ``most``: of them, ever.
    ``names``: of all balancers there may be, which ``domain`` makes DNS names of. ``drain``: the
    seconds that calls get to end when a balancer stops.
    """

    name: str
    servers: str
    port: int
    health_path: str
    most: int
    names: tuple[str, ...]
    domain: str
    drain: int


def configuration(settings: BalancerSettings) -> str:
    """Return ``haproxy.cfg``. It reads ``POD_IP``, and ``PEER_0``… of :func:`start_script`."""
    peers = "\n".join(
        f'    peer {name} "${{PEER_{number}}}"' for number, name in enumerate(settings.names)
    )
    return f"""\
# Balances calls over the servers of component class {settings.name}.
global
    log stdout format raw local0
    maxconn 8000
    nbthread 2
    hard-stop-after {settings.drain}s

defaults
    mode http
    log global
    option httplog
    option dontlog-normal
    # Events of a stream go out as they come.
    option http-no-delay
    # A connection that has introduced itself to a server stays with it.
    option prefer-last-server
    # What a server has begun is never sent to another one: whoever calls decides that.
    option redispatch 1
    retries 3
    retry-on conn-failure
    timeout connect 3s
    timeout queue 30s
    timeout http-request 1m
    timeout http-keep-alive 5m
    timeout client {SILENCE}
    timeout server {SILENCE}
    timeout client-fin 30s
    timeout server-fin 30s
    # Machines that are gone say nothing; without these a call would wait for them.
    option clitcpka
    clitcpka-idle 30s
    clitcpka-intvl 10s
    clitcpka-cnt 3
    option srvtcpka
    srvtcpka-idle 30s
    srvtcpka-intvl 10s
    srvtcpka-cnt 3

resolvers ready
{_lookup(0)}

# Servers that are to stop leave DNS; for answers they are still there.
resolvers alive
{_lookup(settings.drain + REMEMBERED_SECONDS)}

peers balancers
{peers}

frontend calls
    bind "${{POD_IP}}:{CALLS_PORT}"
    use_backend answers if {{ req.hdr(Stepflow-Instance-Id) -m found }}
    default_backend servers

frontend status
    bind "${{POD_IP}}:{STATUS_PORT}"
    monitor-uri {READY_PATH}
    monitor fail if {{ nbsrv(servers) lt 1 }}
    http-request use-service prometheus-exporter if {{ path /metrics }}

backend servers
    balance leastconn
    option httpchk GET {settings.health_path}
    stick-table type string len 64 size 100k expire {SILENCE} srvkey addr peers balancers
    stick store-response res.hdr(Stepflow-Instance-Id)
    default-server check inter 2s fastinter 500ms fall 2 rise 1 resolvers ready {_ON_DNS}
    server-template server {slots(settings.most)} {settings.servers}:{settings.port}

backend answers
    stick match req.hdr(Stepflow-Instance-Id) table servers
    default-server resolvers alive {_ON_DNS}
    server-template server {2 * slots(settings.most)} {settings.servers}:{settings.port}
"""


_ON_DNS = "resolve-prefer ipv4 init-addr none"


def _lookup(kept: int) -> str:
    """Return how names are looked up; addresses that are gone are ``kept`` so many seconds."""
    return f"""\
    parse-resolv-conf
    accepted_payload_size 8192
    timeout resolve 1s
    timeout retry 1s
    hold valid 1s
    hold obsolete {kept}s
    # While names cannot be looked up, the servers that are known serve on.
    hold other 1h
    hold refused 1h
    hold timeout 1h"""


def slots(most: int) -> int:
    """Return how many servers a balancer can know: a roll-out has old and new ones at once."""
    return math.ceil(most * 1.25) + 1


def start_script(settings: BalancerSettings) -> str:
    """Return what a balancer's container runs: ``sh start.sh CONFIGURATION``.

    HAProxy looks the addresses of peers up once, when it starts, and refuses to start without. One
    of two peers always started last, and knows the other's address.
    """
    first = settings.names[0].removesuffix("-0")
    return f"""\
# Finds the other balancers. One that is not there yet will call this one when it comes.
set -eu
number=0
while [ "$number" -lt {len(settings.names)} ]; do
  name="{first}-$number"
  if [ "$name" = "$POD_NAME" ]; then
    address=$POD_IP
  else
    address=$(getent hosts "$name.{settings.domain}" | head -n 1 | cut -d ' ' -f 1)
  fi
  export "PEER_$number=${{address:-127.0.0.1}}:{PEERS_PORT}"
  number=$((number + 1))
done
exec haproxy -db -L "$POD_NAME" -f "$1"
"""
