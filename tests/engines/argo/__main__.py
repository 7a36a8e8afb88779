"""`python -m tests.engines.argo up|down|status`: a cluster with Argo on this machine."""

from __future__ import annotations

import sys

import pytest
from tests.engines.argo.cluster import current, down, up


def main(word: str) -> int:
    """Do what the word says."""
    match word:
        case "up":
            cluster = up()
            print(f"export KUBECONFIG={cluster.kubeconfig}\n# argo-server: {cluster.server}")
        case "down":
            down()
        case "status":
            cluster = current()
            for process in cluster.processes if cluster else ():
                print(f"{process.name:<24} {process.pid:>8} {'runs' if process.alive else 'ended'}")
            return 0 if cluster is not None and cluster.alive else 1
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        sys.exit(f"argo: {missing.msg}")
