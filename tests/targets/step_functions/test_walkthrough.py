"""examples/production/walkthrough.sh, as it is, on an AWS that is another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.targets.step_functions.clouds import BUCKET
from tests.targets.step_functions.test_deploy_elsewhere import server  # noqa: F401 (a fixture)

pytestmark = pytest.mark.walkthrough
EXAMPLE = Path(__file__).parents[3] / "examples" / "production"


def test_the_walkthrough_on_step_functions(server: Any, tmp_path: Path) -> None:  # noqa: F811
    stacks = yaml.safe_load((EXAMPLE / "stack.yaml").read_text())
    own = {"region": "us-east-1", "unit_image": "units:1", "state_store": f"s3://{BUCKET}/state"}
    stacks["stacks"]["aws"].update(own)
    file = tmp_path / "stack.yaml"
    file.write_text(yaml.safe_dump(stacks))
    # forty commands, each of which would otherwise compile all that it imports
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [EXAMPLE / "walkthrough.sh", "step-functions"],
        env={
            **inherited,
            "PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "STACK_FILE": str(file),
        },
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert done.stdout.rstrip().endswith("== done")
