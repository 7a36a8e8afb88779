"""A DNS server for tests: one name, whose addresses are those of the servers that are ready."""

from __future__ import annotations

import socket
import struct
import threading

_A, _ANSWER, _NO_SUCH_NAME = 1, 0x8180, 0x8183


class DnsServer:
    """Answers A queries for `name` with `addresses`, on a UDP port of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.addresses: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                query, client = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(query), client)
            except OSError:
                return

    def _answer(self, query: bytes) -> bytes:
        name, end = _name(query, 12)
        (kind,) = struct.unpack_from("!H", query, end)
        question = query[12 : end + 4]
        known = name == self.name
        addresses = list(self.addresses) if known and kind == _A else []
        flags = _ANSWER if known else _NO_SUCH_NAME
        header = query[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
        records = [
            struct.pack("!HHHIH", 0xC00C, _A, 1, 1, 4) + socket.inet_aton(address)
            for address in addresses
        ]
        return header + question + b"".join(records)


def _name(packet: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), at + 1
