"""One of several processes that commit the same keys at the same time.

Arguments: URL, options as JSON, writer id, number of keys. Starts at a line on standard input,
prints what it was told for every key, and adds 1 to a counter as often by compare-and-set.
"""

from __future__ import annotations

import json
import sys

from flowc_shim.stores.commit import commit
from flowc_shim.stores.open import open_store


def main() -> None:
    url, options, writer, keys = sys.argv[1:]
    store = open_store(url, json.loads(options))
    print("ready", flush=True)
    sys.stdin.readline()
    told = []
    for number in range(int(keys)):
        committed = commit(store, f"race/{number}", {"outcome": "succeeded", "by": writer}, writer)
        told.append([committed.mine, committed.record])
        while True:
            counter = store.read_versioned("counter")
            assert counter is not None
            if store.replace("counter", b"%d" % (int(counter.body) + 1), counter.version):
                break
    print(json.dumps(told))
    store.close()


main()
