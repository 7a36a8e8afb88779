"""Component servers of the example, one class each: `python servers.py cpu|gpu|memory`.

Written with Stepflow's own Python SDK, as any team would write theirs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from stepflow_py.worker import StepflowServer

server = StepflowServer()


def register_memory() -> None:
    @server.component
    def load_table(input: dict[str, Any]) -> dict[str, Any]:
        rows = [{"row": n, "value": n / max(1, input["rows"] - 1)} for n in range(input["rows"])]
        return {"table": [*rows, {"row": -1, "value": None}]}

    @server.component
    def drop_empty(input: dict[str, Any]) -> dict[str, Any]:
        return {"table": [row for row in input["table"] if row["value"] is not None]}


def register_gpu() -> None:
    @server.component
    def embed(input: dict[str, Any]) -> dict[str, Any]:
        return {
            "vectors": [[row["row"], row["value"], row["value"] ** 2] for row in input["table"]]
        }

    @server.component
    def score(input: dict[str, Any]) -> dict[str, Any]:
        return {
            "scores": [
                {"row": row, "score": round((linear + square) / 2, 6)}
                for row, linear, square in input["vectors"]
            ]
        }


def register_cpu() -> None:
    @server.component
    def rank(input: dict[str, Any]) -> dict[str, Any]:
        ranked = sorted(input["scores"], key=lambda entry: -entry["score"])
        kept = [entry for entry in ranked if entry["score"] >= input["threshold"]]
        return {"best": ranked[0], "kept": len(kept)}


if __name__ == "__main__":
    {"memory": register_memory, "gpu": register_gpu, "cpu": register_cpu}[sys.argv[1]]()
    # On a cluster PORT says where to listen; on a laptop flowc asks where the server does.
    port = int(os.environ.get("PORT", "0"))
    asyncio.run(server.run(host="0.0.0.0" if port else "127.0.0.1", port=port))
