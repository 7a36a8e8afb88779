"""examples/production/walkthrough.sh, as it is, on Argo's own controller."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.runtime_shim.stores import s3_server

if TYPE_CHECKING:
    from tests.engines.argo.cluster import Cluster

pytestmark = pytest.mark.argo
EXAMPLE = Path(__file__).parents[2] / "examples" / "production"


def test_the_walkthrough_on_argo(
    argo_cluster: Cluster, namespace: str, image: str, bucket: dict[str, Any], tmp_path: Path
) -> None:
    stacks = yaml.safe_load((EXAMPLE / "stack.yaml").read_text())
    own = {"namespace": namespace, "unit_image": image, "state_store": bucket}
    stacks["stacks"]["cluster"].update(own)
    file = tmp_path / "stack.yaml"
    file.write_text(yaml.safe_dump(stacks))
    done = subprocess.run(
        [EXAMPLE / "walkthrough.sh", "argo"],
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "KUBECONFIG": str(argo_cluster.kubeconfig),
            "STACK_FILE": str(file),
            "AWS_ACCESS_KEY_ID": s3_server.CREDENTIALS["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": s3_server.CREDENTIALS["secret_access_key"],
        },
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert done.stdout.rstrip().endswith("== done")
