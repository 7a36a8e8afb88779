"""A component server that answers what a table says; runs on stepflow-py.

Arguments: ``HOST PORT`` and a JSON file: component → list of ``[input, result]``. An input that is
not in the table is an error of the component's.
"""

import asyncio
import json
import sys
from pathlib import Path

from stepflow_py.worker import StepflowServer

server = StepflowServer()


def register(name: str, answers: list) -> None:
    @server.component(name=name)
    def answer(data: dict) -> dict:
        for given, result in answers:
            if given == data:
                return result
        raise ValueError(f"no answer to {json.dumps(data)}")


if __name__ == "__main__":
    for component, table in json.loads(Path(sys.argv[3]).read_text()).items():
        register(component, table)
    asyncio.run(server.run(host=sys.argv[1], port=int(sys.argv[2])))
