"""`flowc image build` by a real podman: `make test-podman`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.containers.conftest import IMAGE

STACK = f"""
target: argo
state_store: s3://state
docker:
  base_image: {IMAGE}
  files: [say.sh]
  build_args: {{COLOR: blue}}
  env: {{GREETING: 'a "b" $c'}}
plugins: {{m: {{type: command, components: {{/say: {{command: ./say.sh}}}}}}}}
routes: {{"/m/{{*component}}": [{{plugin: m}}]}}
"""


def flowc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "flowc")
    return subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )


def test_an_image_is_built_once_and_holds_what_the_stack_says(podman: str, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    (tmp_path / "say.sh").write_text('#!/bin/sh\necho "$GREETING from $PWD"\n')
    (tmp_path / "say.sh").chmod(0o755)
    built = flowc(tmp_path, "image", "build")
    assert built.returncode == 0, built.stderr
    image = built.stdout.strip()
    assert image.startswith("localhost/flowc-unit-default:")
    try:
        ran = subprocess.run(
            [podman, "run", "--rm", image, "./say.sh"], capture_output=True, text=True, check=True
        )
        assert ran.stdout == 'a "b" $c from /app\n'
        again = flowc(tmp_path, "image", "build")
        assert (again.returncode, again.stdout) == (0, built.stdout)
        assert "is there already" in again.stderr
        (tmp_path / "say.sh").write_text("#!/bin/sh\necho other\n")
        other = flowc(tmp_path, "image", "build")
        assert other.returncode == 0 and other.stdout != built.stdout
        subprocess.run([podman, "rmi", other.stdout.strip()], check=True, capture_output=True)
    finally:
        subprocess.run([podman, "rmi", "--force", image], check=True, capture_output=True)


CLASS = f"""
target: local
plugins:
  tools:
    type: container
    docker: {{base_image: {IMAGE}, files: [double.sh], env: {{FACTOR: "2"}}}}
    components: {{/double: {{command: ./double.sh}}}}
routes: {{"/{{component}}": [{{plugin: tools}}]}}
"""
DOUBLE = """#!/bin/sh
x=$(/bin/sed "s/[^0-9]//g" $FLOWC_INPUT)
echo "{\\"y\\": $((x * FACTOR))}" > $FLOWC_OUTPUT
"""
FLOW = """
schema: flowc/v1
steps: [{id: double, component: /double, input: {x: {$input: x}}}]
output: {$step: double, path: y}
"""


def test_components_of_a_class_run_in_its_image(podman: str, tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text(CLASS)
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "double.sh").write_text(DOUBLE)
    (tmp_path / "double.sh").chmod(0o755)
    built = flowc(tmp_path, "image", "build")
    assert built.returncode == 0, built.stderr
    image = built.stdout.strip()
    assert image.startswith("localhost/flowc-class-default-tools:")
    try:
        ran = flowc(tmp_path, "run", "flow.yaml", "--input", '{"x": 21}')
        assert (ran.returncode, ran.stdout) == (0, "42\n"), ran.stderr
    finally:
        subprocess.run([podman, "rmi", "--force", image], check=True, capture_output=True)
