"""A component server that squares, may be slow, and notes every call that it begins.

Arguments: ``--host H --port N``. Environment: ``CALLS`` (the file that takes the notes), ``PAUSE``
(seconds per call).
"""

import argparse
import asyncio
import os

from stepflow_py.worker import StepflowContext, StepflowServer

server = StepflowServer()
PAUSE = float(os.environ.get("PAUSE", "0"))


@server.component(name="/square")
async def square(data: dict, context: StepflowContext) -> dict:
    with open(os.environ["CALLS"], "a") as notes:
        notes.write(f"{data['n']} {os.getpid()}\n")
    await asyncio.sleep(PAUSE)
    # it asks back, so that each call is a stream with answers on other connections
    blob = await context.put_blob({"n": data["n"]})
    kept = await context.get_blob(blob)
    return {"n": kept["n"], "square": kept["n"] ** 2}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(server.run(host=options.host, port=options.port))
