"""Stands for Lambda's runtime: one event from stdin to the handler, its answer or error out."""

import importlib
import json
import sys

TYPED_ERROR = 70


def main() -> int:
    event = json.load(sys.stdin)
    module, _, name = (sys.argv[1:] or ["flowc_shim.aws_lambda.handle"])[0].rpartition(".")
    handle = getattr(importlib.import_module(module), name)
    try:
        answer = handle(event)
    except Exception as error:
        print(json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}))
        return TYPED_ERROR
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
