"""The protocol client over TLS."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flowc_shim.components.stepflow_http import StepflowHttpClient
from flowc_shim.contract.errors import ErrorClass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key and a certificate for 127.0.0.1 that nobody signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "component server")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server(certificate):
    """A TLS server that answers calls, and lets those of ``/hang`` wait."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(raw):
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                stream = connection.makefile("rb")
                while answer(connection, stream):
                    pass
        except (OSError, ValueError):
            return

    def answer(connection, stream):
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message = json.loads(stream.read(length))
        if message.get("params", {}).get("component") == "/hang":
            time.sleep(5)
        result = {"serverProtocolVersion": 1, "output": "over TLS"}
        body = json.dumps({"id": message.get("id"), "result": result}).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return True

    def accept():
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(raw,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


@pytest.fixture
def components(server, caller):
    return caller(StepflowHttpClient("pod", url=server))


def test_a_call_over_tls(components, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert [components("/add"), components("/add")] == ["over TLS", "over TLS"]


def test_a_certificate_that_nobody_trusts(components):
    error = components.error("/add")
    assert (error.code, error.final) == ("TLS", True)


@pytest.mark.parametrize("stop", ["timeout", "cancelled"])
def test_limits_hold_over_tls(components, certificate, monkeypatch, stop):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    began = time.monotonic()
    if stop == "timeout":
        assert components.error("/hang", timeout=0.3).error_class is ErrorClass.TIMEOUT
    else:
        cancelled = threading.Event()
        threading.Timer(0.2, cancelled.set).start()
        assert components.error("/hang", cancelled=cancelled).code == "STOPPED"
    assert time.monotonic() - began < 2


def test_a_server_that_never_shakes_hands(caller):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = StepflowHttpClient("pod", url=f"https://127.0.0.1:{listener.getsockname()[1]}")
        error = caller(client).error("/add", timeout=0.3)
    assert error.error_class is ErrorClass.TIMEOUT
