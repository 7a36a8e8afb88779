"""HTTP for component clients: guarded connections, a pool of idle ones, server-sent events.

Built on ``http.client``, which is quick to import and enough: one request at a time on a
connection that is kept alive.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import random
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flowc_shim.components.limits import wait_readable
from flowc_shim.contract.errors import FlowError, final_error, platform_error, user_error

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from flowc_shim.components.limits import SocketGuard

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 4.0
"""Component servers close idle connections after 5 s; one that is older is not reused."""
MAX_IDLE_CONNECTIONS = 64
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""A component's answer beyond this is refused instead of filling the memory."""
_RETRYABLE_STATUS = frozenset({429, 502, 503, 504})


class MessageTooLarge(ValueError):
    """A body, or one event of a stream, is larger than MAX_MESSAGE_BYTES."""


def status_error(status: int, message: str, who: str) -> FlowError:
    """Return the error that an HTTP ``status`` other than success stands for."""
    text = f"{who} answered HTTP {status}" + (f": {message}" if message else "")
    code = f"HTTP_{status}"
    if status in _RETRYABLE_STATUS:
        return platform_error(code, text)
    if status >= 500:
        return user_error(code, text)
    return final_error(code, text)


def connection_error(error: Exception, where: str) -> FlowError:
    """Return the error of a request that got no answer."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return final_error("TLS", f"{where}: {error.verify_message}")
    text = str(error) or type(error).__name__
    return platform_error("UNREACHABLE", f"{where}: {text}", type=type(error).__name__)


class Endpoint:
    """Where a URL leads, and the idle connections to it. Safe to use from several threads.

    Raises FlowError CONFIGURATION for a URL that is not plain ``http(s)://host[:port]/path``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise final_error("CONFIGURATION", f"`{url}` is not a URL: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise final_error("CONFIGURATION", f"`{url}` is not an http or https URL")
        if parts.username is not None:
            raise final_error("CONFIGURATION", "a component's URL must not hold credentials")
        self.host = parts.hostname
        self.tls = parts.scheme == "https"
        self.port = port or (443 if self.tls else 80)
        self.path = parts.path or "/"
        self._context: ssl.SSLContext | None = None
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def take(self, guard: SocketGuard, address: str = "") -> Connection:
        """Return an open connection, watched by ``guard``; raises OSError.

        ``address``: the only one of the host's that will do, any of them without it.
        """
        while True:
            connection = self._take_idle(address)
            if connection is None:
                connection = Connection(self)
                try:
                    connection.open(guard, address)
                except BaseException:
                    connection.close()
                    raise
                return connection
            if connection.usable():
                connection.guarded_by(guard)
                return connection
            connection.close()

    def _take_idle(self, address: str) -> Connection | None:
        with self._lock:
            for number in reversed(range(len(self._idle))):
                if address in ("", self._idle[number].address):
                    return self._idle.pop(number)
        return None

    def give_back(self, connection: Connection) -> None:
        """Keep ``connection`` for the next call."""
        connection.release()
        connection.idle_since = time.monotonic()
        with self._lock:
            if len(self._idle) < MAX_IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def context(self) -> ssl.SSLContext:
        """Return the default TLS context, made once."""
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context()
        return self._context


class Connection(http.client.HTTPConnection):
    """One kept-alive connection; ``session`` is for what its user remembers about the peer.

    ``address``: where it leads, as a host may have several.
    """

    auto_open = 0

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint.host, endpoint.port)
        self.endpoint = endpoint
        self.idle_since = 0.0
        self.address = ""
        self.session: dict[str, str] = {}
        self._guard: SocketGuard | None = None

    def open(self, guard: SocketGuard, address: str = "") -> None:
        """Connect, with TLS where the URL says so; raises OSError, FlowError of ``guard``."""
        raw = _connect(address or self.endpoint.host, self.endpoint.port, guard)
        self.address = str(raw.getpeername()[0])
        if self.endpoint.tls:
            self.sock = self.endpoint.context().wrap_socket(
                raw, server_hostname=self.endpoint.host, do_handshake_on_connect=False
            )
            self.guarded_by(guard)
            self.sock.do_handshake()
        else:
            self.sock = raw
            self.guarded_by(guard)

    def guarded_by(self, guard: SocketGuard) -> None:
        """Let ``guard`` end what blocks on this connection."""
        self._guard = guard
        guard.watch(self.sock)

    def release(self) -> None:
        """End the guard's hold."""
        if self._guard is not None and self.sock is not None:
            self._guard.forget(self.sock)
        self._guard = None

    def close(self) -> None:
        """Close the socket; harmless if it is closed already."""
        self.release()
        super().close()

    def usable(self) -> bool:
        """Return whether the peer still holds this idle connection open."""
        if self.sock is None or time.monotonic() - self.idle_since > IDLE_SECONDS:
            return False
        # Readable while idle: the peer closed it, or talks out of turn.
        return not wait_readable(self.sock.fileno(), 0)

    def exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        """Send one request and return its answer, unread; raises OSError, HTTPException."""
        self.request(method, path, body=body, headers=headers)
        return self.getresponse()


def _connect(host: str, port: int, guard: SocketGuard) -> socket.socket:
    """Open a TCP connection, looking at the guard while it waits; raises OSError."""
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in _spread(
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            _connect_one(sock, address, guard)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _spread(addresses: list[Any]) -> list[Any]:
    """Return a host's addresses in random order, families as they came.

    Resolvers sort what DNS shuffled (RFC 6724), so that all callers would take the same server.
    """
    families = list(dict.fromkeys(family for family, *_ in addresses))
    random.shuffle(addresses)
    return sorted(addresses, key=lambda one: families.index(one[0]))


def _connect_one(sock: socket.socket, address: object, guard: SocketGuard) -> None:
    sock.setblocking(False)
    code = sock.connect_ex(address)  # type: ignore[arg-type]
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    end = time.monotonic() + CONNECT_SECONDS
    while not poller.poll(guard.slice() * 1000):
        guard.check()
        if time.monotonic() >= end:
            raise TimeoutError(f"no connection within {CONNECT_SECONDS:g} s")
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    sock.setblocking(True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _keep_alive(sock)


def _keep_alive(sock: socket.socket) -> None:
    """Notice a peer whose machine is gone within about a minute, even without a timeout."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def read_body(response: http.client.HTTPResponse) -> bytes:
    """Return the whole body; raises OSError, HTTPException, MessageTooLarge."""
    body = response.read(MAX_MESSAGE_BYTES + 1)
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"the answer is larger than {MAX_MESSAGE_BYTES} bytes")
    if response.length:  # read(n) does not complain about a body that ends early
        raise http.client.IncompleteRead(body, response.length)
    return body


def read_events(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the data of each server-sent event until the stream ends, well or badly."""
    data: list[bytes] = []
    size = 0
    while True:
        line = response.readline(MAX_MESSAGE_BYTES + 1)
        size += len(line)
        if size > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(f"an event is larger than {MAX_MESSAGE_BYTES} bytes")
        if not line.endswith(b"\n"):
            return  # the end; an event that was not finished does not count
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
        elif not text:
            if data:
                yield b"\n".join(data)
            data, size = [], 0


def drain(connection: Connection, response: http.client.HTTPResponse, seconds: float) -> bool:
    """Read what is left of an answer; returns whether the connection can be used again."""
    try:
        connection.sock.settimeout(seconds)
        left = response.read(65536)
        connection.sock.settimeout(None)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    return len(left) < 65536 and response.isclosed() and not response.will_close
