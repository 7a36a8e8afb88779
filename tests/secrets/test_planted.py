"""Planted secrets never show: not in files, plans, logs, errors, or the state store."""

from __future__ import annotations

import os
import re
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


def flowc(project: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "flowc"), *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), **environ},
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
    "broken",
    [
        f"{{password: {SECRET}",
        f"{{url: 'postgresql://me:{SECRET}@h/d}}",
        f"{{url: x, password: {SECRET}: more}}",
        f"password: {SECRET}: more",
        f"*{SECRET}",
        f"!{SECRET} x",
        f"\n  {SECRET}\n\t{SECRET}",
        f"@{SECRET}",
        f"{{\n  password: {SECRET},\n  user: {SECRET}\n",
        f"{{password: {SECRET}, password: a}}",
    ],
)
@pytest.mark.parametrize("file", ["stack.yaml", "flowc.yaml"])
def test_what_is_no_proper_yaml_shows_no_value(project: Path, broken: str, file: str) -> None:
    """Nobody can say which of its texts are passwords."""
    with (project / file).open("a") as text:
        text.write(f"state_store: {broken}\n")
    done = flowc(project, "check")
    assert done.returncode == 1
    assert re.search(r"FC10[137]", done.stdout + done.stderr)
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("store", "code"),
    [
        (f"{{url: 'postgresql://h/d', password: {SECRET}, nonsense: 1}}", "FC104"),
        (f"{{nonsense: 1, url: 'postgresql://me:{SECRET}@h/d', region: x}}", "FC104"),
        (f"'postgresqll://me:{SECRET}@h/d'", "FC113"),
        (f"'postgresql://me:{SECRET}@h/d?password={SECRET}'", "FC506"),
        (f"{{url: 's3://b', secret_access_key: {SECRET}}}", "FC506"),
    ],
)
def test_credentials_of_a_store_are_not_shown_by_any_finding(
    tmp_path: Path, store: str, code: str
) -> None:
    (tmp_path / "flow.yaml").write_text(
        "schema: flowc/v1\nsteps: [{id: a, component: /noop}]\noutput: {$step: a}\n"
    )
    (tmp_path / "stack.yaml").write_text(
        f"target: argo\nstate_store: {store}\nplugins: {{b: {{type: builtin}}}}\n"
        'routes: {"/{*component}": [{plugin: b}]}\n'
    )
    for form in ("human", "json", "github"):
        done = flowc(tmp_path, "check", "flow.yaml", "--format", form)
        assert done.returncode == 1
        assert code in done.stdout
        assert SECRET not in done.stdout + done.stderr


NAMED = """
stacks:
  {name}:
    target: {target}
    state_store: {store}
    variables: {{password: {{secret: db-password}}}}
    plugins:
      t: {{type: python, module: leaky_components, env: {{TOKEN: {{secret: db-token}}}}}}
      shell:
        type: command
        components:
          /say:
            command: [sh, -c, "echo $TOKEN; echo $TOKEN >&2; exit 3"]
            env: {{TOKEN: {{secret: db-token}}}}
          /tell:
            command:
              - sh
              - -c
              - printf '"%s"' "$TOKEN" > "$FLOWC_OUTPUT"
            env: {{TOKEN: {{secret: db-token}}}}
    routes:
      "/t/{{*component}}": [{{plugin: t}}]
      "/shell/{{*component}}": [{{plugin: shell}}]
"""
VALUES = {
    "FLOWC_SECRET_DB_PASSWORD": SECRET,
    "FLOWC_SECRET_DB_TOKEN": f"{SECRET}-token",
    "FLOWC_SECRET_STORE_KEY": f"{SECRET}-store",
}


def named(project: Path, flow: str, target: str, store: str) -> None:
    (project / "flowc.yaml").unlink()
    (project / "flow.yaml").write_text(flow)
    (project / "stack.yaml").write_text(NAMED.format(name="one", target=target, store=store))


