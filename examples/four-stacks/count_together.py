"""`/count` as a program in several places: each counts its rows, the first one adds up."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

from circle_components import inside

PATIENCE = 60.0


def main() -> None:
    """Count, and tell the first place, or be told."""
    hosts = os.environ.get("FLOWC_HOSTS", "127.0.0.1").split(",")
    place = int(os.environ.get("FLOWC_LOCATION", "0"))
    port = int(os.environ["CIRCLE_PORT"])
    grid = json.loads(Path(os.environ["FLOWC_INPUT"]).read_text(encoding="utf-8"))["grid"]
    if place:
        tell(hosts[0], port, inside(grid, place, len(hosts)))
        return
    with socket.create_server((hosts[0], port)) as server:
        server.settimeout(PATIENCE)
        counted = inside(grid, 0, len(hosts))
        for _ in hosts[1:]:
            counted += hear(server)
    output = {"inside": counted, "places": len(hosts)}
    Path(os.environ["FLOWC_OUTPUT"]).write_text(json.dumps(output), encoding="utf-8")


def hear(server: socket.socket) -> int:
    """Return what the next place counted."""
    line, _ = server.accept()
    with line, line.makefile() as text:
        return int(text.readline())


def tell(host: str, port: int, counted: int) -> None:
    """Give the first place a number, as soon as it listens."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection((host, port)) as line:
                line.sendall(f"{counted}\n".encode())
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


if __name__ == "__main__":
    main()
