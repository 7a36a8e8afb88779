"""Components for comparing with Stepflow; runs on stepflow-py 0.9.2 and 0.11.2 (`--port N`).

Whatever takes a `log` appends the name of the call to that file: which steps ran, and how often.
"""

import argparse
import asyncio
import os
import sys

from stepflow_py.worker import StepflowContext, StepflowServer

server = StepflowServer()


def note(data: dict) -> None:
    if data.get("log"):
        with open(data["log"], "a") as log:
            log.write(f"{data.get('name', 'call')}\n")


@server.component(name="/add")
def add(data: dict) -> dict:
    return {"sum": data["a"] + data["b"]}


@server.component(name="/note")
def noted(data: dict) -> dict:
    note(data)
    if data.get("fail"):
        raise ValueError(str(data["fail"]))
    return {"value": data.get("value")}


@server.component(name="/value")
def value(data: dict):
    """Give back whatever `value` is, null and scalars too."""
    note(data)
    return data.get("value")


@server.component(name="/attempts")
async def attempts(data: dict, context: StepflowContext) -> dict:
    note(data)
    if context.attempt < data["succeed_at"]:
        raise ValueError(f"attempt {context.attempt}")
    return {"attempt": context.attempt}


@server.component(name="/exit")
async def leave(data: dict, context: StepflowContext) -> dict:
    """End the process, or try to, until the attempt that is to succeed."""
    note(data)
    if context.attempt < data["succeed_at"]:
        if data.get("kill"):
            os._exit(3)
        sys.exit(3)
    return {"attempt": context.attempt}


@server.component(name="/blobs")
async def blobs(data: dict, context: StepflowContext) -> dict:
    blob_id = await context.put_blob(data["payload"])
    return {"same": await context.get_blob(blob_id), "length": len(blob_id)}


@server.component(name="/read_blob")
async def read_blob(data: dict, context: StepflowContext) -> dict:
    return {"data": await context.get_blob(data["blob_id"])}


@server.component(name="/sub_runs")
async def sub_runs(data: dict, context: StepflowContext) -> dict:
    return {"results": await context.evaluate_run_by_id(data["flow_id"], data["inputs"])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(server.run(port=parser.parse_args().port))