@pytest.mark.parametrize("isolated", [[], ["--isolate"]])
@pytest.mark.parametrize(
    ("component", "told"),
    [("/t/connect", "cannot connect to db://user:***@host"), ("/shell/say", "***-token"),
     ("/shell/tell", "SECRET_IN_OUTPUT"), ("/t/back", "SECRET_IN_OUTPUT")],
)  # fmt: skip
def test_named_secrets_come_from_the_environment_and_stay_there(
    project: Path, component: str, told: str, isolated: list[str]
) -> None:
    named(project, FLOW.replace("/t/connect", component), "local", "sqlite:///state.db")
    code = COMPONENT + "\ndef back(input):\n    return {'url': input['url']}\n"
    (project / "leaky_components.py").write_text(code)
    done = flowc(project, "run", "flow.yaml", "--input", "{}", *isolated, **VALUES)
    assert done.returncode == 1
    if told not in done.stdout + done.stderr:
        assert "***" in done.stdout, done.stdout + done.stderr
    assert (project / "state.db").exists()
    assert SECRET not in written(project) + done.stdout + done.stderr


def test_a_default_a_loop_and_an_output_keep_no_secret(project: Path) -> None:
    declared = FLOW[: FLOW.index("steps:")]
    for steps in (
        "steps: []\noutput: {$variable: password}\n",
        "steps: [{id: a, component: /t/gone, onError: {action: useDefault, "
        "defaultValue: {$variable: password}}}]\noutput: {$step: a}\n",
        "steps: [{id: a, foreach: {items: [{$variable: password}]}, component: /t/none, "
        "input: 1}]\noutput: {$step: a}\n",
        "steps: [{id: a, foreach: {items: [1]}, steps: [{id: b, component: /t/none, input: 1}], "
        "output: [{$variable: password}, {$step: b}]}]\noutput: {$step: a}\n",
    ):
        (project / "flow.yaml").write_text(declared + steps)
        (project / "leaky_components.py").write_text("def none(input):\n    return input\n")
        (project / "stack.yaml").write_text(
            NAMED.format(name="one", target="local", store="sqlite:///state.db")
        )
        (project / "flowc.yaml").unlink(missing_ok=True)
        done = flowc(project, "run", "flow.yaml", "--input", "{}", **VALUES)
        assert "SECRET_IN_OUTPUT" in done.stdout, done.stdout + done.stderr
        assert SECRET not in written(project) + done.stdout + done.stderr


def test_a_secret_without_a_value_is_said_by_its_variable(project: Path) -> None:
    named(project, FLOW, "local", "sqlite:///state.db")
    done = flowc(project, "run", "flow.yaml", "--input", "{}")
    assert done.returncode == 1
    assert "set FLOWC_SECRET_DB_PASSWORD" in done.stdout
    store = "{url: 'postgresql://h/d', password: {secret: store-key}}"
    (project / "stack.yaml").write_text(NAMED.format(name="one", target="local", store=store))
    done = flowc(project, "run", "flow.yaml", "--input", "{}")
    assert done.returncode == 1
    assert "set FLOWC_SECRET_STORE_KEY" in done.stderr


@pytest.mark.parametrize("target", ["argo", "step-functions"])
def test_stores_and_classes_name_their_secrets_in_built_files(project: Path, target: str) -> None:
    store = "{url: 'postgresql://h/d', password: {secret: store-key}}"
    flow = FLOW.replace("output:", "  - {id: s, component: /shell/say}\noutput:")
    named(project, flow, target, store)
    done = flowc(project, "build", "flow.yaml", "--target", target, "-o", "out", **VALUES)
    assert done.returncode == 0, done.stderr
    text = written(project / "out")
    assert SECRET not in text + done.stdout + done.stderr
    for secret in ("db-password", "db-token", "store-key"):
        assert f"FLOWC_SECRET_{secret.upper().replace('-', '_')}" in text and secret in text
