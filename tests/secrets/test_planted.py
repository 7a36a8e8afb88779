"""Planted secrets never show: not in files, plans, logs, errors, or the state store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "hunter2-planted-secret"  # a value that nothing else contains
FLOW = """
schema: flowc/v1
name: leaky
schemas:
  properties:
    variables:
      type: object
      properties: {password: {type: string, is_secret: true}}
      required: [password]
steps:
  - id: connect
    component: /t/connect
    input: {password: {$variable: password}, url: {$expr: '"db://user:" + vars.password + "@host"'}}
    retry: {user: {max: 1, delay: 10ms}}
output: {$step: connect}
"""
PROJECT = """
project: leaks
default_environment: dev
flows: {leaky: {file: flow.yaml}}
environments:
  dev: {stack: laptop, variables: {password: "PLANTED"}}
  cluster: {stack: cluster, variables: {password: {secret: db-password}}}
  aws: {stack: aws, variables: {password: {secret: db-password}}}
  wrong: {stack: cluster, variables: {password: "PLANTED"}}
""".replace("PLANTED", SECRET)
STACK = """
stacks:
  laptop: &laptop
    target: local
    plugins: {t: {type: python, module: leaky_components}}
    routes: {"/t/{*component}": [{plugin: t}]}
  cluster:
    target: argo
    state_store: "s3://state"
    plugins: {t: {type: python, module: leaky_components}}
    routes: {"/t/{*component}": [{plugin: t}]}
  aws:
    target: step-functions
    state_store: "s3://state"
    plugins: {t: {type: python, module: leaky_components}}
    routes: {"/t/{*component}": [{plugin: t}]}
"""
COMPONENT = """
def connect(input):
    raise RuntimeError("cannot connect to " + input["url"])
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "flow.yaml": FLOW,
        "flowc.yaml": PROJECT,
        "stack.yaml": STACK,
        "leaky_components.py": COMPONENT,
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def flowc(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "flowc"), *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def written(project: Path) -> str:
    sources = {"flowc.yaml"}
    return "\n".join(
        path.read_bytes().decode("utf-8", "replace")
        for path in sorted(project.rglob("*"))
        if path.is_file() and path.name not in sources and "__pycache__" not in path.parts
    )


@pytest.mark.parametrize(
    ("environment", "target"), [("cluster", "argo"), ("aws", "step-functions")]
)
def test_built_files_name_the_secret_only(project: Path, environment: str, target: str) -> None:
    done = flowc(project, "build", "leaky", "--env", environment, "--target", target, "-o", "out")
    assert done.returncode == 0, done.stderr
    text = written(project) + done.stdout + done.stderr
    assert "db-password" in text
    assert SECRET not in text


def test_a_failing_run_shows_and_stores_no_secret(project: Path) -> None:
    done = flowc(project, "run", "leaky", "--env", "dev", "--input", "{}")
    assert done.returncode == 1
    assert "cannot connect to db://user:***@host" in done.stderr + done.stdout
    assert SECRET not in written(project) + done.stdout + done.stderr
    shown = flowc(project, "show", run_name(done.stderr), "connect", "--input")
    assert shown.returncode == 0, shown.stderr
    assert "***" in shown.stdout
    assert SECRET not in shown.stdout + shown.stderr


def run_name(progress: str) -> str:
    return next(line.split()[1] for line in progress.splitlines() if line.startswith("run "))


def test_a_plain_secret_for_a_cluster_is_refused_without_being_shown(project: Path) -> None:
    done = flowc(project, "check", "leaky", "--env", "wrong", "--target", "argo")
    assert done.returncode == 1
    assert "FC506" in done.stdout
    assert f"password: {'*' * len(SECRET)}" in done.stdout.replace('"', "")
    assert SECRET not in written(project) + done.stdout + done.stderr


def test_a_plain_default_and_a_password_in_a_url_are_not_shown(project: Path) -> None:
    flow = (project / "flow.yaml").read_text()
    flow = flow.replace("is_secret: true", f"is_secret: true, default: {SECRET}")
    (project / "alone").mkdir()
    (project / "alone/flow.yaml").write_text(flow)
    (project / "alone/stack.yaml").write_text(
        f"target: argo\nstate_store: postgresql://me:{SECRET}@host/db\n"
        "plugins: {t: {type: mock, components: {/connect: {behaviors: {}}}}}\n"
        'routes: {"/t/{*component}": [{plugin: t}]}\n'
    )
    done = flowc(project / "alone", "check", "flow.yaml", "--stack-file", "stack.yaml")
    assert done.returncode == 1
    assert "FC506" in done.stdout
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "store",
    [
        f"{{url: 'postgresql://h/d', password: {SECRET}, nonsense: 1}}",
        f"{{url: 'postgresql://me:{SECRET}@h/d', region: x}}",
        f"'postgresqll://me:{SECRET}@h/d'",
        f"'postgresql://me:{SECRET}@h/d?password={SECRET}'",
        f"{{url: 's3://b', secret_access_key: {SECRET}}}",
    ],
)
def test_credentials_of_a_store_are_not_shown_by_any_finding(project: Path, store: str) -> None:
    stack = f"state_store: {store}\nplugins: {{}}\nroutes: {{}}\n"
    (project / "other.yaml").write_text(stack)
    for form in ("human", "json", "github"):
        done = flowc(project, "check", "flow.yaml", "--stack-file", "other.yaml", "--format", form)
        assert done.returncode == 1
        assert SECRET not in done.stdout + done.stderr
