"""Component servers of the example: `python servers.py cpu|gpu|memory|desk`."""

from __future__ import annotations

import asyncio
import os
import sys

import circle_components as circle
from stepflow_py.worker import StepflowServer

server = StepflowServer()


def register_memory() -> None:
    server.component(circle.plan)


def register_gpu() -> None:
    server.component(circle.count)


def register_cpu() -> None:
    server.component(circle.write)


def register_desk() -> None:
    register_memory()
    register_cpu()


if __name__ == "__main__":
    globals()[f"register_{sys.argv[1]}"]()
    # On a cluster PORT says where to listen; on a laptop flowc asks where the server does.
    port = int(os.environ.get("PORT", "0"))
    asyncio.run(server.run(host="0.0.0.0" if port else "127.0.0.1", port=port))
