"""A component server for tests; the same file runs on stepflow-py 0.9.2 and 0.11.2.

Arguments: ``[--host H] [--port N] [--fail-start] [--chatter]``. Prints ``{"port": N}`` when it
serves.
"""

import argparse
import asyncio
import os
import sys
import time

from stepflow_py.worker import StepflowContext, StepflowServer

server = StepflowServer()
calls = {"flaky": 0}


@server.component(name="/add")
def add(data: dict) -> dict:
    return {"result": data["a"] + data["b"]}


@server.component(name="/echo")
def echo(data: dict) -> dict:
    return data


@server.component(name="/attempt")
async def attempt(data: dict, context: StepflowContext) -> dict:
    return {
        "attempt": context.attempt,
        "run_id": context.run_id,
        "flow_id": context.flow_id,
        "step_id": context.step_id,
    }


@server.component(name="/pid")
def pid(data: dict) -> dict:
    return {"pid": os.getpid(), "secret": os.environ.get("FLOWC_STORE_URL")}


@server.component(name="/boom")
def boom(data: dict) -> dict:
    raise ValueError(data.get("message", "kaput"))


@server.component(name="/boom_later")
async def boom_later(data: dict, context: StepflowContext) -> dict:
    await context.put_blob(data)
    raise ValueError("kaput after a blob")


@server.component(name="/unserialisable")
def unserialisable(data: dict) -> dict:
    return {"nan": float("nan")}


@server.component(name="/blobby")
async def blobby(data: dict, context: StepflowContext) -> dict:
    blob_id = await context.put_blob(data["payload"])
    return {"blob_id": blob_id, "echoed": await context.get_blob(blob_id)}


@server.component(name="/many_blobs")
async def many_blobs(data: dict, context: StepflowContext) -> dict:
    ids = await asyncio.gather(*(context.put_blob({"n": n}) for n in range(data["count"])))
    return {"distinct": len(set(ids))}


@server.component(name="/subflow")
async def subflow(data: dict, context: StepflowContext) -> dict:
    results = await context.evaluate_run_by_id(
        data["flow_id"], data["inputs"], max_concurrency=data.get("max_concurrency")
    )
    return {"results": results}


@server.component(name="/two_subflows")
async def two_subflows(data: dict, context: StepflowContext) -> dict:
    pair = (context.evaluate_run_by_id(data["flow_id"], [name]) for name in ("left", "right"))
    return {"results": await asyncio.gather(*pair)}


@server.component(name="/subflow_status")
async def subflow_status(data: dict, context: StepflowContext) -> dict:
    submitted = await context.submit_run_by_id(data["flow_id"], data["inputs"], wait=False)
    done = await context.get_run(submitted.runId, wait=True, include_results=True)
    return {
        "first": submitted.status,
        "last": done.status,
        "same": submitted.runId == done.runId,
        "name": done.flowName,
        "results": [str(item.status.value) for item in done.results],
        "completed": done.items.completed,
        "failed": done.items.failed,
    }


@server.component(name="/fire_and_forget")
async def fire_and_forget(data: dict, context: StepflowContext) -> dict:
    submitted = await context.submit_run_by_id(data["flow_id"], data["inputs"], wait=False)
    return {"status": submitted.status}


@server.component(name="/slow")
async def slow(data: dict) -> dict:
    await asyncio.sleep(data["seconds"])
    return {"slept": data["seconds"]}


@server.component(name="/slow_stream")
async def slow_stream(data: dict, context: StepflowContext) -> dict:
    end = time.monotonic() + data["seconds"]
    while time.monotonic() < end:
        await context.put_blob({"at": time.monotonic()})
        await asyncio.sleep(0.02)
    return {"slept": data["seconds"]}


@server.component(name="/die")
async def die(data: dict) -> dict:
    print("last words", file=sys.stderr, flush=True)
    os._exit(7)


@server.component(name="/die_streaming")
async def die_streaming(data: dict, context: StepflowContext) -> dict:
    await context.evaluate_run_by_id(data["flow_id"], [1])
    os._exit(7)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fail-start", action="store_true")
    parser.add_argument("--chatter", action="store_true")
    options = parser.parse_args()
    if options.fail_start:
        sys.exit("no licence found")
    if options.chatter:
        print("starting up", flush=True)
        print("x" * 200_000, file=sys.stderr, flush=True)
    asyncio.run(server.run(host=options.host, port=options.port))


if __name__ == "__main__":
    main()
